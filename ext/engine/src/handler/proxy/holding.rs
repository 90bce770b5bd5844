//! `buffering`: a response is taken in while its client is still busy with what came before, so that a slow client
//! holds neither a place at the backend nor a thread of the application.

use proxy_http::message::{Fields, Known};

use super::response::give_back;
use super::Proxy;
use crate::channel::Channel;
use crate::error::Error;
use crate::relay::{self, Held, Limits, Pace, RequestBody};
use crate::request::Exchange;
use crate::upstream::Keep;

/// What a backend asks for in `X-Accel-Buffering`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WantedBuffering {
    /// Nothing: the configuration decides.
    Any,
    Yes,
    No,
}

impl WantedBuffering {
    /// What the fields of a response ask for.
    #[inline]
    pub(super) fn of(fields: &Fields) -> Self {
        if fields.lacks(Known::XAccelBuffering) {
            return Self::Any;
        }
        Self::said(fields)
    }

    #[cold]
    fn said(fields: &Fields) -> Self {
        match fields.get(Known::XAccelBuffering) {
            Some(value) if value.eq_ignore_ascii_case(b"no") => Self::No,
            Some(value) if value.eq_ignore_ascii_case(b"yes") => Self::Yes,
            _ => Self::Any,
        }
    }
}

/// Whether the type of a response says that only its latest part matters, as soon as it is there: events, calls, and
/// pictures that replace each other.
fn is_live(fields: &Fields) -> bool {
    let media = fields.get(Known::ContentType).unwrap_or_default();
    let begins = |name: &[u8]| media.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    relay::is_event_stream(fields) || begins(b"application/grpc") || begins(b"multipart/x-mixed-replace")
}

impl Proxy {
    /// Whether a response with these fields is taken in, once its client is slower than the backend.
    #[cold]
    pub(super) fn holds(&self, wanted: WantedBuffering, fields: &Fields) -> bool {
        let on = match wanted {
            WantedBuffering::Any => self.buffering,
            WantedBuffering::Yes => true,
            WantedBuffering::No => false,
        };
        on && !is_live(fields)
    }

    /// Takes the rest of the response in, lets the backend go, and then sends what the client has not taken. `keep`:
    /// the connection may be used again.
    pub(super) async fn pass_held(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        body: &mut RequestBody,
        limits: &Limits,
        mut pace: Pace,
        keep: Option<Keep>,
    ) -> Result<(), Error> {
        let mut held = Held::new(&self.hold, &exchange.tools.memory);
        if let Some(backend) = answered {
            let heads = (&exchange.work.request.fields, &exchange.work.response.fields);
            let client = &mut *exchange.client;
            let taken = relay::take_in(client, backend, body, heads, limits, &mut held, &mut pace, |_| ()).await;
            if let Some(error) = held.take_trouble() {
                exchange.warn(format_args!("the disk takes no more of the response: {error}"));
            }
            taken?;
            self.let_go(exchange, answered, body, limits, keep, held.failure());
        }
        relay::send_held(exchange.client, held, pace, limits.client_write, limits.rate).await
    }

    /// Lets the backend go, which has nothing more to do for the request: the next one need not wait for the client.
    pub(super) fn let_go(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        body: &mut RequestBody,
        limits: &Limits,
        keep: Option<Keep>,
        failure: Option<&Error>,
    ) {
        exchange.send_copies(body, true);
        if let (Some(backend), true) = (answered.as_mut(), failure.is_some() || !body.is_complete()) {
            body.let_go_of(backend, limits.write);
        }
        let keep = keep.filter(|_| failure.is_none());
        give_back(exchange, answered, body, keep);
        *answered = None;
        if let Some(attempt) = &exchange.outcome.backend {
            if let Some(error) = failure {
                attempt.cut_for(error);
            }
            attempt.has_served();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &str) -> Fields {
        let mut fields = Fields::default();
        fields.read_lines(lines.as_bytes());
        fields
    }

    #[test]
    fn the_backend_may_say_whether_it_wants_it() {
        for (lines, wanted) in [
            ("Content-Type: text/html\r\n", WantedBuffering::Any),
            ("X-Accel-Buffering: no\r\n", WantedBuffering::No),
            ("x-accel-buffering: YES\r\n", WantedBuffering::Yes),
            ("X-Accel-Buffering: perhaps\r\n", WantedBuffering::Any),
        ] {
            assert_eq!(WantedBuffering::of(&fields(lines)), wanted, "{lines}");
        }
    }

    #[test]
    fn what_is_live_is_known_by_its_type_with_any_parameters() {
        for (media, live) in [
            ("text/event-stream", true),
            ("Text/Event-Stream ; charset=utf-8", true),
            ("text/event-streams", false),
            ("application/grpc+proto", true),
            ("application/grpc-web-text", true),
            ("multipart/x-mixed-replace; boundary=a", true),
            ("multipart/form-data; boundary=a", false),
            ("text/html", false),
        ] {
            assert_eq!(is_live(&fields(&format!("Content-Type: {media}\r\n"))), live, "{media}");
        }
        assert!(!is_live(&fields("")));
    }
}

//! Small responses that get a tag: they are taken in whole before their head is passed on.

use proxy_http::message::Framing;

use super::{Limits, Proxy};
use crate::channel::Channel;
use crate::error::{EndReason, Side};
use crate::relay::{self, RequestBody};
use crate::request::{Exchange, Verdict};
use crate::upstream::{Attempt, Keep};

impl Proxy {
    /// Passes a response on that has a body of `length` bytes and gets a tag. The backend is let go before the client
    /// gets anything; if it fails before that, the client gets an error response.
    pub(super) async fn respond_tagged(
        &self,
        exchange: &mut Exchange<'_>,
        answered: &mut Option<Channel>,
        body: &mut RequestBody,
        length: usize,
        keep: Option<Keep>,
    ) -> Verdict {
        let mut data = Vec::new();
        let mut limits = self.limits;
        if let Some(backend) = answered.as_mut() {
            limits = self.limits(exchange, backend);
            backend.begin_reading(Framing::Length(length as u64));
            match relay::take_whole(exchange.client, backend, length, limits.read).await {
                Ok(whole) => data = whole,
                Err(error) => {
                    body.let_go_of(backend, limits.write);
                    *answered = None;
                    if let (Side::Backend, Some(attempt)) = (error.side, &exchange.outcome.backend) {
                        attempt.cut_for(&error);
                        exchange.warn(format_args!("{}: response cut short: {error}", attempt.label()));
                    }
                    return exchange.answer_failure(&error, self.answer_to(&error)).await;
                }
            }
        }
        self.let_go(exchange, answered, body, &limits, keep, None);
        let framing = match exchange.tag(&data) {
            true => Framing::None,
            false => Framing::Length(data.len() as u64),
        };
        self.send_whole(exchange, &data, framing, &limits).await
    }

    /// Answers 304 in place of a response that the client has already: its conditions were held back from the backend.
    /// The connection to that one is closed, with the body unread.
    pub(super) async fn respond_not_modified(
        &self,
        exchange: &mut Exchange<'_>,
        backend: &mut Option<Channel>,
        attempt: Attempt,
        body: &mut RequestBody,
    ) -> Verdict {
        body.let_go();
        exchange.outcome.backend = Some(attempt);
        *backend = None;
        exchange.say_not_modified();
        self.send_whole(exchange, &[], Framing::None, &self.limits).await
    }

    /// Sends the response in `work.response` with a body that is there.
    async fn send_whole(&self, exchange: &mut Exchange<'_>, data: &[u8], framing: Framing, limits: &Limits) -> Verdict {
        exchange.keep_alive &= !exchange.tools.is_draining();
        exchange.answering(exchange.work.response.status);
        self.write_response(exchange, framing);
        if !framing.is_empty() {
            exchange.client.channel.write_body(data);
        }
        match relay::flush(exchange.client, limits.client_write, limits.rate).await {
            Ok(()) if exchange.keep_alive => Verdict::KeepAlive,
            Ok(()) => Verdict::Close,
            Err(error) => {
                exchange.ends_for(EndReason::from(&error));
                exchange.note_departure(&error);
                Verdict::after(&error)
            }
        }
    }
}

//! Server-sent events: a response that may last for ever.

use std::cell::Cell;
use std::future::{poll_fn, Future};
use std::pin::pin;
use std::task::Poll;

use proxy_http::message::{Fields, Known};

use super::{flush, ClientChannel, Rate};
use crate::error::{Error, Kind, Retry, Side};
use crate::long_lived::{LongLived, FAREWELL};

/// Whether the content type is `text/event-stream`, with any parameters.
pub(crate) fn is_event_stream(fields: &Fields) -> bool {
    let media = fields.get(Known::ContentType).and_then(|value| value.split(|byte| *byte == b';').next());
    media.is_some_and(|media| media.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

/// Tracks an event stream while it passes.
#[derive(Debug)]
pub(crate) struct Events {
    /// The last bytes that passed.
    tail: Cell<[u8; 4]>,
}

impl Default for Events {
    /// The beginning counts as a place between two events.
    fn default() -> Self {
        Self { tail: Cell::new(*b"\n\n\n\n") }
    }
}

impl Events {
    /// Tracks data that passes.
    pub(crate) fn pass(&self, data: &[u8]) {
        let mut tail = self.tail.get();
        for byte in &data[data.len().saturating_sub(tail.len())..] {
            tail.rotate_left(1);
            tail[3] = *byte;
        }
        self.tail.set(tail);
    }

    /// Whether the last event is complete: an empty line ends it.
    fn are_whole(&self) -> bool {
        let tail = self.tail.get();
        tail == *b"\r\n\r\n" || tail.ends_with(b"\n\n") || tail.ends_with(b"\r\r")
    }

    /// Runs `relay`, which passes the events on, until it ends or `open` is over. In the latter case an error.
    pub(crate) async fn until_over(
        relay: impl Future<Output = Result<(), Error>>,
        open: &mut LongLived<'_>,
    ) -> Result<(), Error> {
        let mut relay = pin!(relay);
        poll_fn(|cx| match relay.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => open.poll_over(cx).map(|()| Err(stopping())),
        })
        .await
    }

    /// Ends the response properly, so that a browser connects again at once. `false` if that is not possible: an event
    /// is incomplete, or the client takes nothing.
    pub(crate) async fn end(&self, client: &mut ClientChannel) -> bool {
        if !self.are_whole() || !client.channel.may_end_body() {
            return false;
        }
        client.channel.end_body(None);
        flush(client, FAREWELL, Rate::ANY).await.is_ok()
    }
}

fn stopping() -> Error {
    Error { kind: Kind::Stopping, side: Side::Us, retry: Retry::Never }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_line_ends_an_event_whatever_ends_a_line_and_however_it_is_cut() {
        for (text, whole) in [
            ("", true),
            ("data: a\n\n", true),
            ("data: a\r\n\r\n", true),
            ("data: a\r\r", true),
            ("data: a\n", false),
            ("data: a\r\n", false),
            ("data: a\n\ndata", false),
            ("x", false),
            (":\n\n", true),
        ] {
            for piece in [1, 2, 5, 100] {
                let events = Events::default();
                text.as_bytes().chunks(piece).for_each(|piece| events.pass(piece));
                assert_eq!(events.are_whole(), whole, "{text:?} in pieces of {piece}");
            }
        }
    }
}

//! Where the time of a request went, and what it brought.

use std::time::Duration;

use crate::relay::Waits;

/// Times and bytes of one request. A time is measured only if there was something to wait for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Time in queues for a backend; zero if the request did not wait.
    pub(crate) queue: Duration,
    /// Time of connecting to backends, TLS included; zero if there was a connection.
    pub(crate) connect: Duration,
    /// Time from the first byte of the request until the head of the backend's response. `None` without one.
    pub(crate) first_byte: Option<Duration>,
    /// Bytes of the request's body, or of the tunnel, that the client sent and that were taken.
    pub(crate) request_bytes: u64,
}

impl Figures {
    /// Adds the waits of the request, and what it brought.
    pub(crate) fn finish(&mut self, waits: &Waits, request_bytes: u64) {
        (self.queue, self.connect) = waits.totals();
        self.request_bytes = request_bytes;
    }
}

//! Memory for requests.

use proxy_http::message::{Lines, RequestHead, ResponseHead};
use tokio::time::Instant;

use super::ResponseAdditions;
use crate::rewrite::{Captured, RenderedTarget, RenderedValues};
use crate::tracing::Trace;

/// Memory that one request works in, reused by the next.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) request: RequestHead,
    /// Arrival of the first byte, if it came before the rest of the head. Later the time at which the request was taken
    /// up.
    pub(crate) begun: Option<Instant>,
    /// End of the exchange, if the clock was read then.
    pub(crate) ended: Option<Instant>,
    /// What is recorded of the request so far.
    pub(crate) recorded: RecordStage,
    /// Lines of the request as the client sent them, if a log needs them.
    pub(crate) as_sent: Lines,
    pub(crate) response: ResponseHead,
    /// Fields that filters add to the response, whether a backend or the proxy makes it.
    pub(crate) response_additions: ResponseAdditions,
    /// Trace that the request belongs to. `None` without `tracing`.
    pub(crate) trace: Option<Box<Trace>>,
    /// User that a filter has found for the request; empty if none did.
    pub(crate) user: Vec<u8>,
    /// Captures of the locations that matched the request.
    pub(crate) captured: Captured,
    pub(crate) target: RenderedTarget,
    /// First bytes of a new connection to the backend.
    pub(crate) introduction: Vec<u8>,
    pub(crate) values: RenderedValues,
    pub(crate) scratch: Vec<u8>,
    /// Failures of one backend after the other, for one line of the log; usually empty.
    pub(crate) failures: String,
}

/// How far the record of a request is: after a panic, what is missing is added, and nothing twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum RecordStage {
    /// The request goes on, or all of it is recorded.
    #[default]
    Nothing,
    /// It is over.
    Begun,
    /// Metrics have it.
    Counted,
    /// Logs have it too.
    Logged,
}

impl Workspace {
    /// Sets the user of the request.
    pub(crate) fn set_user(&mut self, user: &[u8]) {
        self.user.clear();
        self.user.extend_from_slice(user);
    }

    /// Bytes of text that fit without an allocation.
    pub(super) fn capacity(&self) -> usize {
        let heads =
            self.request.fields.capacity() + self.response.fields.capacity() + self.response_additions.capacity();
        let target = self.target.authority.capacity() + self.target.path_and_query.capacity();
        heads
            + target
            + self.values.capacity()
            + self.scratch.capacity()
            + self.user.capacity()
            + self.failures.capacity()
    }
}

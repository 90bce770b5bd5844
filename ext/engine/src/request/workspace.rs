//! Memory for requests.

use proxy_http::message::{Lines, RequestHead, ResponseHead};
use tokio::time::Instant;

use super::ResponseAdditions;
use crate::rewrite::{Captured, RenderedTarget, RenderedValues};

/// Memory that one request works in, handed on to the next.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) request: RequestHead,
    /// When its first byte came, if that was before the rest of its head; from then on, when it was taken up.
    pub(crate) begun: Option<Instant>,
    /// The request's lines as the client sent them, if the access log will ask.
    pub(crate) as_sent: Lines,
    pub(crate) response: ResponseHead,
    /// Fields that filters want on the response, whoever makes it.
    pub(crate) extra: ResponseAdditions,
    /// Whom a filter found the request to be from; empty if none did.
    pub(crate) user: Vec<u8>,
    /// What the locations that took the request captured.
    pub(crate) captured: Captured,
    pub(crate) target: RenderedTarget,
    /// What a new connection to the backend begins with.
    pub(crate) introduction: Vec<u8>,
    pub(crate) values: RenderedValues,
    pub(crate) scratch: Vec<u8>,
    /// What went wrong with one backend after the other, for one line of the log; usually empty.
    pub(crate) failures: String,
}

impl Workspace {
    /// Notes whom the request is from.
    pub(crate) fn set_user(&mut self, user: &[u8]) {
        self.user.clear();
        self.user.extend_from_slice(user);
    }

    /// Bytes of text that it has room for.
    pub(super) fn capacity(&self) -> usize {
        let heads = self.request.fields.capacity() + self.response.fields.capacity() + self.extra.capacity();
        let target = self.target.authority.capacity() + self.target.path_and_query.capacity();
        heads
            + target
            + self.values.capacity()
            + self.scratch.capacity()
            + self.user.capacity()
            + self.failures.capacity()
    }
}

//! How long the body of a request may be.

use std::sync::Arc;

use proxy_http::message::Framing;

use super::{Exchange, Verdict};
use crate::error::Cause;
use crate::relay;
use crate::respond::ErrorResponse;

/// The longest body, and the answer to a longer one.
#[derive(Debug)]
pub(crate) struct BodyLimit {
    bytes: u64,
    error_response: Arc<ErrorResponse>,
}

impl BodyLimit {
    /// A limit in bytes, and the answer to a longer body.
    pub(crate) fn new(bytes: u64, error_response: Arc<ErrorResponse>) -> Arc<Self> {
        Arc::new(Self { bytes, error_response })
    }

    /// A limit whose answer is the built-in one.
    pub(crate) fn plain(bytes: u64) -> Arc<Self> {
        Self::new(bytes, Arc::clone(crate::respond::built_in(Cause::BodyTooLong.status())))
    }

    /// What is answered to a longer body.
    pub(crate) fn error_response(&self) -> &ErrorResponse {
        &self.error_response
    }

    /// Holds the request to it: refuses a body whose length is told and too much, and sees to it that of one whose
    /// length nobody knows no more is read.
    pub(crate) async fn hold(self: &Arc<Self>, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match exchange.framing {
            Framing::Length(length) if length > self.bytes => {
                return Some(exchange.answer_error(&self.error_response).await);
            }
            Framing::Chunked => exchange.client.channel.limit_body(self.bytes),
            Framing::None | Framing::Length(_) | Framing::UntilClose => {}
        }
        exchange.body_limit = Some(Arc::clone(self));
        None
    }

    /// Refuses a body whose length nobody told and that turns out to be too long, where no backend is to get it. One
    /// that waits to be asked for is left alone.
    pub(crate) async fn measure(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if exchange.expects_go_ahead() {
            return None;
        }
        let limits = exchange.globals.limits;
        match relay::skip_body(exchange.client, limits.client_body, limits.rate).await {
            Ok(()) => None,
            Err(error) => Some(exchange.answer_failure(&error, &self.error_response).await),
        }
    }
}

//! Limit for the length of a request body.

use std::sync::Arc;

use proxy_http::message::Framing;

use super::{Exchange, Verdict};
use crate::error::{Cause, EndReason};
use crate::relay;
use crate::respond::ErrorResponse;

/// The limit for a body, and the answer to a longer one.
#[derive(Debug)]
pub(crate) struct BodyLimit {
    bytes: u64,
    error_response: Arc<ErrorResponse>,
}

impl BodyLimit {
    /// A limit of `bytes`; `error_response` is the answer to a longer body.
    pub(crate) fn new(bytes: u64, error_response: Arc<ErrorResponse>) -> Arc<Self> {
        Arc::new(Self { bytes, error_response })
    }

    /// A limit with the built-in answer.
    pub(crate) fn plain(bytes: u64) -> Arc<Self> {
        Self::new(bytes, Arc::clone(crate::respond::built_in(Cause::BodyTooLong.status())))
    }

    /// The answer to a longer body.
    pub(crate) fn error_response(&self) -> &ErrorResponse {
        &self.error_response
    }

    /// Applies the limit to a request: refuses a body whose announced length is too long, and sets the limit for a body
    /// of unknown length.
    pub(crate) async fn hold(self: &Arc<Self>, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match exchange.framing {
            Framing::Length(length) if length > self.bytes => {
                return Some(exchange.refuse(EndReason::Limit, &self.error_response).await);
            }
            Framing::Chunked => exchange.client.channel.limit_body(self.bytes),
            Framing::None | Framing::Length(_) | Framing::UntilClose => {}
        }
        exchange.body_limit = Some(Arc::clone(self));
        None
    }

    /// Reads a body of unknown length that no backend gets, and refuses it if it is too long. A body for which the
    /// client waits for `100 Continue` is not read.
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

//! `max_body`: how long the body of a request may be.

use std::sync::Arc;

use proxy_http::message::Framing;
use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compile::{Report, Word};
use crate::config::{At, ErrorResponseConfig};
use crate::exchange;
use crate::forward::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::snapshot::Compiler;

/// `max_body 1_048_576`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxBodyConfig {
    /// The longest body.
    pub bytes: Option<i64>,
    /// What a request with a longer one is answered. Default: the built-in 413.
    pub error_response: Option<ErrorResponseConfig>,
    /// Where it was written.
    pub at: Option<At>,
}

/// A limit for what comes behind it.
#[derive(Debug)]
pub(crate) struct MaxBody(Arc<BodyLimit>);

/// The longest body, and the answer to a longer one.
#[derive(Debug)]
pub(crate) struct BodyLimit {
    bytes: u64,
    error_response: Arc<ErrorResponse>,
}

impl Filtering for MaxBody {
    type Config = MaxBodyConfig;

    fn compile(config: &MaxBodyConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let bytes = match config.bytes {
            None => Err("the value is missing: write a number of bytes, such as 1_048_576".to_owned()),
            Some(bytes) => u64::try_from(bytes).map_err(|_| format!("{bytes} is negative: write a number of bytes")),
        };
        let bytes = report.ok(bytes);
        let error_response = ErrorResponse::compile(config.error_response.as_ref(), 413, &mut report);
        let bytes = bytes.filter(|_| report.is_sound())?;
        Some(Self(Arc::new(BodyLimit { bytes, error_response })))
    }

    /// The innermost limit holds: the request is held to it once it has passed all filters.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        exchange.body_limit = Some(Arc::clone(&self.0));
        None
    }
}

impl BodyLimit {
    /// A limit whose answer is the built-in one.
    pub(crate) fn plain(bytes: u64) -> Arc<Self> {
        Arc::new(Self { bytes, error_response: Arc::clone(crate::respond::built_in(413)) })
    }

    /// What is answered to a longer body.
    pub(crate) fn error_response(&self) -> &ErrorResponse {
        &self.error_response
    }

    /// Holds the request to it: refuses a body whose length is told and too much, and sees to it that of one whose length
    /// nobody knows no more is read.
    pub(crate) async fn hold(self: &Arc<Self>, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match exchange.framing {
            Framing::Length(length) if length > self.bytes => {
                return Some(exchange.answer_error(&self.error_response).await);
            }
            Framing::Chunked => exchange.client.peer.limit_body(self.bytes),
            Framing::None | Framing::Length(_) | Framing::UntilClose => {}
        }
        exchange.body_limit = Some(Arc::clone(self));
        None
    }

    /// Refuses a body whose length nobody told and that turns out to be too long, where no backend is to get it. One that waits to be asked
    /// for is left alone.
    pub(crate) async fn measure(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        if exchange.expects_go_ahead() {
            return None;
        }
        let limits = exchange.snapshot.limits;
        match exchange::skip_body(exchange.client, limits.client_body, limits.rate).await {
            Ok(()) => None,
            Err(error) => Some(exchange.answer_failure(&error, &self.error_response).await),
        }
    }
}

#[cfg(test)]
mod tests;

//! `max_body`: the longest body of a request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig};
use crate::error::Cause;
use crate::request::{BodyLimit, Exchange, Verdict};
use crate::respond::ErrorResponse;

/// `max_body 1_048_576`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxBodyConfig {
    /// Length of the longest body, in bytes.
    pub bytes: Option<i64>,
    /// Response to a request with a longer body. Default: the built-in 413.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// Limit for the filters and the handler that follow.
#[derive(Debug)]
pub(crate) struct MaxBody(Arc<BodyLimit>);

impl Filtering for MaxBody {
    type Config = MaxBodyConfig;

    fn compile(config: &MaxBodyConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let bytes = match config.bytes {
            None => Err("the value is missing: write a number of bytes, such as 1_048_576".to_owned()),
            Some(bytes) => u64::try_from(bytes).map_err(|_| format!("{bytes} is negative: write a number of bytes")),
        };
        let bytes = report.ok(bytes);
        let error_response =
            ErrorResponse::compile(config.error_response.as_ref(), Cause::BodyTooLong.status(), &mut report);
        let bytes = bytes.filter(|_| report.is_sound())?;
        Some(Self(BodyLimit::new(bytes, error_response)))
    }

    /// Sets the limit. The innermost limit counts: it is enforced once the request has passed all filters.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        exchange.body_limit = Some(Arc::clone(&self.0));
        None
    }
}

#[cfg(test)]
mod tests;

//! `rewrite`: changes the path for the filters and the handler that follow.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Filtering;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig};
use crate::error::EndReason;
use crate::request::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::rewrite::TargetTemplate;

/// `rewrite path: "/v2{path}"`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewriteConfig {
    /// The new path, a string rewrite. With a `?` or `{query}` in it, the new query too.
    pub path: Option<String>,
    /// Response to a request whose new path is not valid. Default: the built-in 400.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// A new path, and perhaps a new query.
#[derive(Debug)]
pub(crate) struct Rewrite {
    target: TargetTemplate,
    /// Whether the template does not mention the query, so that the query is kept.
    keeps_query: bool,
    error_response: Arc<ErrorResponse>,
}

impl Filtering for Rewrite {
    type Config = RewriteConfig;

    fn compile(config: &RewriteConfig, compiler: &mut Compiler) -> Option<Self> {
        let mut report = Report::new(Self::WORD, config.at.as_ref(), &mut compiler.problems);
        let target = match &config.path {
            Some(path) => report.within("path").ok(TargetTemplate::parse_path(path)),
            None => report.ok(Err("`path` is missing: write path: \"/v2{path}\"")),
        };
        if let Some(target) = &target {
            report.within("path").warnings(target.warnings(&compiler.captures.names()));
        }
        let error_response = ErrorResponse::compile(config.error_response.as_ref(), 400, &mut report);
        let target = target.filter(|_| report.is_sound())?;
        Some(Self { keeps_query: !target.shows_query(), target, error_response })
    }

    /// Changes the path of the request. A request whose new path is not valid is refused.
    async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        // `OPTIONS *` has no path.
        if exchange.work.request.path() == b"*" {
            return None;
        }
        let mut target = std::mem::take(&mut exchange.work.target);
        let rendered = self.target.render(&exchange.scope(exchange.work.request.path()), &mut target);
        let changed = match rendered {
            Err(why) => Err(why.to_string()),
            Ok(()) => {
                if self.keeps_query {
                    encode_question_marks(&mut target.path_and_query);
                }
                let request = &mut exchange.work.request;
                request.set_target(&target.path_and_query, self.keeps_query).map_err(|why| why.to_string())
            }
        };
        exchange.work.target = target;
        match changed {
            Ok(()) => None,
            Err(why) => {
                exchange.debug(format_args!("refused by rewrite: {why}"));
                Some(exchange.refuse(EndReason::Malformed, &self.error_response).await)
            }
        }
    }
}

/// Encodes each `?` that a value brought into the path, so that it does not begin a query.
fn encode_question_marks(path: &mut Vec<u8>) {
    let Some(first) = memchr::memchr(b'?', path) else { return };
    for byte in path.split_off(first) {
        match byte {
            b'?' => path.extend_from_slice(b"%3F"),
            byte => path.push(byte),
        }
    }
}

#[cfg(test)]
mod tests;

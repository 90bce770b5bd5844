//! `rewrite`: another path for what comes behind it.

use std::sync::Arc;

use crate::config::{self, Problem};
use crate::forward::{Exchange, Verdict};
use crate::respond::ErrorResponse;
use crate::rewrite::TargetTemplate;
use crate::snapshot::Compiler;

/// A new path, and perhaps a new query.
#[derive(Debug)]
pub(crate) struct RewritePath {
    target: TargetTemplate,
    /// Whether the template says nothing of the query, so that it stays what it is.
    keeps_query: bool,
    error_response: Arc<ErrorResponse>,
}

impl RewritePath {
    /// Checks the directive. `None` if it is wrong.
    pub(super) fn compile(spec: &config::RewritePath, compiler: &mut Compiler) -> Option<Self> {
        let at = spec.at.as_ref();
        let problems = &mut compiler.problems;
        let target = match spec.path.as_deref().map(TargetTemplate::parse_path) {
            None => Err("`path` is missing: write path: \"/v2{path}\"".into()),
            Some(Err(message)) => Err(format!("path: {message}")),
            Some(Ok(target)) => Ok(target),
        };
        let target = target.map_err(|message| problems.push(Problem::error(at, "rewrite", message))).ok();
        let captures = compiler.captures.names();
        for warning in target.iter().flat_map(|target| target.warnings(&captures)) {
            problems.push(Problem::warning(at, "rewrite", format!("path: {warning}")));
        }
        let before = compiler.error_count();
        let error_response =
            ErrorResponse::compile(spec.error_response.as_ref(), 400, at, "rewrite", &mut compiler.problems);
        let target = target.filter(|_| compiler.error_count() == before)?;
        Some(Self { keeps_query: !target.shows_query(), target, error_response })
    }

    /// Changes the path of the request. One that no valid path comes of is refused.
    pub(super) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        // `OPTIONS *` asks for no path.
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
                Some(exchange.answer_error(&self.error_response).await)
            }
        }
    }
}

/// In a path that a value brought a `?` into, it stands for itself.
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
mod tests {
    use super::*;

    #[test]
    fn question_marks_are_encoded_in_linear_time() {
        let encoded = |text: &str| {
            let mut path = text.as_bytes().to_vec();
            encode_question_marks(&mut path);
            String::from_utf8(path).expect("text")
        };
        assert_eq!(encoded("/a?b=c??"), "/a%3Fb=c%3F%3F");
        assert_eq!(encoded("/a"), "/a");
        let begun = tokio::time::Instant::now();
        assert_eq!(encoded(&"?".repeat(1_000_000)).len(), 3_000_000);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

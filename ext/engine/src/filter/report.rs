//! What is wrong with a filter's directive.

use std::sync::Arc;

use proxy_http::headers::CONNECTION_FIELDS;
use proxy_http::message::{FieldName, Known};

use crate::config::{self, At, Problem, Severity};
use crate::files;
use crate::respond::ErrorResponse;

/// Collects one directive's problems.
pub(super) struct Report<'a> {
    word: &'static str,
    at: Option<&'a At>,
    pub(super) problems: &'a mut Vec<Problem>,
    before: usize,
}

impl<'a> Report<'a> {
    /// Begins to check the directive `word`.
    pub(super) fn new(word: &'static str, at: Option<&'a At>, problems: &'a mut Vec<Problem>) -> Self {
        let before = problems.len();
        Self { word, at, problems, before }
    }

    pub(super) fn error(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::error(self.at, self.word, message));
    }

    pub(super) fn warning(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::warning(self.at, self.word, message));
    }

    /// Whether nothing was wrong so far.
    pub(super) fn is_sound(&self) -> bool {
        self.problems[self.before..].iter().all(|problem| problem.severity != Severity::Error)
    }

    /// The `error_response` option; `usual` is the status of the built-in one.
    pub(super) fn error_response(&mut self, spec: Option<&config::ErrorResponse>, usual: u16) -> Arc<ErrorResponse> {
        ErrorResponse::compile(spec, usual, self.at, self.word, self.problems)
    }

    /// A name that a field can have.
    pub(super) fn field_name(&mut self, option: &str, text: &str) -> Option<FieldName> {
        let name = FieldName::new(text);
        if name.is_none() {
            self.error(format!("{option}: {text:?} is not a valid header name: use letters, digits and hyphens"));
        }
        name
    }

    /// The name of a field that a filter may set on a request.
    pub(super) fn request_field(&mut self, option: &str, text: &str) -> Option<FieldName> {
        let name = self.field_name(option, text)?;
        if name.known().is_some_and(|known| known == Known::Host || CONNECTION_FIELDS.contains(&known)) {
            self.error(format!("{option}: {text:?} is set by the proxy itself: leave it out"));
            return None;
        }
        if text.contains(['_', '.']) {
            self.error(format!(
                "{option}: {text:?} would not be passed on, since backends cannot tell `_` and `.` from `-`: write {:?}",
                text.replace(['_', '.'], "-")
            ));
            return None;
        }
        Some(name)
    }

    /// The contents of a file, which is read once, at load.
    pub(super) fn file(&mut self, option: &str, path: &str) -> Option<Vec<u8>> {
        match files::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.error(format!("{option}: cannot read {path:?} ({error}): write the path of a readable file"));
                None
            }
        }
    }
}

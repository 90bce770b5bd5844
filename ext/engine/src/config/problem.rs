//! Mistakes of a configuration, and their remedies.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct At {
    /// File, named as the person named it.
    pub file: String,
    /// Line of the file, counted from 1.
    pub line: u32,
}

/// Severity of a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The server does not start.
    Error,
    /// Legal, but surely not intended. `proxy check` prints it.
    Warning,
}

/// Kind of a [`Problem`], for programs. Messages are for people, and may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// A value that keeps the server from starting.
    Value,
    /// Something legal that looks like a slip.
    Slip,
    /// A location or a handler that no request ever reaches, since another one takes all requests before it.
    Unreachable,
    /// A location without a handler, or challenges of an authority that no address answers.
    Unanswered,
    /// An upstream that no `proxy` uses, or `acme` with nothing to order.
    Unused,
    /// A configuration in which nothing is proxied. It has no line.
    Empty,
}

/// One mistake: the directive, what is wrong with which value, and the remedy.
///
/// It reads `Proxyfile:12: proxy: backends: "localhost:http" is no address: the port must be a number from 1 to 65535`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
    /// Word that was written (`proxy`, `bind`).
    pub directive: String,
    /// Kind of the mistake.
    pub code: Code,
    /// What is wrong, with the value, and what to write instead.
    pub message: String,
    /// Whether it is an error or a warning.
    pub severity: Severity,
}

impl Problem {
    /// A mistake that keeps the server from starting.
    pub fn error(at: Option<&At>, directive: &str, message: impl Into<String>) -> Self {
        let message = without_secrets(message.into());
        Self { at: at.cloned(), directive: directive.into(), code: Code::Value, message, severity: Severity::Error }
    }

    /// A warning of something legal that looks like a slip.
    pub fn warning(at: Option<&At>, directive: &str, message: impl Into<String>) -> Self {
        Self::warning_of(Code::Slip, at, directive, message)
    }

    /// A warning of something legal and surely not intended, with a code for programs.
    pub fn warning_of(code: Code, at: Option<&At>, directive: &str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Warning, ..Self::error(at, directive, message) }
    }
}

/// Whether the server can start: none of the problems is an error.
pub(crate) fn are_sound(problems: &[Problem]) -> bool {
    problems.iter().all(|problem| problem.severity != Severity::Error)
}

/// The text without the user information of URLs (before an `@`): a password must not be logged. A quote or a space
/// ends a URL.
fn without_secrets(message: String) -> String {
    if !message.contains('@') {
        return message;
    }
    let mut shown = String::with_capacity(message.len());
    for word in message.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`')) {
        let Some(at) = word.rfind('@') else {
            shown.push_str(word);
            continue;
        };
        let hidden = match word[..at].find("://") {
            Some(scheme) => Some(scheme + 3),
            // `user:password@host`
            None => word[..at].find(':').filter(|colon| *colon > 0).map(|_| 0),
        };
        match hidden {
            Some(start) => {
                shown.push_str(&word[..start]);
                shown.push('…');
                shown.push_str(&word[at..]);
            }
            None => shown.push_str(word),
        }
    }
    shown
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{}:{}: ", at.file, at.line)?;
        }
        write!(f, "{}: {}", self.directive, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_a_url_is_told() {
        for (message, shown) in [
            (
                "\"http://u:secret@a/\" is not a valid address: write a URL",
                "\"http://…@a/\" is not a valid address: write a URL",
            ),
            ("\"http://u:sec/ret@a/\" is not a valid address", "\"http://…@a/\" is not a valid address"),
            ("\"http://secret@a\" is not a valid address", "\"http://…@a\" is not a valid address"),
            ("\"u:secret@a:80\" is not a valid address", "\"…@a:80\" is not a valid address"),
            ("write to ann@example.com", "write to ann@example.com"),
            ("\"/users/@:id\" is not a valid path", "\"/users/@:id\" is not a valid path"),
            ("\"http://a/\" and \"redis://u:p@ss@b\"", "\"http://a/\" and \"redis://…@b\""),
        ] {
            assert_eq!(Problem::error(None, "proxy", message).message, shown);
        }
    }
}

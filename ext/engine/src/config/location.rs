//! A location as it was written.

use serde::{Deserialize, Serialize};

use super::At;

/// `location "/users/:id", methods: ["GET"], hosts: ["*.example.com"] do … end`
///
/// `R` is what may stand inside: see [`crate::configuration::Directive`].
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocationConfig<R> {
    /// Paths, any of which may match. Empty: every path.
    pub patterns: Vec<Match>,
    /// Paths of locations inside that none of the patterns takes, and which are let in all the same.
    pub inner: Vec<Match>,
    /// Methods, any of which the request may have. Empty: every one. So it is with the conditions that follow.
    pub methods: Vec<String>,
    /// Hosts: `example.com`, `*.example.com`, or a regular expression.
    pub hosts: Vec<Match>,
    /// `http` or `https`.
    pub schemes: Vec<String>,
    /// Ports that the client asked for.
    pub ports: Vec<i64>,
    /// Fields, all of which must be as they are described.
    pub headers: Vec<NamedCondition>,
    /// Parameters of the query, the same.
    pub query: Vec<NamedCondition>,
    /// Cookies, the same.
    pub cookies: Vec<NamedCondition>,
    /// Addresses and networks that the client may have.
    pub remote: Vec<String>,
    /// Extensions of the path's last segment.
    pub extensions: Vec<String>,
    /// Media types that the request's body may have.
    pub content_types: Vec<String>,
    /// Media types of which the client must accept one.
    pub accepts: Vec<String>,
    /// What stands inside, in the order of the file.
    pub routes: Vec<R>,
    /// The word that was written, `location` or `host`.
    pub word: Option<String>,
    /// Where it was written.
    pub at: Option<At>,
}

impl<R> Default for LocationConfig<R> {
    fn default() -> Self {
        Self {
            patterns: Vec::new(),
            inner: Vec::new(),
            methods: Vec::new(),
            hosts: Vec::new(),
            schemes: Vec::new(),
            ports: Vec::new(),
            headers: Vec::new(),
            query: Vec::new(),
            cookies: Vec::new(),
            remote: Vec::new(),
            extensions: Vec::new(),
            content_types: Vec::new(),
            accepts: Vec::new(),
            routes: Vec::new(),
            word: None,
            at: None,
        }
    }
}

/// What a text is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Text, which may hold wildcards and captures where that is said.
    Text(String),
    /// A regular expression.
    Regexp(Regexp),
}

impl From<&str> for Match {
    fn from(text: &str) -> Self {
        Match::Text(text.into())
    }
}

/// A regular expression as Ruby writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regexp {
    /// What stands between the slashes.
    pub source: String,
    /// `/i`
    pub ignore_case: bool,
    /// `/m`: a dot matches line breaks too.
    pub multiline: bool,
    /// `/x`: white space and comments mean nothing.
    pub extended: bool,
}

/// A field, a parameter or a cookie, and what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NamedCondition {
    /// Its name.
    pub name: String,
    /// Any of these.
    pub values: Vec<WantedValue>,
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedValue {
    /// This text.
    Text(String),
    /// What the expression matches.
    Regexp(Regexp),
    /// Anything (`true`), or not there (`false`).
    Present(bool),
}

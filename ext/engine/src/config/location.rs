//! A location as it was written.

use serde::{Deserialize, Serialize};

use super::At;

/// `location "/users/:id", methods: ["GET"], hosts: ["*.example.com"] do … end`
///
/// `R` is the type of the lines inside: see [`crate::configuration::Directive`].
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocationConfig<R> {
    /// Paths, any of which may match. Empty: every path.
    pub patterns: Vec<Match>,
    /// Paths of inner locations that none of the patterns matches. The location matches them too.
    pub inner: Vec<Match>,
    /// Methods, any of which the request may have. Empty: every method. An empty list means "any" in the conditions
    /// below too.
    pub methods: Vec<String>,
    /// Hosts, any of which the request may have: `example.com`, `*.example.com`, or a regular expression.
    pub hosts: Vec<Match>,
    /// Schemes, any of which the request may have: `http` or `https`.
    pub schemes: Vec<String>,
    /// Ports of the URL that the client asked for.
    pub ports: Vec<i64>,
    /// Request fields, each with its condition. All conditions must hold.
    pub headers: Vec<NamedCondition>,
    /// Query parameters, each with its condition. All conditions must hold.
    pub query: Vec<NamedCondition>,
    /// Cookies, each with its condition. All conditions must hold.
    pub cookies: Vec<NamedCondition>,
    /// Addresses and networks, one of which must contain the client's address.
    pub remote: Vec<String>,
    /// File name extensions, one of which the path's last segment must have.
    pub extensions: Vec<String>,
    /// Media types, one of which the request's body must have.
    pub content_types: Vec<String>,
    /// Media types, one of which the client must accept.
    pub accepts: Vec<String>,
    /// Name in logs and metrics. Default: the patterns as written.
    pub name: Option<String>,
    /// Directives inside the location, in the order of the file.
    pub routes: Vec<R>,
    /// Word that was written, `location` or `host`.
    pub word: Option<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl<R> LocationConfig<R> {
    /// The conditions alone, without the lines inside, the name and the place in the file.
    pub(crate) fn conditions(&self) -> LocationConfig<()> {
        LocationConfig {
            patterns: self.patterns.clone(),
            inner: Vec::new(),
            methods: self.methods.clone(),
            hosts: self.hosts.clone(),
            schemes: self.schemes.clone(),
            ports: self.ports.clone(),
            headers: self.headers.clone(),
            query: self.query.clone(),
            cookies: self.cookies.clone(),
            remote: self.remote.clone(),
            extensions: self.extensions.clone(),
            content_types: self.content_types.clone(),
            accepts: self.accepts.clone(),
            name: None,
            routes: Vec::new(),
            word: None,
            at: None,
        }
    }
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
            name: None,
            routes: Vec::new(),
            word: None,
            at: None,
        }
    }
}

/// A pattern that a text is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Match {
    /// Text. Whether it may hold wildcards and captures depends on the option.
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
    /// Text between the slashes.
    pub source: String,
    /// `/i`: letter case does not matter.
    pub ignore_case: bool,
    /// `/m`: a dot matches line breaks too.
    pub multiline: bool,
    /// `/x`: white space and comments are ignored.
    pub extended: bool,
}

/// A field, a parameter or a cookie, and its condition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NamedCondition {
    /// Name of the field, the parameter or the cookie.
    pub name: String,
    /// Conditions for the value, one of which must hold.
    pub values: Vec<WantedValue>,
}

/// Condition for a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WantedValue {
    /// The value equals this text.
    Text(String),
    /// The expression matches the value.
    Regexp(Regexp),
    /// Any value (`true`), or no value at all (`false`).
    Present(bool),
}

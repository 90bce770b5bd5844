//! Filters as they were written.

use serde::{Deserialize, Serialize};

use super::At;

/// What lets a request pass, changed or not, or answers it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// `request_headers additions: { … }, removals: [ … ]`
    RequestHeaders(HeaderChanges),
    /// `response_headers additions: { … }, removals: [ … ]`
    ResponseHeaders(HeaderChanges),
}

/// `request_headers additions: { "X-Env" => ["production"] }, removals: ["Cookie"]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderChanges {
    /// Fields to add, each with its values, which are string rewrites.
    pub additions: Vec<(String, Vec<String>)>,
    /// Names of fields to remove, before anything is added.
    pub removals: Vec<String>,
    /// Where it was written.
    pub at: Option<At>,
}

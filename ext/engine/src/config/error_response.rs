//! `error_response`, an option of many words.

use serde::{Deserialize, Serialize};

/// `error_response: "bad_gateway"` or `error_response: { status: 503, … }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorResponseConfig {
    /// One of the built-in ones.
    Named(String),
    /// One's own.
    Custom(CustomError),
}

/// A person's own error response.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomError {
    /// Status code. Default 500.
    pub status: Option<i64>,
    /// The body for `text/plain`.
    pub plaintext: Option<Content>,
    /// The body for `application/json`.
    pub json: Option<Content>,
    /// The body for `text/html`.
    pub html: Option<Content>,
    /// `plaintext`, `json` or `html`: used when the request's `Accept` matches none. Default: the first there is.
    pub default: Option<String>,
    /// Fields added to the response.
    pub headers: Vec<(String, String)>,
}

/// Text that stands in the configuration or in a file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The text itself.
    Inline(String),
    /// A file, read at load.
    File(String),
}

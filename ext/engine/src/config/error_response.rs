//! `error_response`, an option that many directives have.

use serde::{Deserialize, Serialize};

/// `error_response: "bad_gateway"` or `error_response: { status: 503, … }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorResponseConfig {
    /// A built-in error response, by its name.
    Named(String),
    /// An error response written in the configuration.
    Custom(CustomError),
}

/// An error response written in the configuration.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomError {
    /// Status code. Default 500.
    pub status: Option<i64>,
    /// Body for `text/plain`.
    pub plaintext: Option<Content>,
    /// Body for `application/json`.
    pub json: Option<Content>,
    /// Body for `text/html`.
    pub html: Option<Content>,
    /// Format for a request whose `Accept` matches none: `plaintext`, `json` or `html`. Default: the first format that
    /// has a body.
    pub default: Option<String>,
    /// Fields added to the response.
    pub headers: Vec<(String, String)>,
}

/// Text from the configuration or from a file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Text in the configuration.
    Inline(String),
    /// File that is read when the configuration is loaded.
    File(String),
}

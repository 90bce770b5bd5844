//! Changes of fields by the handlers.

use serde::{Deserialize, Serialize};

/// One field to set, to replace or to remove.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderEdit {
    /// Name of the field as it was written.
    pub name: String,
    /// New values, one field line each. Empty removes the field.
    pub values: Vec<HeaderValue>,
}

/// A value of a field.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// Text that is sent as it is written.
    Literal(String),
    /// A string rewrite.
    Rewrite(String),
}

//! The handlers beside `proxy`, as they were written.

use serde::{Deserialize, Serialize};

use super::At;

/// `redirect to: "https://{host}{path}{query}", type: "permanent"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redirect {
    /// Where to: an absolute URL or a path, a string rewrite.
    pub to: Option<String>,
    /// `permanent`, `temporary`, `moved_permanently` or `found`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for Redirect {
    fn default() -> Self {
        Self { to: None, kind: "found".into(), at: None }
    }
}

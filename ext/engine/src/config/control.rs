use serde::{Deserialize, Serialize};

use super::At;

/// `control "unix:tmp/proxy.sock"` or `control "http://127.0.0.1:9090", token: "…"`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ControlConfig {
    /// Where the control API is served: `unix:///PATH`, or `http://ADDRESS:PORT`.
    pub address: String,
    /// Secret that a client over TCP must know, of 32 characters or more. Only for TCP, where it is required.
    pub token: Option<String>,
    /// Whether the server also runs without this place if it cannot be used. So it is for a place that nobody wrote.
    #[serde(skip_serializing)]
    pub is_optional: bool,
    /// Whether the place is taken from a server that still listens there: it hands over to this one.
    #[serde(skip_serializing)]
    pub takes_over: bool,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

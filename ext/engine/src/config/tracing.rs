//! Export of traces, as it was written.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::At;

/// `tracing to: "http://127.0.0.1:4318", ratio: 0.1, service: "shop"`
#[derive(Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TracingConfig {
    /// URL that gets the spans (OTLP over HTTP), with its whole path.
    pub to: String,
    /// Part of the traces that are recorded, from 0 to 1, of those that no client has decided on. Default 1.
    pub ratio: f64,
    /// Name of the service, `service.name`. Default `proxy`.
    pub service: String,
    /// Fields of the requests to the collector. They may be secret.
    pub headers: Vec<(String, String)>,
    /// Whose statements on a trace are believed: of `all` clients or those of `trusted_proxies`. Default `all`.
    pub trust: String,
    /// Fields beside `traceparent` that tell the trace: `b3`, `xray`. Default: none.
    pub read: Vec<String>,
    /// A PEM file with the authorities that sign the collector's certificate. Default: those that the system trusts.
    pub ca_file: Option<String>,
    /// Further attributes of the resource, which come before those that the proxy finds out.
    pub attributes: Vec<(String, String)>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for TracingConfig {
    fn default() -> Self {
        Self {
            to: "http://127.0.0.1:4318/v1/traces".into(),
            ratio: 1.0,
            service: "proxy".into(),
            headers: Vec::new(),
            trust: "all".into(),
            read: Vec::new(),
            ca_file: None,
            attributes: Vec::new(),
            at: None,
        }
    }
}

impl fmt::Debug for TracingConfig {
    /// Without the URL and the fields, which may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingConfig")
            .field("ratio", &self.ratio)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

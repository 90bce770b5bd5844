//! An access log as it was written.

use serde::{Deserialize, Serialize};

use super::{At, BlockIndex};

/// `access_log "combined", to: "log/access.log"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLogConfig {
    /// Format of a line: `combined`, `json`, or a string rewrite.
    pub format: String,
    /// File that lines are appended to, or `syslog:unixgram:PATH` or `syslog:udp:ADDRESS:PORT`. Default: standard
    /// output.
    pub to: Option<String>,
    /// Ruby block that gets the lines, in place of a file.
    pub block: Option<BlockIndex>,
    /// Share of the requests that is logged, above 0 and up to 1. Default 1: all of them.
    pub sample: f64,
    /// Requests that are logged whatever `sample` says.
    pub keep: KeepConfig,
    /// Fields of a `json` line. Default: all.
    pub fields: Option<Vec<String>>,
    /// Paths whose requests are not logged: `/up`, or `/assets/*` for all below.
    pub exclude: Vec<String>,
    /// Names of further query parameters whose values no log shows. An empty list shows all. Default: the usual names
    /// alone.
    pub redact: Option<Vec<String>>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for AccessLogConfig {
    fn default() -> Self {
        Self {
            format: "combined".into(),
            to: None,
            block: None,
            sample: 1.0,
            keep: KeepConfig::default(),
            fields: None,
            exclude: Vec::new(),
            redact: None,
            at: None,
        }
    }
}

/// Requests that are logged in any case: `keep: { status: 500.., slower_than: 1 }`
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeepConfig {
    /// Status codes, each with the first and the last of a range.
    pub status: Vec<(i64, i64)>,
    /// Seconds; requests that took longer are kept. Default: none for that.
    pub slower_than: Option<f64>,
}

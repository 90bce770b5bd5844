use serde::{Deserialize, Serialize};

use super::{At, BlockIndex};

/// `on :backend_down, :backend_up do |event| … end`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct EventsConfig {
    /// Events that the block hears of: `backend_down`, `backend_up`, `reload`, `certificate_expiring`.
    pub names: Vec<String>,
    /// Days before the end of a certificate from which on `certificate_expiring` tells of it.
    pub days: f64,
    /// The block.
    pub block: Option<BlockIndex>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self { names: Vec::new(), days: 14.0, block: None, at: None }
    }
}

//! What is stopped at run time, and the percentages of splits: for the operator, and for the file of the state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Maintenance, as it is asked for at run time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MaintenanceOrder {
    /// Text for clients. Default: a sentence of the proxy's own.
    pub message: Option<String>,
    /// Addresses and networks of clients that are let in; `unix:` for those of unix sockets.
    pub allow: Vec<String>,
    /// Cookie that lets its owner in, `NAME=VALUE`: a secret.
    pub bypass: Option<String>,
    /// Seconds after which clients are told to try again. Default 60.
    pub retry_after: u64,
}

impl Default for MaintenanceOrder {
    fn default() -> Self {
        Self { message: None, allow: Vec::new(), bypass: None, retry_after: 60 }
    }
}

impl std::fmt::Debug for MaintenanceOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { message, allow, retry_after, .. } = self;
        f.debug_struct("MaintenanceOrder")
            .field("message", message)
            .field("allow", allow)
            .field("retry_after", retry_after)
            .finish_non_exhaustive()
    }
}

/// A pause.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PauseState {
    /// Time until which requests are held, in seconds since 1970.
    pub until: f64,
    /// Requests that are held now.
    pub held: usize,
}

/// What is stopped of one upstream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UpstreamTraffic {
    /// The pause, if there is one.
    pub pause: Option<PauseState>,
    /// The maintenance, if there is one.
    pub maintenance: Option<MaintenanceOrder>,
}

/// What was changed at run time. It holds secrets: the cookies that let their owners in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficState {
    /// Maintenance of all upstreams.
    pub maintenance: Option<MaintenanceOrder>,
    /// Upstreams of which something is stopped, by name.
    pub upstreams: BTreeMap<String, UpstreamTraffic>,
    /// The percentages of all splits, in the order of the file, if one of them differs from the file.
    pub splits: Vec<SplitState>,
}

impl TrafficState {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The percentages of one split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SplitState {
    /// Those of its upstreams, in the order of the file.
    pub shares: Vec<ShareState>,
}

impl SplitState {
    /// Whether one of them differs from the file.
    pub fn is_changed(&self) -> bool {
        self.shares.iter().any(|share| share.percent != share.written)
    }
}

/// The percentage of an upstream in a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShareState {
    /// The upstream's name.
    pub upstream: String,
    /// The percentage.
    pub percent: f64,
    /// What the configuration said then. Once it says something else, that holds.
    pub written: f64,
}

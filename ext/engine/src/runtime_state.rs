//! What was changed at run time and is to outlive the process: the schema of the file that `state` names.
//!
//! The configuration is not in it. A later version may add fields, which an earlier one ignores; a field whose meaning
//! changes needs another [`SCHEMA`].

pub(crate) mod file;
pub(crate) mod keeper;
pub(crate) mod traffic;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::BackendConfig;
use traffic::TrafficState;

/// Version of the schema. A file of a later one is not read.
pub(crate) const SCHEMA: u32 = 1;

/// All that was changed at run time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RuntimeState {
    pub(crate) schema: u32,
    /// By their names. Those without changes are not there.
    pub(crate) upstreams: BTreeMap<String, UpstreamState>,
    /// Pauses, maintenance and splits.
    #[serde(default, skip_serializing_if = "TrafficState::is_empty")]
    pub(crate) traffic: TrafficState,
}

impl Default for RuntimeState {
    fn default() -> Self {
        Self { schema: SCHEMA, upstreams: BTreeMap::new(), traffic: TrafficState::default() }
    }
}

/// What was changed of one upstream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct UpstreamState {
    pub(crate) revision: u64,
    /// State of all backends: `draining` or `down`. `None`: `ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// States of single backends, by their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) states: BTreeMap<String, String>,
    /// Weights and limits, by the names of the backends.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tuned: BTreeMap<String, TunedState>,
    /// Backends beside those of the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) added: Vec<BackendConfig>,
    /// Names of backends of the configuration that get nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) removed: Vec<String>,
}

impl UpstreamState {
    /// Whether nothing was changed.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self { revision: self.revision, ..Self::default() }
    }
}

/// Settings of a backend that were changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TunedState {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weight: Option<u32>,
    /// 0: any number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_connections: Option<u32>,
    /// What the configuration said then. Once it says something else, that holds.
    pub(crate) written: WrittenSettings,
}

/// Settings of a backend in the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct WrittenSettings {
    pub(crate) weight: u32,
    pub(crate) max_connections: Option<u32>,
}

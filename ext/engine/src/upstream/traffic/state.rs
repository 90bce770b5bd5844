//! What is stopped at run time, as data: for the operator, and for a file that outlives the process.

use std::collections::BTreeMap;

use aws_lc_rs::rand;
use serde::{Deserialize, Serialize};

use crate::compile::Report;
use crate::respond::{BypassCookie, Closure, BYPASS_COOKIE};

/// Bytes of randomness in a value that lets its owner in.
const RANDOM: usize = 24;

/// Maintenance, as it is asked for at run time.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
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

impl MaintenanceOrder {
    /// The same with a new cookie that lets its owner in.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub fn with_new_bypass(self) -> Result<Self, String> {
        let mut random = [0; RANDOM];
        rand::fill(&mut random).map_err(|_| "the system has no random numbers".to_owned())?;
        let value: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { bypass: Some(format!("{BYPASS_COOKIE}={value}")), ..self })
    }

    /// The error lists all mistakes.
    pub(super) fn closure(&self) -> Result<Closure, Vec<String>> {
        let mut problems = Vec::new();
        let mut report = Report::new("maintenance", None, &mut problems);
        let bypass = self.bypass.as_deref().and_then(|cookie| report.ok(BypassCookie::parse(cookie)));
        let message = self.message.as_deref().filter(|message| !message.is_empty());
        let closure = Closure::new(message, None, self.retry_after, &self.allow, bypass, &mut report.within("allow"));
        match report.is_sound() {
            true => Ok(closure),
            false => Err(problems.into_iter().map(|problem| problem.message).collect()),
        }
    }
}

/// A pause.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PauseState {
    /// Time until which requests are held, in seconds since 1970.
    pub until: f64,
    /// Requests that are held now.
    pub held: usize,
}

/// What is stopped of one upstream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamTraffic {
    /// The pause, if there is one.
    pub pause: Option<PauseState>,
    /// The maintenance, if there is one.
    pub maintenance: Option<MaintenanceOrder>,
}

/// What was changed at run time. It holds secrets: the cookies that let their owners in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficState {
    /// Maintenance of all upstreams.
    pub maintenance: Option<MaintenanceOrder>,
    /// Upstreams of which something is stopped, by name.
    pub upstreams: BTreeMap<String, UpstreamTraffic>,
    /// Percentages of splits that differ from the file, by upstream.
    pub splits: BTreeMap<String, f64>,
}

//! What a process that takes this one's place is told, so that clients do not notice: secrets, keys of session tickets,
//! states and health of backends, counts of `rate_limit`.
//!
//! The other process may be of another version: what it does not know it leaves out, and what it misses begins anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Snapshot;
use crate::listen::tls::PassedTickets;
use crate::log::Log;
use crate::passed_state::PassedState;
use crate::process_secret;
use crate::runtime_state::RuntimeState;
use crate::upstream::PassedGroup;

/// The whole of it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct PassedOn {
    /// The secret of the process.
    secret: Option<String>,
    /// Keys of session tickets, by the binds' URLs.
    tickets: Vec<(String, Vec<PassedTickets>)>,
    /// What was changed at run time.
    runtime: Option<RuntimeState>,
    /// Health of backends.
    upstreams: Vec<PassedGroup>,
    /// States of filters, by what identifies a filter.
    filters: BTreeMap<String, Value>,
}

impl PassedOn {
    /// Reads what was received, and takes the secret of the process over: it must be known before a configuration is
    /// compiled.
    pub(crate) fn receive(passed: &PassedState) -> Result<Self, String> {
        let passed: Self = passed.read()?;
        if let Some(secret) = &passed.secret {
            process_secret::take(secret);
        }
        Ok(passed)
    }
}

impl Snapshot {
    /// What another process is told.
    pub(crate) fn pass(&self) -> PassedState {
        let mut upstreams = Vec::new();
        self.each_upstream(&mut |upstream| upstreams.push(upstream.group().pass()));
        PassedState::of(&PassedOn {
            secret: process_secret::pass(),
            tickets: self.binds.pass_tickets(),
            runtime: Some(self.runtime_state()),
            upstreams,
            filters: self.carried_over.filters.pass(),
        })
    }

    /// Takes over what another process has told. Must be called before [`Snapshot::start`] and before the first
    /// connection.
    pub(crate) fn take(&self, passed: PassedOn, log: &Log) {
        if let Some(runtime) = passed.runtime {
            self.take_runtime_state(runtime, log);
        }
        self.binds.take_tickets(&passed.tickets);
        self.carried_over.filters.take(&passed.filters);
        let mut groups = passed.upstreams;
        self.each_upstream(&mut |upstream| {
            // Of several with one name each gets its own, in the order of the file.
            if let Some(index) = groups.iter().position(|group| group.upstream() == upstream.name()) {
                upstream.group().take(&groups.remove(index));
            }
        });
    }
}

//! What a process that takes this one's place is told of the backends of an upstream.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::BackendGroup;
use crate::clock;
use crate::upstream::backend::rise_fall::CheckRecord;
use crate::upstream::backend::Backend;

/// The backends of one upstream, as another process takes them over.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct PassedGroup {
    /// The upstream's name.
    upstream: String,
    /// The health of each backend, by its label.
    health: BTreeMap<String, PassedHealth>,
}

/// What is known of the health of one backend.
#[derive(Debug, Default, Clone, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct PassedHealth {
    /// What active checks have found; `None` if nothing is certain yet.
    healthy: Option<bool>,
    /// Whether there was no good check yet.
    unchecked: bool,
    /// Seconds since 1970 of the last change.
    since: f64,
    /// Why the latest failed check failed.
    error: Option<String>,
    /// Milliseconds until an ejected backend may be probed.
    ejected: Option<u64>,
}

impl PassedGroup {
    pub(crate) fn upstream(&self) -> &str {
        &self.upstream
    }
}

impl BackendGroup {
    /// What another process is told.
    pub(crate) fn pass(&self) -> PassedGroup {
        let living: Vec<_> = self.members.lock().living().collect();
        let health = living.iter().map(|backend| (backend.label().into(), backend.pass())).collect();
        PassedGroup { upstream: self.name().into(), health }
    }

    /// Takes over what another process has told of the health of backends, also of those that DNS has yet to find. Must
    /// be called before [`BackendGroup::start`].
    pub(crate) fn take(&self, passed: &PassedGroup) {
        let health = passed.health.iter().map(|(label, health)| (label.as_str().into(), health.clone()));
        *self.passed.lock() = health.collect::<HashMap<_, _>>();
    }

    /// Gives a new member the health that another process has told.
    pub(super) fn give_passed_health(&self, backend: &Backend) {
        let health = self.passed.lock().remove(backend.label());
        if health.is_some_and(|health| backend.take(health)) {
            self.first_check.happened();
        }
    }
}

impl Backend {
    fn pass(&self) -> PassedHealth {
        let status = &self.history.status;
        let checks = self.history.checks.lock();
        let unchecked = status.is_unchecked();
        let found = checks.result().filter(|(healthy, ..)| !(unchecked && *healthy));
        PassedHealth {
            healthy: found.map(|(healthy, ..)| healthy),
            unchecked,
            since: found
                .map_or(0.0, |(_, since, _)| since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()),
            error: found.and_then(|(.., error)| error.map(Into::into)),
            ejected: status.ejected_for(clock::now()),
        }
    }

    /// `true` if it misses no first good check any more.
    fn take(&self, passed: PassedHealth) -> bool {
        let (rules, status) = (self.group.rules(), &self.history.status);
        let mut accepted = false;
        if let (Some(healthy), Some(_)) = (passed.healthy, &rules.check) {
            let since = Duration::try_from_secs_f64(passed.since).ok().and_then(|since| UNIX_EPOCH.checked_add(since));
            let mut record = self.history.checks.lock();
            *record = CheckRecord::passed(healthy, since.unwrap_or(UNIX_EPOCH), passed.error);
            status.set_healthy(healthy);
            accepted = !passed.unchecked && status.accept_check();
        }
        if let (Some(left), Some(_)) = (passed.ejected, &rules.outlier) {
            status.eject(clock::now().saturating_add(left));
        }
        // Nothing that happens now: events have told of it.
        self.history.is_out.store(status.is_out(), Relaxed);
        accepted
    }
}

//! The backends of one upstream as a group: rules, members, overrides by the operator, wait queue and health checks.

mod first_check;
mod overrides;
mod passing;
mod telling;

pub(crate) use first_check::FirstCheck;
pub(crate) use passing::PassedGroup;

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::Backend;
use crate::events::EventHub;
use crate::log::{Level, Log};
use crate::metrics::UpstreamSeries;
use crate::panics::enduring;
use crate::upstream::backend::rules::GroupRules;
use crate::upstream::traffic::Traffic;
use crate::upstream::wait_queue::WaitQueue;
use overrides::AdminOverrides;
use passing::PassedHealth;

/// What the backends of one upstream share.
#[derive(Debug)]
pub(crate) struct BackendGroup {
    name: Box<str>,
    rules: Arc<GroupRules>,
    series: Arc<UpstreamSeries>,
    /// Locked only on changes, never on the path of a request that succeeds.
    members: Mutex<GroupMembers>,
    /// Shared with the groups of that name before and after a reload.
    overrides: Arc<Mutex<AdminOverrides>>,
    /// Shared likewise.
    traffic: Arc<Traffic>,
    queue: WaitQueue,
    /// Retries in flight that hold a permit of the retry budget.
    retries: AtomicUsize,
    running: OnceLock<(Handle, Arc<Log>, Checker)>,
    /// Where events are told of.
    events: OnceLock<Arc<EventHub>>,
    /// Whether the group of a later configuration checks the backends now.
    retired: AtomicBool,
    forgotten: Forgotten,
    /// Shared as `overrides` is, so that requests that wait under the configuration before hear of it too.
    first_check: Arc<FirstCheck>,
    /// Upstream of the configuration before that serves until a first good check here, and until when at the latest.
    stand_in: Mutex<Option<(StandIn, Instant)>>,
    /// Health that the process before has told of backends which are not members yet, by their labels.
    passed: Mutex<HashMap<Box<str>, PassedHealth>>,
}

/// State of backends that is not carried over, since the checks that found it out have changed.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::upstream) struct Forgotten {
    /// Results of active health checks.
    pub(in crate::upstream) checks: bool,
    /// Failures and ejections.
    pub(in crate::upstream) outliers: bool,
}

/// Longest time that the upstream of the configuration before serves while the backends of the next one start.
const STANDING_IN: Duration = Duration::from_secs(300);

/// An upstream, of which the group needs to know only that it is kept.
pub(in crate::upstream) type StandIn = Arc<dyn Any + Send + Sync>;

/// Checks a backend, the given one of its group, until it is gone. The checks use all that is here, and are made known
/// by who starts them.
pub(in crate::upstream) type Checker = fn(Weak<Backend>, usize) -> Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Debug, Default)]
struct GroupMembers {
    backends: Vec<Weak<Backend>>,
    checks: Vec<AbortHandle>,
    /// Backends that have had a check scheduled.
    checked: usize,
}

impl BackendGroup {
    /// A group without members.
    #[cfg(test)]
    pub(in crate::upstream) fn new(name: &str, rules: Arc<GroupRules>) -> Arc<Self> {
        Self::carry_over(None, name, (rules, Arc::default()), Forgotten::default())
    }

    /// A group in place of `before`: overrides are carried over, and requests that wait under both configurations hear
    /// of each backend that becomes free.
    pub(in crate::upstream) fn carry_over(
        before: Option<&Self>,
        name: &str,
        (rules, series): (Arc<GroupRules>, Arc<UpstreamSeries>),
        forgotten: Forgotten,
    ) -> Arc<Self> {
        let queue = WaitQueue::beside(before.map(|before| &before.queue), rules.queue);
        let overrides = before.map(|before| Arc::clone(&before.overrides)).unwrap_or_default();
        let traffic = before.map(|before| Arc::clone(&before.traffic)).unwrap_or_default();
        let (members, retries, running) = (Mutex::default(), AtomicUsize::new(0), OnceLock::new());
        let retired = AtomicBool::new(false);
        let first_check = before.map(|before| Arc::clone(&before.first_check)).unwrap_or_default();
        let stand_in = Mutex::default();
        Arc::new(Self {
            name: name.into(),
            rules,
            series,
            members,
            overrides,
            traffic,
            queue,
            retries,
            running,
            events: OnceLock::new(),
            retired,
            forgotten,
            first_check,
            stand_in,
            passed: Mutex::default(),
        })
    }

    /// A group without checks and limits.
    #[cfg(test)]
    pub(in crate::upstream) fn lone() -> Arc<Self> {
        Self::new("", Arc::default())
    }

    /// The upstream's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rules(&self) -> &GroupRules {
        &self.rules
    }

    /// Its figures.
    pub(crate) fn series(&self) -> &Arc<UpstreamSeries> {
        &self.series
    }

    /// Where requests wait while every backend is busy.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// What the operator has stopped of it.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Requests that wait for a free backend, for a first good check, or for the end of a pause.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting() + self.first_check.waiting() + self.traffic.gate().held()
    }

    /// The first good check of a backend, for requests to wait for.
    pub(crate) fn first_check(&self) -> &FirstCheck {
        &self.first_check
    }

    /// Lets another upstream serve until a first good check.
    pub(in crate::upstream) fn be_stood_in_for(&self, before: StandIn) {
        *self.stand_in.lock() = Some((before, Instant::now() + STANDING_IN));
    }

    /// The upstream that serves until then, if there is one.
    pub(in crate::upstream) fn stand_in(&self) -> Option<StandIn> {
        let mut stand_in = self.stand_in.lock();
        match &*stand_in {
            Some((_, until)) if *until < Instant::now() => {
                *stand_in = None;
                None
            }
            Some((before, _)) => Some(Arc::clone(before)),
            None => None,
        }
    }

    /// A backend has had its first good check.
    pub(in crate::upstream) fn is_checked(&self) {
        drop(self.stand_in.lock().take());
        self.queue.wake();
        self.first_check.happened();
    }

    pub(in crate::upstream) fn retries(&self) -> &AtomicUsize {
        &self.retries
    }

    /// Whether no request waits, and no retry is in flight.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.waiting() == 0 && self.in_flight() == 0 && self.retries.load(Relaxed) == 0
    }

    /// Requests that the members are answering now.
    pub(in crate::upstream) fn in_flight(&self) -> u64 {
        self.members.lock().living().map(|backend| backend.in_flight()).sum()
    }

    /// Starts the health checks of the members on `handle`'s runtime, and logs changes of their health in `log`. A
    /// second call does nothing.
    pub(in crate::upstream) fn start(&self, handle: &Handle, log: &Arc<Log>, checker: Checker) {
        if self.running.set((handle.clone(), log.clone(), checker)).is_ok() {
            let all: Vec<_> = self.members.lock().living().collect();
            for backend in &all {
                // Without the lock of the members, which who ejects a backend asks for while it holds the record.
                if self.forgotten.checks {
                    backend.forget_checks();
                }
                if self.forgotten.outliers {
                    backend.forget_outliers();
                }
            }
            let mut members = self.members.lock();
            // An override may have been set meanwhile.
            all.iter().for_each(|backend| self.grant(backend));
            if self.stand_in.lock().is_some() {
                let what = "no check has found any of its backends well yet: those before the reload serve meanwhile";
                log.write(Level::Info, None, format_args!("upstream {}: {what}", self.name));
            }
            self.check(&mut members, &all);
            drop(members);
            for backend in all {
                backend.tell_of_state(format_args!("a reload has changed its checks"));
            }
        }
    }

    /// The runtime of the checks, once they have been started.
    pub(in crate::upstream) fn background(&self) -> Option<(&Handle, &Arc<Log>)> {
        self.running.get().map(|(handle, log, _)| (handle, log))
    }

    /// Stops the health checks for good: the group of a later configuration has its own, perhaps of the same backends.
    pub(in crate::upstream) fn retire(&self) {
        self.retired.store(true, Relaxed);
        self.stop();
    }

    /// Whether another group checks the backends now.
    pub(in crate::upstream) fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// Stops the health checks.
    pub(in crate::upstream) fn stop(&self) {
        for check in self.members.lock().checks.drain(..) {
            check.abort();
        }
    }

    /// Replaces the members. `late`: new ones join a group that serves already, and slow-start. Wakes no waiting
    /// request: the caller does, once requests can choose the new members.
    pub(in crate::upstream) fn set_members(&self, backends: &[Arc<Backend>], late: bool) {
        let mut members = self.members.lock();
        let new: Vec<_> = backends.iter().filter(|backend| !members.has(backend)).cloned().collect();
        // One with another weight, for example, has served before.
        let known: Vec<_> = if late { members.living().map(|backend| backend.id()).collect() } else { Vec::new() };
        members.backends = backends.iter().map(Arc::downgrade).collect();
        for backend in &new {
            self.grant(backend);
            if late && !known.contains(&backend.id()) {
                backend.rise();
            }
        }
        self.check(&mut members, &new);
    }

    fn check(&self, members: &mut GroupMembers, new: &[Arc<Backend>]) {
        let (Some((handle, log, checker)), Some(_)) = (self.running.get(), &self.rules.check) else { return };
        if self.is_retired() {
            return;
        }
        members.checks.retain(|check| !check.is_finished());
        for backend in new {
            let (backend, number, checker) = (Arc::downgrade(backend), members.checked, *checker);
            let checks = move || checker(backend.clone(), number);
            let check = handle.spawn(enduring("the checks of a backend", Arc::clone(log), checks));
            members.checked += 1;
            members.checks.push(check.abort_handle());
        }
    }

    /// Whether there is more than one member.
    pub(in crate::upstream) fn has_others(&self) -> bool {
        self.members.lock().backends.len() > 1
    }

    /// Whether the backend is one of the members.
    pub(in crate::upstream) fn has(&self, backend: &Arc<Backend>) -> bool {
        self.members.lock().has(backend)
    }

    /// Ejects a backend, unless that would leave fewer than half of the members, or none. `eject` does it, under the
    /// lock that makes the count hold.
    pub(in crate::upstream) fn eject(&self, backend: &Backend, eject: &mut dyn FnMut()) -> bool {
        let members = self.members.lock();
        let (mut count, mut ejected, mut others) = (0, 0, 0);
        for member in members.living() {
            count += 1;
            ejected += usize::from(member.is_ejected());
            others += usize::from(member.id() != backend.id() && member.is_available());
        }
        let allowed = (ejected + 1) * 2 <= count && others > 0;
        if allowed {
            eject();
        }
        allowed
    }
}

impl GroupMembers {
    fn living(&self) -> impl Iterator<Item = Arc<Backend>> + '_ {
        self.backends.iter().filter_map(Weak::upgrade)
    }

    fn has(&self, backend: &Arc<Backend>) -> bool {
        self.backends.iter().any(|member| std::ptr::eq(member.as_ptr(), Arc::as_ptr(backend)))
    }
}

#[cfg(test)]
mod tests;

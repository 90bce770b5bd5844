//! What the backends of one upstream have in common: what is asked of them, who they are now, and what somebody wants of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::futures::Notified;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::admission::WaitQueue;
use super::backend::{Admin, Endpoint};
use super::carry_over::Forgotten;
use super::health::{schedule, Rules};
use super::Upstream;
use crate::log::{Level, Log};

/// The backends of one upstream, as far as they concern each other.
#[derive(Debug)]
pub(crate) struct Fleet {
    name: Box<str>,
    rules: Arc<Rules>,
    /// Locked only when something changes, never on the way of a request that goes well.
    members: Mutex<Members>,
    /// Shared with the fleets of that name under the configurations before and after this one.
    wishes: Arc<Mutex<Wishes>>,
    queue: WaitQueue,
    /// Retries that live on the budget now.
    retries: AtomicUsize,
    running: OnceLock<(Handle, Arc<Log>)>,
    /// Whether another fleet checks the backends now.
    retired: AtomicBool,
    forgotten: Forgotten,
    /// Shared as the wishes are: those who wait under the configuration before hear of it too.
    news: Arc<News>,
    /// Who serves while no check has found any of the backends well yet, and until when at the latest.
    stand_in: Mutex<Option<(Arc<Upstream>, Instant)>>,
}

/// How long the backends of the configuration before serve at most while those of the next one start.
const STANDING_IN: Duration = Duration::from_secs(300);

/// Tells requests that wait of a backend's first good check.
#[derive(Debug, Default)]
pub(crate) struct News {
    waiting: AtomicUsize,
    happened: Notify,
}

/// A place among those who wait, until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiting<'a>(&'a News);

impl News {
    /// Joins those who wait. `limit`: how many may; 0: as many as there are.
    pub(crate) fn enter(&self, limit: usize) -> Option<Waiting<'_>> {
        let one_more = |count| (limit == 0 || count < limit).then_some(count + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, one_more).ok().map(|_| Waiting(self))
    }

    /// Waits for the next one.
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.happened.notified()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

/// What somebody wants of backends.
#[derive(Debug, Default)]
struct Wishes {
    /// What somebody wants of all of them, those to come included, …
    all: Admin,
    /// … and of single ones, by their names: an address that DNS takes away and gives again is still the same.
    single: HashMap<Box<str>, Admin>,
}

#[derive(Debug, Default)]
struct Members {
    endpoints: Vec<Weak<Endpoint>>,
    checks: Vec<AbortHandle>,
    /// Backends that a schedule was begun for.
    checked: usize,
}

impl Fleet {
    /// A fleet without members.
    pub(super) fn new(name: &str, rules: Arc<Rules>) -> Arc<Self> {
        Self::carry_over(None, name, rules, Forgotten::default())
    }

    /// A fleet in place of `before`: what the operator has said of its backends is carried over, and requests that wait under both
    /// configurations hear of each backend that becomes free.
    pub(super) fn carry_over(before: Option<&Self>, name: &str, rules: Arc<Rules>, forgotten: Forgotten) -> Arc<Self> {
        let queue = WaitQueue::beside(before.map(|before| &before.queue), rules.queue);
        let wishes = before.map(|before| Arc::clone(&before.wishes)).unwrap_or_default();
        let (members, retries, running) = (Mutex::default(), AtomicUsize::new(0), OnceLock::new());
        let retired = AtomicBool::new(false);
        let news = before.map(|before| Arc::clone(&before.news)).unwrap_or_default();
        let stand_in = Mutex::default();
        Arc::new(Self {
            name: name.into(),
            rules,
            members,
            wishes,
            queue,
            retries,
            running,
            retired,
            forgotten,
            news,
            stand_in,
        })
    }

    /// A fleet of which nothing is asked.
    pub(super) fn lone() -> Arc<Self> {
        Self::new("", Arc::default())
    }

    /// The upstream's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Where requests wait while every backend is busy.
    pub(crate) fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    /// Requests that wait for a backend that is not busy, or for one that checks have found well.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.waiting() + self.news.waiting.load(Relaxed)
    }

    /// What those wait for whose backends have not been found well yet.
    pub(crate) fn news(&self) -> &News {
        &self.news
    }

    /// Has another upstream serve until a check finds one of the backends well.
    pub(super) fn be_stood_in_for(&self, before: Arc<Upstream>) {
        *self.stand_in.lock() = Some((before, Instant::now() + STANDING_IN));
    }

    /// Who serves until then, if anybody does.
    pub(crate) fn stand_in(&self) -> Option<Arc<Upstream>> {
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
    pub(super) fn is_checked(&self) {
        drop(self.stand_in.lock().take());
        self.queue.wake();
        self.news.happened.notify_waiters();
    }

    pub(super) fn retries(&self) -> &AtomicUsize {
        &self.retries
    }

    /// Whether nobody waits here, and nothing is being sent again.
    #[cfg(test)]
    pub(crate) fn is_at_rest(&self) -> bool {
        self.waiting() == 0 && self.in_flight() == 0 && self.retries.load(Relaxed) == 0
    }

    /// Requests that the members are answering now.
    pub(super) fn in_flight(&self) -> u64 {
        self.members.lock().living().map(|endpoint| endpoint.in_flight()).sum()
    }

    /// Begins to check the members, on `handle`'s runtime, and to say in `log` what becomes of them. A second call does
    /// nothing.
    pub(super) fn start(&self, handle: &Handle, log: &Arc<Log>) {
        if self.running.set((handle.clone(), log.clone())).is_ok() {
            let mut members = self.members.lock();
            let all: Vec<_> = members.living().collect();
            for endpoint in &all {
                if self.forgotten.checks {
                    endpoint.forget_checks();
                }
                if self.forgotten.outliers {
                    endpoint.forget_conduct();
                }
                // Said while this one was being made.
                self.grant(endpoint);
            }
            if self.stand_in.lock().is_some() {
                let what = "no check has found any of its backends well yet: those before the reload serve meanwhile";
                log.write(Level::Info, None, format_args!("upstream {}: {what}", self.name));
            }
            self.check(&mut members, &all);
        }
    }

    /// Ends the checks for good: another fleet begins its own of what are perhaps the same backends.
    pub(super) fn retire(&self) {
        self.retired.store(true, Relaxed);
        self.stop();
    }

    /// Whether another fleet checks the backends now.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// Ends the checks.
    pub(super) fn stop(&self) {
        for check in self.members.lock().checks.drain(..) {
            check.abort();
        }
    }

    /// These are the members from now on. `late`: those that are new come while the others serve, and start slowly. Nobody in the
    /// queue is woken: that is for whoever lets requests choose among them.
    pub(super) fn set_members(&self, endpoints: &[Arc<Endpoint>], late: bool) {
        let mut members = self.members.lock();
        let new: Vec<_> = endpoints.iter().filter(|endpoint| !members.has(endpoint)).cloned().collect();
        members.endpoints = endpoints.iter().map(Arc::downgrade).collect();
        for endpoint in &new {
            self.grant(endpoint);
            if late {
                endpoint.rise();
            }
        }
        self.check(&mut members, &new);
    }

    /// Does what somebody wants of a backend that is new.
    fn grant(&self, endpoint: &Endpoint) {
        let wishes = self.wishes.lock();
        let single = [endpoint.label(), endpoint.authority()].into_iter().filter(|name| endpoint.is_called(name));
        endpoint.set_admin(*single.filter_map(|name| wishes.single.get(name)).next().unwrap_or(&wishes.all));
    }

    fn check(&self, members: &mut Members, new: &[Arc<Endpoint>]) {
        let (Some((handle, _)), Some(_)) = (self.running.get(), &self.rules.check) else { return };
        if self.is_retired() {
            return;
        }
        members.checks.retain(|check| !check.is_finished());
        for endpoint in new {
            let phase = schedule::phase(members.checked);
            members.checked += 1;
            let check = handle.spawn(schedule::follow(Arc::downgrade(endpoint), phase));
            members.checks.push(check.abort_handle());
        }
    }

    /// Whether there is more than one member.
    pub(super) fn has_others(&self) -> bool {
        self.members.lock().endpoints.len() > 1
    }

    /// Whether the endpoint is one of the members.
    pub(super) fn has(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.members.lock().has(endpoint)
    }

    /// What [`Fleet::set_admin`] understands: the upstream's name, and that of each backend behind it.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.to_string()];
        names.extend(self.members.lock().living().map(|endpoint| format!("{}/{}", self.name, endpoint.label())));
        names
    }

    /// Does what somebody wants of one backend, `UPSTREAM/BACKEND`, or of all that there are and will be, `UPSTREAM`. `false`
    /// if that is none of these. A DNS name as it was written stands for the addresses that it has and will have.
    pub(crate) fn set_admin(&self, target: &str, admin: Admin) -> bool {
        let name = match target.strip_prefix(&*self.name) {
            Some("") => None,
            Some(rest) => match rest.strip_prefix('/') {
                Some(name) => Some(name),
                None => return false,
            },
            None => return false,
        };
        let members = self.members.lock();
        let concerned: Vec<_> =
            members.living().filter(|endpoint| name.is_none_or(|name| endpoint.is_called(name))).collect();
        let mut wishes = self.wishes.lock();
        match name {
            Some(_) if concerned.is_empty() => return false,
            Some(name) => {
                for endpoint in &concerned {
                    wishes.single.remove(endpoint.label());
                }
                wishes.single.insert(name.into(), admin);
            }
            None => {
                wishes.all = admin;
                wishes.single.clear();
            }
        }
        let changed: Vec<_> = concerned.into_iter().filter(|endpoint| endpoint.set_admin(admin)).collect();
        drop(wishes);
        drop(members);
        for endpoint in changed {
            if admin == Admin::Ready {
                endpoint.rise();
            }
            self.note(Level::Info, &endpoint, format_args!("is {} now, as was asked for", endpoint.state()));
        }
        self.queue.wake();
        true
    }

    /// Ejects an endpoint, unless that would leave fewer than half of the members, or nobody. `eject` does it, under the lock
    /// that makes the count hold.
    pub(super) fn eject(&self, endpoint: &Endpoint, eject: &mut dyn FnMut()) -> bool {
        let members = self.members.lock();
        let (mut count, mut ejected, mut others) = (0, 0, 0);
        for member in members.living() {
            count += 1;
            ejected += usize::from(member.is_ejected());
            others += usize::from(member.id() != endpoint.id() && member.is_available());
        }
        let allowed = (ejected + 1) * 2 <= count && others > 0;
        if allowed {
            eject();
        }
        allowed
    }

    /// Says in one line what became of a backend.
    pub(super) fn note(&self, level: Level, endpoint: &Endpoint, what: fmt::Arguments<'_>) {
        if let Some((_, log)) = self.running.get() {
            log.write(level, None, format_args!("upstream {}: {} {what}", self.name, endpoint.label()));
        }
    }
}

impl Members {
    fn living(&self) -> impl Iterator<Item = Arc<Endpoint>> + '_ {
        self.endpoints.iter().filter_map(Weak::upgrade)
    }

    fn has(&self, endpoint: &Arc<Endpoint>) -> bool {
        self.endpoints.iter().any(|member| std::ptr::eq(member.as_ptr(), Arc::as_ptr(endpoint)))
    }
}

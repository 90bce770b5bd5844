//! From "this request needs a backend" to a connection: which backends there are ([`Upstream`], [`dns`]), which one
//! takes a request ([`balancer`], [`admission`]), an idle connection to it ([`pool`]) or a new one ([`mod@connect`],
//! [`tls`]), and the attempt itself ([`ask`]).

pub(crate) mod address;
pub(crate) mod admission;
pub(crate) mod ask;
pub(crate) mod backend;
mod backends;
pub(crate) mod balancer;
pub(crate) mod by_host;
mod carry_over;
mod changes;
mod compile;
pub(crate) mod connect;
pub(crate) mod deployment;
mod acquire;
pub(crate) mod dns;
mod fingerprint;
pub(crate) mod health;
pub(crate) mod http2;
mod keep;
mod lister;
mod listing;
mod named;
pub(crate) mod pool;
mod probe;
mod protocol;
mod refresh;
mod settings;
pub(crate) mod steering;
pub(crate) mod tls;
pub(crate) mod traffic;
mod wait_queue;

pub(crate) use backend::group::PassedGroup;
pub use backend::Admin;
pub(crate) use backend::{Attempt, Backend, BACKEND_STATES};
pub(crate) use backends::Backends;
pub(crate) use balancer::{Affinity, Choice, Tried};
pub(crate) use by_host::ByHost;
pub(crate) use carry_over::{CarriedUpstreams, UpstreamCarryOver};
pub(crate) use compile::TargetHost;
pub(crate) use dns::Dns;
pub(crate) use keep::Keep;
pub(crate) use named::Upstreams;
pub(crate) use pool::Pool;
pub(crate) use protocol::BackendProtocol;
pub(crate) use traffic::Stops;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::latency;
use crate::log::Log;
use crate::panics::enduring;
use crate::stats::{BackendStats, LatencyStats};
use backend::configured::ConfiguredBackend;
use backend::group::BackendGroup;
use balancer::{Balancer, BalancingPolicy, Members, Tag};
use fingerprint::Fingerprint;
use lister::Lister;
use listing::Listing;
use settings::{Member, UpstreamSettings};

/// A set of backends with one selection policy.
///
/// Engine threads read the list of backends without a lock; when DNS answers change, the refresh tasks replace it. A
/// backend whose address stays is the same one in both, with its figures and its idle connections.
#[derive(Debug)]
pub(crate) struct Upstream {
    live: ArcSwap<Members>,
    balancer: Balancer,
    keep: Keep,
    shared: bool,
    /// Whether every backend is one of HTTP/2.
    http2: AtomicBool,
    group: Arc<BackendGroup>,
    fingerprint: Fingerprint,
    /// The entries of `backends`. Locked only to change `live` and for the figures.
    listing: Mutex<Listing>,
    /// Ruby block that lists the backends.
    lister: Option<Lister>,
    /// Names that DNS has not answered for yet, and the first list of a block.
    unanswered: AtomicUsize,
    all_answered: Notify,
    running: OnceLock<UpstreamTasks>,
    /// The upstream of the latest configuration in its place, which it shares with all in between: each may be gone
    /// before the one that it replaced.
    latest: OnceLock<Arc<Mutex<Weak<Upstream>>>>,
    /// The upstream that it takes the place of, until it starts.
    before: Mutex<Weak<Upstream>>,
}

/// The means to start tasks for an upstream that runs.
#[derive(Debug)]
struct UpstreamTasks {
    dns: Arc<Dns>,
    handle: Handle,
    log: Arc<Log>,
    /// The task that calls the block which lists the backends.
    lister: Option<AbortHandle>,
}

impl Upstream {
    /// An upstream that carries nothing over.
    #[cfg(test)]
    fn new(
        name: &str,
        shared: bool,
        members: &[Member],
        settings: &UpstreamSettings,
        server_name: Option<&ServerName<'static>>,
    ) -> Arc<Self> {
        Self::carry_over(None, name, shared, members, settings.clone(), server_name, Fingerprint::default())
    }

    /// An upstream in place of `before`, whose backends are carried over where they stay.
    ///
    /// `server_name` is the TLS name of all of them, in place of each one's own host. `shared`: it has a name that a
    /// person gave it, for several directives to use.
    fn carry_over(
        before: Option<&Arc<Self>>,
        name: &str,
        shared: bool,
        members: &[Member],
        mut settings: UpstreamSettings,
        server_name: Option<&ServerName<'static>>,
        fingerprint: Fingerprint,
    ) -> Arc<Self> {
        let forgotten = before.map(|before| before.fingerprint.forgotten(&fingerprint)).unwrap_or_default();
        let own = (settings.rules.clone(), settings.series.clone());
        let group = BackendGroup::carry_over(before.map(|before| &*before.group), name, own, forgotten);
        // The secret of sticky cookies is in the policy.
        if let Some(before) = before.filter(|before| before.fingerprint.chooses_like(&fingerprint)) {
            settings.policy = before.balancer.policy().clone();
        }
        let fingerprint = Fingerprint { server_name: server_name.cloned(), ..fingerprint };
        let mut listing = Listing { tls: settings.tls, base: members.to_vec(), ..Listing::default() };
        if settings.lister.is_some() {
            listing.is_awaited = !listing.take_over(before.map(|before| &**before), &fingerprint);
        }
        if let Some(before) = before {
            listing.take_changes(&before.listing.lock(), &fingerprint);
        }
        listing.members = listing.changes.applied(&listing.base);
        listing.entries = listing.members.iter().map(|member| listing.entry(member, &fingerprint, &group)).collect();
        if let Some(before) = before {
            backend::configured::carry_over(
                &mut listing.entries,
                &before.listing.lock().entries,
                &group,
                before.fingerprint.connects_like(&fingerprint),
            );
        }
        listing.number();
        let unanswered = listing.unanswered();
        let http2 = listing.members.iter().all(|member| member.traits.protocol == BackendProtocol::Http2);
        let balancer = Balancer::new(settings.policy.clone()).holding(settings.rules.hold);
        let live = expand(&listing.entries);
        group.set_members(&live, false);
        Arc::new(Self {
            live: ArcSwap::from_pointee(balancer.members(live)),
            balancer,
            keep: settings.keep,
            shared,
            http2: AtomicBool::new(http2),
            group,
            fingerprint,
            listing: Mutex::new(listing),
            lister: settings.lister,
            unanswered: AtomicUsize::new(unanswered),
            all_answered: Notify::new(),
            running: OnceLock::new(),
            latest: OnceLock::new(),
            before: Mutex::new(before.map_or_else(Weak::new, Arc::downgrade)),
        })
    }

    /// All that it is made of.
    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Begins to resolve the names among the backends, to follow their changes and to check the backends, on `handle`'s
    /// runtime. It ends when the upstream is dropped. A second call does nothing.
    pub(crate) fn start(self: &Arc<Self>, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        let mut listing = self.listing.lock();
        let mut is_first = false;
        let tasks = self.running.get_or_init(|| {
            is_first = true;
            let follow = |lister: Lister| {
                let (upstream, told) = (Arc::downgrade(self), log.clone());
                let work = move || lister::follow(upstream.clone(), lister.clone(), told.clone());
                handle.spawn(enduring("the listing of backends by a block", log.clone(), work))
            };
            let lister = self.lister.clone().map(|lister| follow(lister).abort_handle());
            UpstreamTasks { dns: dns.clone(), handle: handle.clone(), log: log.clone(), lister }
        });
        if is_first {
            self.catch_up(&mut listing);
            self.group.start(handle, log, health::schedule::checker);
            listing.follow_names(self, tasks);
            // Requests that are held may have come here already, and started no probe.
            self.group.queue().wake();
        }
    }

    /// Chooses the backend for a request's next attempt.
    pub(crate) fn choose(&self, affinity: &Affinity, tried: &mut Tried) -> Choice {
        self.balancer.choose(&self.live.load(), affinity, tried)
    }

    /// Chooses a backend for a request that cannot wait: also among those that could not be connected to a while ago,
    /// although others serve.
    pub(crate) fn choose_last(&self, affinity: &Affinity, tried: &mut Tried) -> Choice {
        self.balancer.choose_last(&self.live.load(), affinity, tried)
    }

    /// Another address of the name of `backend` that is available, has room and has not been tried: rather one of the
    /// other family, and rather one that could be connected to the last time.
    pub(crate) fn other_address(&self, backend: &Backend, tried: &Tried) -> Option<Arc<Backend>> {
        let live = self.live.load();
        let could = |other: &&Arc<Backend>| other.is_available() && other.has_room() && !tried.contains(other.id());
        let others = live.iter().filter(|other| other.is_beside(backend)).filter(could);
        others.min_by_key(|other| (other.is_last(), other.is_ipv6() == backend.is_ipv6())).cloned()
    }

    /// Whether there is a backend that misses only its first good check.
    pub(crate) fn awaits_check(&self) -> bool {
        self.live.load().iter().any(|backend| backend.is_awaited())
    }

    /// Whether a request may find a backend here: one is available, or names are still being resolved.
    pub(crate) fn may_serve(&self) -> bool {
        !self.is_ready() || self.live.load().iter().any(|backend| backend.is_available())
    }

    /// How a backend is chosen.
    pub(crate) fn policy(&self) -> &BalancingPolicy {
        self.balancer.policy()
    }

    /// Whether the backend that a cookie names has but no room for one more request.
    pub(crate) fn is_full(&self, tag: &Tag) -> bool {
        self.live
            .load()
            .tagged(tag)
            .is_some_and(|backend| (backend.is_available() || backend.accepts_sticky()) && !backend.has_room())
    }

    /// Time until the next ejected backend is probed. `None` if none is ejected, or all may be probed by now.
    pub(crate) fn next_probe(&self) -> Option<Duration> {
        self.live.load().iter().filter_map(|backend| backend.next_probe()).min()
    }

    /// Whether every backend is one of HTTP/2, before any connection says so.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.http2.load(Ordering::Relaxed)
    }

    /// Limits of idle connections.
    pub(crate) fn keep(&self) -> Keep {
        self.keep
    }

    /// The name that figures and logs call it by: the one that a person gave it, the host of `to`, or its first
    /// backend.
    pub(crate) fn name(&self) -> &str {
        self.group.name()
    }

    /// Whether several directives may use it.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Its backends as a group.
    pub(crate) fn group(&self) -> &Arc<BackendGroup> {
        &self.group
    }

    /// How many backends there are now.
    pub(crate) fn len(&self) -> usize {
        self.live.load().len()
    }

    /// Whether there is no backend now.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every name among the backends has been answered for, and the block that lists them has answered, be it
    /// with a failure.
    pub(crate) fn is_ready(&self) -> bool {
        self.unanswered.load(Ordering::Acquire) == 0
    }

    /// Waits until [`Upstream::is_ready`], for which the upstream must have been started.
    pub(crate) async fn ready(&self) {
        loop {
            // Made before the check, so that an answer in between is not missed.
            let answered = self.all_answered.notified();
            if self.is_ready() {
                return;
            }
            answered.await;
        }
    }

    /// The figures of every backend, in the order in which the backends were written, then those that were added, come
    /// and go. A name that has no address yet stands there as itself.
    pub(crate) fn stats(&self) -> Vec<BackendStats> {
        let listing = self.listing.lock();
        let mut stats = Vec::new();
        for (entry, member) in listing.entries.iter().zip(&listing.members) {
            let from = stats.len();
            match entry {
                ConfiguredBackend::Fixed(backend) => stats.push(backend.stats()),
                ConfiguredBackend::Named { name, backends, .. } if backends.is_empty() => stats.push(BackendStats {
                    upstream: self.group.name().to_owned(),
                    address: format!("{}:{}", name.host, name.port),
                    state: "unresolved",
                    ..BackendStats::default()
                }),
                ConfiguredBackend::Named { backends, .. } => {
                    stats.extend(backends.iter().map(|(_, backend)| backend.stats()));
                }
            }
            let is_added = listing.is_added(member);
            stats[from..].iter_mut().for_each(|backend| backend.added = is_added);
        }
        stats.extend(listing.leaving_stats());
        stats
    }

    /// How long its backends took to answer in the last minute.
    pub(crate) fn latency(&self) -> Option<LatencyStats> {
        latency::quantiles_of(self.live.load().iter().map(|backend| backend.recent_latency()))
    }

    /// Moves the windows of its backends' latency on.
    pub(crate) fn turn_latency(&self) {
        self.live.load().iter().for_each(|backend| backend.turn_latency());
    }

    /// Whether the proxy is not ready without a backend of this upstream.
    pub(crate) fn is_required(&self) -> bool {
        self.fingerprint.pool.required
    }

    /// Whether any backend gets requests.
    pub(crate) fn has_available(&self) -> bool {
        self.live.load().iter().any(|backend| backend.is_available())
    }

    /// Lets requests see the backends of the listing, which is locked, so that of two changes the later one stays.
    /// `late`: new ones join others that serve.
    fn show(&self, listing: &Listing, late: bool) {
        let live = expand(&listing.entries);
        self.group.set_members(&live, late);
        self.live.store(Arc::new(self.balancer.members(live)));
        // Only now: who waits looks at once, and is not woken a second time.
        self.group.queue().wake();
    }

    /// Notes how many answers are still to come. The listing is locked.
    fn answered(&self, unanswered: usize) {
        self.unanswered.store(unanswered, Ordering::Release);
        self.all_answered.notify_waiters();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let lister = self.running.get().and_then(|tasks| tasks.lister.as_ref());
        for task in self.listing.get_mut().tasks.iter().map(|(_, task)| task).chain(lister) {
            task.abort();
        }
        self.group.stop();
    }
}

/// The backends of all entries, in the order in which they were written.
fn expand(configured: &[ConfiguredBackend]) -> Vec<Arc<Backend>> {
    configured.iter().flat_map(ConfiguredBackend::backends).cloned().collect()
}

#[cfg(test)]
pub(crate) mod tests;

//! From "this request needs a backend" to a connected stream: which backends there are ([`Upstream`], [`dns`]), which
//! one takes a request ([`balancer`]), an idle connection to it ([`pool`]) or a new one ([`connect`], [`tls`]).

pub mod address;
pub(crate) mod admission;
pub(crate) mod ask;
pub mod backend;
pub mod balancer;
pub mod by_host;
mod carry_over;
mod compile;
pub mod connect;
mod contact;
pub mod dns;
pub(crate) mod fleet;
pub mod health;
pub(crate) mod http2;
mod named;
pub mod pool;
mod protocol;
mod refresh;
mod slot;
mod terms;
pub mod tls;

pub use backend::{Admin, Attempt, Endpoint, Traits};
pub use balancer::{Asking, Choice, Tried};
pub use by_host::ByHost;
pub(crate) use carry_over::{CarriedUpstreams, UpstreamCarryOver};
pub use compile::{Backends, TargetHost};
pub use connect::connect;
pub use dns::Dns;
pub(crate) use named::Upstreams;
pub use pool::{Keep, Pool};
pub use protocol::Protocol;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::log::Log;
use crate::stats::BackendStats;
use address::Host;
use backend::Tls;
use balancer::{Balancer, Members, Policy, Tag};
use carry_over::{Fingerprint, Forgotten};
use dns::Target;
use fleet::Fleet;
use refresh::Name;
use slot::{own_name, Slot};
use terms::{Member, Terms};

/// A set of backends with one selection policy.
///
/// Engine threads read the list of endpoints without a lock; when DNS answers change, the refresh tasks put a new list in
/// its place. An endpoint whose address stays is the same one in both, with its figures and its idle connections.
#[derive(Debug)]
pub struct Upstream {
    live: ArcSwap<Members>,
    balancer: Balancer,
    keep: Keep,
    shared: bool,
    /// Whether every backend is one of HTTP/2.
    http2: bool,
    fleet: Arc<Fleet>,
    fingerprint: Fingerprint,
    /// The backends as they were written, in that order. Locked only to change `live` and for the figures.
    slots: Mutex<Vec<Slot>>,
    /// Names that have not been answered for yet.
    unanswered: AtomicUsize,
    answered: Notify,
    started: AtomicBool,
    tasks: Mutex<Vec<AbortHandle>>,
}

impl Upstream {
    /// An upstream that carries nothing over.
    #[cfg(test)]
    fn new(
        name: &str,
        shared: bool,
        members: &[Member],
        terms: &Terms,
        server_name: Option<&ServerName<'static>>,
    ) -> Arc<Self> {
        Self::carry_over(None, name, shared, members, terms.clone(), server_name, Fingerprint::default())
    }

    /// An upstream in place of `before`, whose backends are carried over where they stay.
    ///
    /// `server_name` is the TLS name of all of them, in place of each one's own host. `shared`: it has a name that a person
    /// gave it, for several directives to use.
    fn carry_over(
        before: Option<&Self>,
        name: &str,
        shared: bool,
        members: &[Member],
        mut terms: Terms,
        server_name: Option<&ServerName<'static>>,
        fingerprint: Fingerprint,
    ) -> Arc<Self> {
        let forgotten = before.map(|before| Forgotten::between(&before.fingerprint, &fingerprint)).unwrap_or_default();
        let fleet = Fleet::carry_over(before.map(|before| &*before.fleet), name, terms.rules.clone(), forgotten);
        // The secret of sticky cookies is in the policy.
        if let Some(before) = before.filter(|before| before.fingerprint.chooses_like(&fingerprint)) {
            terms.policy = before.balancer.policy().clone();
        }
        let make = |member: &Member| {
            let Member { address, secure, traits } = member;
            let tls = terms.tls.as_ref().filter(|_| *secure).map(|client| Tls {
                client: client.clone(),
                name: server_name.cloned().unwrap_or_else(|| own_name(address)),
            });
            Slot::new(address, *secure, tls, *traits, &fleet)
        };
        let mut slots: Vec<_> = members.iter().map(make).collect();
        if let Some(before) = before {
            carry_over::carry_over(
                &mut slots,
                &before.slots.lock(),
                &fleet,
                before.fingerprint.connects_like(&fingerprint),
            );
        }
        let unanswered = slots.iter().filter(|slot| matches!(slot, Slot::Named { answered: false, .. })).count();
        let balancer = Balancer::new(terms.policy.clone());
        let live = expand(&slots);
        fleet.set_members(&live, false);
        Arc::new(Self {
            live: ArcSwap::from_pointee(balancer.members(live)),
            balancer,
            keep: terms.keep,
            shared,
            http2: members.iter().all(|member| member.traits.protocol == Protocol::Http2),
            fleet,
            fingerprint,
            slots: Mutex::new(slots),
            unanswered: AtomicUsize::new(unanswered),
            answered: Notify::new(),
            started: AtomicBool::new(false),
            tasks: Mutex::default(),
        })
    }

    /// All that it is made of.
    fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Begins to resolve the names among the backends, to follow their changes and to check the backends, on `handle`'s
    /// runtime. It ends when the upstream is dropped. A second call does nothing.
    pub fn start(self: &Arc<Self>, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        if self.started.swap(true, Ordering::AcqRel) {
            return;
        }
        self.fleet.start(handle, log);
        let names: Vec<_> = (self.slots.lock().iter().enumerate())
            .filter_map(|(index, slot)| match slot {
                Slot::Fixed(_) => None,
                Slot::Named { name, .. } => Some((index, name.host.clone(), name.port)),
            })
            .collect();
        let follow = |(slot, host, port)| {
            let name = Name { slot, host, port, log: log.clone() };
            handle.spawn(refresh::follow(Arc::downgrade(self), name, dns.clone())).abort_handle()
        };
        *self.tasks.lock() = names.into_iter().map(follow).collect();
    }

    /// Chooses the endpoint for a request's next attempt.
    pub fn choose(&self, asking: &Asking, tried: &mut Tried) -> Choice {
        self.balancer.choose(&self.live.load(), asking, tried)
    }

    /// The same for one that cannot wait: among those too that could not be connected to a while ago, although others serve.
    pub(crate) fn choose_last(&self, asking: &Asking, tried: &mut Tried) -> Choice {
        self.balancer.choose_last(&self.live.load(), asking, tried)
    }

    /// An address of the name that `endpoint` is one of which gets requests, has room and has not been tried: one of the other family if
    /// there is one, and one that could be connected to before one that could not.
    pub(crate) fn other_address(&self, endpoint: &Endpoint, tried: &Tried) -> Option<Arc<Endpoint>> {
        let live = self.live.load();
        let could = |other: &&Arc<Endpoint>| other.is_available() && other.has_room() && !tried.contains(other.id());
        let others = live.iter().filter(|other| other.is_beside(endpoint)).filter(could);
        others.min_by_key(|other| (other.is_last(), other.is_ipv6() == endpoint.is_ipv6())).cloned()
    }

    /// Whether there is a backend for which its first good check is all that it waits for.
    pub(crate) fn awaits_check(&self) -> bool {
        self.live.load().iter().any(|endpoint| endpoint.is_awaited())
    }

    /// Whether checks have yet to find any of its backends well.
    fn has_never_served(&self) -> bool {
        self.live.load().iter().all(|endpoint| endpoint.is_awaited())
    }

    /// Who serves in its place as long as checks have not found any of its backends well: itself, if they have.
    fn until_checked(self: &Arc<Self>) -> Option<Arc<Self>> {
        match self.has_never_served() {
            true => self.fleet.stand_in(),
            false => Some(Arc::clone(self)),
        }
    }

    /// How an endpoint is chosen.
    pub fn policy(&self) -> &Policy {
        self.balancer.policy()
    }

    /// Whether the endpoint that a cookie names has but no room for one more request.
    pub fn is_full(&self, tag: &Tag) -> bool {
        self.live
            .load()
            .tagged(tag)
            .is_some_and(|endpoint| (endpoint.is_available() || endpoint.accepts_sticky()) && !endpoint.has_room())
    }

    /// How long it takes until one of those that passive checks have taken out may be asked again. `None` if there is none, or all
    /// may be by now.
    pub(crate) fn next_probe(&self) -> Option<Duration> {
        self.live.load().iter().filter_map(|endpoint| endpoint.next_probe()).min()
    }

    /// Whether every backend is one of HTTP/2, before any connection says so.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.http2
    }

    /// What is kept of idle connections.
    pub(crate) fn keep(&self) -> Keep {
        self.keep
    }

    /// The name that figures and logs call it by: the one that a person gave it, the host of `to`, or its first backend.
    pub fn name(&self) -> &str {
        self.fleet.name()
    }

    /// Whether several directives may use it.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// What its backends have in common.
    pub(crate) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// How many endpoints there are now.
    pub fn len(&self) -> usize {
        self.live.load().len()
    }

    /// Whether there is no endpoint now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every name among the backends has been answered for, be it with a failure.
    pub fn is_ready(&self) -> bool {
        self.unanswered.load(Ordering::Acquire) == 0
    }

    /// Waits until [`Upstream::is_ready`], for which the upstream must have been started.
    pub async fn ready(&self) {
        loop {
            // Made before the check, so that an answer in between is not missed.
            let answered = self.answered.notified();
            if self.is_ready() {
                return;
            }
            answered.await;
        }
    }

    /// The figures of every endpoint, in the order in which the backends were written. A name that has no address yet
    /// stands there as itself.
    pub fn stats(&self) -> Vec<BackendStats> {
        let slots = self.slots.lock();
        let mut stats = Vec::new();
        for slot in slots.iter() {
            match slot {
                Slot::Fixed(endpoint) => stats.push(endpoint.stats()),
                Slot::Named { name, endpoints, .. } if endpoints.is_empty() => stats.push(BackendStats {
                    upstream: self.fleet.name().to_owned(),
                    address: format!("{}:{}", name.host, name.port),
                    state: "unresolved",
                    ..BackendStats::default()
                }),
                Slot::Named { endpoints, .. } => {
                    stats.extend(endpoints.iter().map(|(_, endpoint)| endpoint.stats()));
                }
            }
        }
        stats
    }

    /// Where the name in that slot leads to now.
    fn known(&self, slot: usize) -> Vec<Target> {
        match self.slots.lock().get(slot) {
            Some(Slot::Named { endpoints, .. }) => endpoints.iter().map(|(target, _)| target.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Takes in what DNS said of the name in that slot; `None`: nothing, so what was known stays. `true` if that changes
    /// which backends there are.
    fn resolved(&self, slot: usize, targets: Option<&[Target]>) -> bool {
        let mut slots = self.slots.lock();
        let Some(Slot::Named { name, endpoints, answered }) = slots.get_mut(slot) else { return false };
        let first = !std::mem::replace(answered, true);
        let changed = targets.is_some_and(|targets| !targets.iter().eq(endpoints.iter().map(|(target, _)| target)));
        if let Some(targets) = targets.filter(|_| changed) {
            let old = std::mem::take(endpoints);
            let keep_or_make = |target: &Target| match old.iter().find(|(known, _)| known == target) {
                Some((_, endpoint)) => (target.clone(), endpoint.clone()),
                None => (target.clone(), name.endpoint(target, &self.fleet)),
            };
            *endpoints = targets.iter().map(keep_or_make).collect();
            // Stored under the lock, so that of two changes the later one stays.
            let live = expand(&slots);
            self.fleet.set_members(&live, !first);
            self.live.store(Arc::new(self.balancer.members(live)));
            // Only now: who waits looks at once, and is not woken a second time.
            self.fleet.queue().wake();
        }
        drop(slots);
        if first {
            self.unanswered.fetch_sub(1, Ordering::AcqRel);
            self.answered.notify_waiters();
        }
        changed
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        for task in self.tasks.get_mut() {
            task.abort();
        }
        self.fleet.stop();
    }
}

/// The endpoints of all backends, in the order in which they were written.
fn expand(slots: &[Slot]) -> Vec<Arc<Endpoint>> {
    slots.iter().flat_map(Slot::endpoints).cloned().collect()
}

/// The name that a certificate for `host` has to carry. `None` if no certificate can carry it.
pub fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Some(ServerName::from(*ip)),
        // Certificates and SNI are without the dot at the end (RFC 6066, section 3).
        Host::Name(name) => ServerName::try_from(name.strip_suffix('.').unwrap_or(name).to_owned()).ok(),
    }
}

#[cfg(test)]
mod tests;

//! From "this request needs a backend" to a connected stream: which backends there are ([`Upstream`], [`dns`]), which
//! one takes a request ([`balancer`]), an idle connection to it ([`pool`]) or a new one ([`connect`], [`tls`]).

pub mod address;
pub(crate) mod admission;
pub mod backend;
pub mod balancer;
pub mod by_host;
mod clock;
mod compile;
pub mod connect;
pub mod dns;
pub(crate) mod exchange;
pub(crate) mod fleet;
pub mod health;
pub mod pool;
mod refresh;
pub mod tls;

pub use backend::{Admin, Attempt, Blame, Endpoint, Traits};
pub use balancer::{Asking, Choice, Tried};
pub use by_host::ByHost;
pub use compile::{Backends, TargetHost};
pub use connect::{connect, ConnectError, ConnectErrorKind};
pub use dns::Dns;
pub use pool::{Keep, Pool};

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::log::Log;
use crate::server::BackendStats;
use address::{default_port, Address, Host};
use backend::{Place, Tls};
use balancer::{Balancer, Members, Policy, Tag};
use fleet::Fleet;
use tls::TlsClient;

/// A set of backends with one selection policy.
///
/// Engine threads read the list of endpoints without a lock; when DNS answers change, the refresh tasks put a new list in
/// its place. An endpoint whose address stays is the same one in both, with its figures and its idle connections.
#[derive(Debug)]
pub struct Upstream {
    live: ArcSwap<Members>,
    balancer: Balancer,
    fleet: Arc<Fleet>,
    /// The backends as they were written, in that order. Locked only to change `live` and for the figures.
    slots: Mutex<Vec<Slot>>,
    /// Names that have not been answered for yet.
    unanswered: AtomicUsize,
    answered: Notify,
    started: AtomicBool,
    tasks: Mutex<Vec<AbortHandle>>,
}

/// One backend as it was written.
#[derive(Debug)]
enum Slot {
    /// An address that needs no resolving.
    Fixed(Arc<Endpoint>),
    /// A DNS name, which stands for as many endpoints as it has addresses.
    Named { name: DnsName, endpoints: Vec<(IpAddr, Arc<Endpoint>)>, answered: bool },
}

#[derive(Debug, Clone)]
struct DnsName {
    host: String,
    port: u16,
    authority: String,
    tls: Option<Tls>,
}

impl Upstream {
    /// `tls` is the policy for those of the `addresses` that speak TLS: the ones whose flag is set. `name` is the server
    /// name for all of them, in place of each one's own host.
    fn new(
        addresses: &[(Address, bool)],
        balancer: Balancer,
        tls: Option<&TlsClient>,
        name: Option<&ServerName<'static>>,
        fleet: Arc<Fleet>,
    ) -> Arc<Self> {
        let slots: Vec<_> = addresses
            .iter()
            .map(|(address, secure)| {
                let tls = tls.filter(|_| *secure).map(|client| Tls {
                    client: client.clone(),
                    name: name.cloned().unwrap_or_else(|| own_name(address)),
                });
                Slot::new(address, *secure, tls, &fleet)
            })
            .collect();
        let unanswered = slots.iter().filter(|slot| matches!(slot, Slot::Named { .. })).count();
        let live = expand(&slots);
        fleet.set_members(&live, false);
        Arc::new(Self {
            live: ArcSwap::from_pointee(balancer.members(live)),
            balancer,
            fleet,
            slots: Mutex::new(slots),
            unanswered: AtomicUsize::new(unanswered),
            answered: Notify::new(),
            started: AtomicBool::new(false),
            tasks: Mutex::default(),
        })
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
                Slot::Named { name, .. } => Some((index, name.host.clone())),
            })
            .collect();
        let follow = |(index, host)| {
            handle.spawn(refresh::follow(Arc::downgrade(self), index, host, dns.clone())).abort_handle()
        };
        *self.tasks.lock() = names.into_iter().map(follow).collect();
    }

    /// Chooses the endpoint for a request's next attempt.
    pub fn choose(&self, asking: &Asking, tried: &mut Tried) -> Choice {
        self.balancer.choose(&self.live.load(), asking, tried)
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

    /// The addresses that the name in that slot has now.
    fn known(&self, index: usize) -> Vec<IpAddr> {
        match self.slots.lock().get(index) {
            Some(Slot::Named { endpoints, .. }) => endpoints.iter().map(|(ip, _)| *ip).collect(),
            _ => Vec::new(),
        }
    }

    /// Takes in what DNS said of the name in that slot; `None`: nothing, so what was known stays.
    fn resolved(&self, index: usize, addresses: Option<&[IpAddr]>) {
        let mut slots = self.slots.lock();
        let Some(Slot::Named { name, endpoints, answered }) = slots.get_mut(index) else { return };
        let first = !std::mem::replace(answered, true);
        if let Some(addresses) = addresses {
            if !addresses.iter().eq(endpoints.iter().map(|(ip, _)| ip)) {
                let old = std::mem::take(endpoints);
                let keep_or_make = |ip: &IpAddr| match old.iter().find(|(known, _)| known == ip) {
                    Some((_, endpoint)) => (*ip, endpoint.clone()),
                    None => (*ip, name.endpoint(&self.fleet, *ip)),
                };
                *endpoints = addresses.iter().map(keep_or_make).collect();
                // Stored under the lock, so that of two changes the later one stays.
                let live = expand(&slots);
                self.fleet.set_members(&live, !first);
                self.live.store(Arc::new(self.balancer.members(live)));
            }
        }
        drop(slots);
        if first {
            self.unanswered.fetch_sub(1, Ordering::AcqRel);
            self.answered.notify_waiters();
        }
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

impl Slot {
    fn new(address: &Address, secure: bool, tls: Option<Tls>, fleet: &Arc<Fleet>) -> Self {
        let authority = address.host_field(secure);
        let (host, port) = match address {
            Address::Unix(path) => {
                let label = format!("unix:{}", path.display());
                return Self::Fixed(Endpoint::within(
                    fleet,
                    label,
                    &authority,
                    Place::Unix(path.clone()),
                    tls,
                    Traits::default(),
                ));
            }
            Address::Tcp { host, port, .. } => (host, port.unwrap_or_else(|| default_port(secure))),
        };
        let fixed = |label, place| {
            Self::Fixed(Endpoint::within(fleet, label, &authority, place, tls.clone(), Traits::default()))
        };
        match host {
            Host::Ip(ip) => {
                let address = SocketAddr::new(*ip, port);
                fixed(address.to_string(), Place::Tcp(address))
            }
            // This machine is one backend and not two, although its name has two addresses: a server there often
            // listens on one of them only, and every other request would find nobody at home.
            Host::Name(name) if host.is_localhost() => {
                let place = Place::Either(([127, 0, 0, 1], port).into(), (std::net::Ipv6Addr::LOCALHOST, port).into());
                fixed(format!("{name}:{port}"), place)
            }
            Host::Name(name) => Self::Named {
                name: DnsName { host: name.clone(), port, authority, tls },
                endpoints: Vec::new(),
                answered: false,
            },
        }
    }
}

impl DnsName {
    fn endpoint(&self, fleet: &Arc<Fleet>, ip: IpAddr) -> Arc<Endpoint> {
        let address = SocketAddr::new(ip, self.port);
        let label = address.to_string();
        Endpoint::within(fleet, label, &self.authority, Place::Tcp(address), self.tls.clone(), Traits::default())
    }
}

/// The endpoints of all backends, in the order in which they were written.
fn expand(slots: &[Slot]) -> Vec<Arc<Endpoint>> {
    let mut endpoints = Vec::with_capacity(slots.len());
    for slot in slots {
        match slot {
            Slot::Fixed(endpoint) => endpoints.push(endpoint.clone()),
            Slot::Named { endpoints: named, .. } => {
                endpoints.extend(named.iter().map(|(_, endpoint)| endpoint.clone()))
            }
        }
    }
    endpoints
}

/// The TLS name of a backend for which nothing else says one. Names that no certificate can carry have been refused before;
/// should one come here all the same, the handshake fails for it.
fn own_name(address: &Address) -> ServerName<'static> {
    let localhost = || ServerName::IpAddress(std::net::Ipv4Addr::LOCALHOST.into());
    match address {
        Address::Tcp { host, .. } => server_name(host).unwrap_or_else(localhost),
        Address::Unix(_) => ServerName::try_from("localhost").unwrap_or_else(|_| localhost()),
    }
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

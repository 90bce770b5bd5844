//! One address that we connect to, and what happened there so far.

use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use super::tls::TlsClient;
use crate::server::BackendStats;

/// One address that we connect to. Every address of a DNS name is an endpoint of its own, but for `localhost`, which is
/// one machine at two addresses.
///
/// It belongs to one upstream of one directive, and so has one TLS policy: two directives that name the same address
/// share neither connections nor figures.
#[derive(Debug)]
pub struct Endpoint {
    id: u64,
    label: Box<str>,
    authority: Box<str>,
    place: Place,
    tls: Option<Tls>,
    traits: Traits,
    in_flight: AtomicU64,
    requests: AtomicU64,
    failures: AtomicU64,
}

/// What a configuration says of a backend beside its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// Its share of requests beside the others'; at least 1.
    pub weight: u32,
    /// Whether it is used only when no other backend is available.
    pub backup: bool,
    /// Requests that it gets at once. `None`: any number.
    pub max_connections: Option<u32>,
    /// How long it takes until it gets its whole share after it came back. `None`: no time.
    pub slow_start: Option<Duration>,
}

impl Default for Traits {
    fn default() -> Self {
        Self { weight: 1, backup: false, max_connections: None, slow_start: None }
    }
}

/// What to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A TCP address, and a second one of the same server to be tried at once when the first refuses.
    Either(SocketAddr, SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// How an endpoint speaks TLS.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Roots, client certificate, SNI.
    pub client: TlsClient,
    /// The name that the certificate must be for, unless a request says another.
    pub name: ServerName<'static>,
}

impl Endpoint {
    /// An endpoint of which nothing is known yet.
    ///
    /// `label` is what people read in logs and figures (`10.0.0.1:3001`, `unix:/run/app.sock`), `authority` the `Host`
    /// field for requests that have no other.
    pub fn new(label: String, authority: &str, place: Place, tls: Option<Tls>, traits: Traits) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            id: NEXT.fetch_add(1, Relaxed),
            label: label.into(),
            authority: authority.into(),
            place,
            tls,
            traits,
            in_flight: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        })
    }

    /// A number that no other endpoint of this process has or will have.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// As in logs and figures: `10.0.0.1:3001` or `unix:/run/app.sock`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The `Host` field for requests that have no other: `host[:port]`, `localhost` for a unix socket.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What to connect to.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How to speak TLS; `None` if it is spoken to in the clear.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The name a TLS connection to it is made for: `given`, or its own. `None` if it is spoken to in the clear.
    pub fn server_name<'a>(&'a self, given: Option<&'a ServerName<'static>>) -> Option<&'a ServerName<'static>> {
        self.tls.as_ref().map(|tls| given.unwrap_or(&tls.name))
    }

    /// What the configuration says of it.
    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// Whether it may get new requests.
    pub fn is_available(&self) -> bool {
        true
    }

    /// Whether it may get requests of clients whose cookie names it.
    pub fn accepts_sticky(&self) -> bool {
        true
    }

    /// Whether it may get one more request now.
    pub fn has_room(&self) -> bool {
        self.traits.max_connections.is_none_or(|most| self.in_flight() < most.into())
    }

    /// Its share of requests beside the others': 256 for a weight of 1.
    pub fn share(&self) -> u32 {
        self.traits.weight * 256
    }

    /// Requests that it is answering now.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Relaxed)
    }

    /// The figures so far.
    pub fn stats(&self) -> BackendStats {
        BackendStats {
            address: self.label.to_string(),
            in_flight: self.in_flight(),
            requests: self.requests.load(Relaxed),
            failures: self.failures.load(Relaxed),
        }
    }
}

/// One attempt at one endpoint: counted as in flight until it is dropped.
#[derive(Debug)]
pub struct Attempt(Arc<Endpoint>);

impl Attempt {
    /// Counts an attempt that begins now.
    pub fn begin(endpoint: Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Relaxed);
        endpoint.requests.fetch_add(1, Relaxed);
        Self(endpoint)
    }

    /// Counts it as failed. To be called once at most.
    pub fn failed(&self) {
        self.0.failures.fetch_add(1, Relaxed);
    }

    /// The endpoint itself, for the pool.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.0
    }
}

impl Deref for Attempt {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_counts_as_in_flight_until_it_is_dropped() {
        let endpoint = Endpoint::new("a".into(), "a", Place::Unix("/a".into()), None, Traits::default());
        let first = Attempt::begin(endpoint.clone());
        let second = Attempt::begin(endpoint.clone());
        second.failed();
        assert_eq!(endpoint.in_flight(), 2);
        drop((first, second));
        let stats = endpoint.stats();
        assert_eq!((stats.in_flight, stats.requests, stats.failures), (0, 2, 1));
    }

    #[test]
    fn no_two_endpoints_share_an_id() {
        let make = || Endpoint::new("a".into(), "a", Place::Unix("/a".into()), None, Traits::default()).id();
        assert_ne!(make(), make());
    }
}

//! A backend: one address that we connect to, its state, and what the backends of an upstream share ([`group`]).

mod attempt;
mod checks;
pub(super) mod configured;
pub(crate) mod group;
pub(crate) mod history;
pub(super) mod outlier;
pub(super) mod retry_budget;
pub(super) mod rise_fall;
pub(super) mod rules;
mod settings;
mod status;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::ServerName;

use super::tls::TlsClient;
use super::BackendProtocol;
use crate::clock;
use crate::latency::BucketCounts;
use crate::log::Level;
use crate::metrics::BackendSeries;
use crate::stats::{BackendStats, CheckStats};

pub(crate) use attempt::Attempt;
use group::BackendGroup;
pub(super) use group::Forgotten;
use history::History;
pub(crate) use history::WeakBackend;
pub(crate) use settings::BackendSettings;
pub use status::Admin;
pub(crate) use status::BACKEND_STATES;

/// A backend: one address that we connect to. Every address of a DNS name is a backend of its own, but for
/// `localhost`, which is one machine at two addresses.
///
/// It belongs to one upstream, and so has one TLS policy: two upstreams that name the same address share neither
/// connections nor figures nor health.
#[derive(Debug)]
pub(crate) struct Backend {
    label: Box<str>,
    authority: Box<str>,
    address: BackendAddress,
    tls: Option<Tls>,
    settings: BackendSettings,
    group: Arc<BackendGroup>,
    history: Arc<History>,
    series: Arc<BackendSeries>,
    /// Whether its name may have other addresses.
    one_of_several: bool,
}

/// Address to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BackendAddress {
    /// A TCP address.
    Tcp(SocketAddr),
    /// A TCP address, and a second one of the same server to be tried at once when the first refuses.
    Either(SocketAddr, SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
    /// An application in this process.
    Application(Arc<crate::application::Application>),
}

impl BackendAddress {
    /// This address with another port. Unix sockets and applications have none.
    pub(super) fn with_port(&self, port: Option<u16>) -> Self {
        let mut address = self.clone();
        if let Some(port) = port {
            match &mut address {
                Self::Tcp(address) => address.set_port(port),
                Self::Either(first, second) => {
                    first.set_port(port);
                    second.set_port(port);
                }
                Self::Unix(_) | Self::Application(_) => {}
            }
        }
        address
    }
}

/// How a backend speaks TLS.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    /// Roots, client certificate, SNI.
    pub client: TlsClient,
    /// The name that the certificate must be for, unless a request says another.
    pub name: ServerName<'static>,
}

impl Backend {
    /// A new backend without a group.
    ///
    /// `label` is what people read in logs and figures (`10.0.0.1:3001`, `unix:/run/app.sock`), `authority` the `Host`
    /// field for requests that have no other.
    #[cfg(test)]
    pub(crate) fn new(
        label: String,
        authority: &str,
        address: BackendAddress,
        tls: Option<Tls>,
        traits: BackendSettings,
    ) -> Arc<Self> {
        Self::within(&BackendGroup::lone(), label, authority, address, tls, traits)
    }

    /// A new backend of an upstream.
    pub(super) fn within(
        group: &Arc<BackendGroup>,
        label: String,
        authority: &str,
        address: BackendAddress,
        tls: Option<Tls>,
        traits: BackendSettings,
    ) -> Arc<Self> {
        Arc::new(Self::new_member(group, label, authority, address, tls, (traits, false)))
    }

    /// A new backend at one address of a DNS name, which may have others.
    pub(super) fn of_name(
        group: &Arc<BackendGroup>,
        label: String,
        authority: &str,
        address: BackendAddress,
        tls: Option<Tls>,
        traits: BackendSettings,
    ) -> Arc<Self> {
        Arc::new(Self::new_member(group, label, authority, address, tls, (traits, true)))
    }

    fn new_member(
        group: &Arc<BackendGroup>,
        label: String,
        authority: &str,
        address: BackendAddress,
        tls: Option<Tls>,
        (traits, one_of_several): (BackendSettings, bool),
    ) -> Self {
        let history = Arc::new(History::new());
        history.limited.store(traits.max_connections.is_some(), Relaxed);
        if group.rules().check.is_some() {
            history.status.await_check();
        }
        Self {
            series: group.series().backend(&label, one_of_several),
            label: label.into(),
            authority: authority.into(),
            address,
            tls,
            settings: traits,
            group: group.clone(),
            history,
            one_of_several,
        }
    }

    /// Whether its name may have other addresses.
    pub(crate) fn is_one_of_several(&self) -> bool {
        self.one_of_several
    }

    /// Whether it is another address of the same name.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        self.one_of_several
            && other.one_of_several
            && self.id() != other.id()
            && self.authority == other.authority
            && self.settings.backup == other.settings.backup
    }

    /// Whether it is at an IPv6 address.
    pub(super) fn is_ipv6(&self) -> bool {
        matches!(self.address, BackendAddress::Tcp(address) if address.is_ipv6())
    }

    /// Number of the backend, unique in this process; carried over by a reload.
    pub(crate) fn id(&self) -> u64 {
        self.history.id
    }

    /// A weak reference, which tells whether the backend is still there.
    pub(crate) fn downgrade(&self) -> WeakBackend {
        WeakBackend::of(&self.history)
    }

    /// As in logs and figures: `10.0.0.1:3001` or `unix:/run/app.sock`.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The `Host` field for requests that have no other: `host[:port]`, `localhost` for a unix socket.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// What to connect to.
    pub(crate) fn address(&self) -> &BackendAddress {
        &self.address
    }

    /// How to speak TLS; `None` if it is spoken to in the clear.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// The name a TLS connection to it is made for: `given`, or its own. `None` if it is spoken to in the clear.
    pub(crate) fn server_name<'a>(&'a self, given: Option<&'a ServerName<'static>>) -> Option<&'a ServerName<'static>> {
        self.tls.as_ref().map(|tls| given.unwrap_or(&tls.name))
    }

    /// Which version of HTTP it is spoken to in.
    #[inline]
    pub(crate) fn protocol(&self) -> BackendProtocol {
        self.settings.protocol
    }

    /// Whether the last TLS handshake that offered both agreed on HTTP/1.1.
    pub(super) fn prefers_http1(&self) -> bool {
        self.history.prefers_http1.load(Relaxed)
    }

    /// Notes what a TLS handshake that offered both agreed on.
    pub(super) fn note_agreed(&self, http2: bool) {
        self.history.prefers_http1.store(!http2, Relaxed);
    }

    /// What the configuration says of it.
    pub(crate) fn settings(&self) -> &BackendSettings {
        &self.settings
    }

    /// What it has in common with the other backends of its upstream.
    pub(crate) fn group(&self) -> &Arc<BackendGroup> {
        &self.group
    }

    /// Its figures by name.
    pub(crate) fn series(&self) -> &Arc<BackendSeries> {
        &self.series
    }

    /// Requests that it is answering now.
    pub(crate) fn in_flight(&self) -> u64 {
        self.history.in_flight.load(Relaxed)
    }

    /// Whether it gets requests: it is ready, healthy and not ejected.
    #[inline]
    pub(crate) fn is_available(&self) -> bool {
        self.history.status.is_available()
    }

    /// Whether it gets requests as others do: it is available, and could be connected to the last time.
    #[inline]
    pub(super) fn is_preferred(&self) -> bool {
        self.history.status.is_preferred()
    }

    /// Whether it gets requests only as a last resort: it could not be connected to the last time.
    pub(crate) fn is_last(&self) -> bool {
        self.history.status.is_last()
    }

    /// Whether only its first good check is missing.
    pub(super) fn is_awaited(&self) -> bool {
        self.history.status.is_awaited()
    }

    /// Notes that it could be connected to.
    #[inline]
    fn trust(&self) {
        if self.history.status.is_doubted() {
            self.trust_again();
        }
    }

    #[cold]
    fn trust_again(&self) {
        if self.history.status.trust() && self.group.has_others() {
            self.group.note(Level::Info, self, format_args!("can be connected to again"));
        }
    }

    /// Whether it gets requests of its sticky clients.
    pub(crate) fn accepts_sticky(&self) -> bool {
        self.history.status.accepts_sticky()
    }

    /// Whether it may get one more request at once.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.settings.max_connections.is_none_or(|most| self.in_flight() < u64::from(most))
    }

    /// Its share of requests beside the others', in parts of 256: less during slow start.
    #[inline]
    pub(crate) fn share(&self) -> u32 {
        let part = match self.settings.slow_start {
            Some(length) if self.history.ramp.is_on() => self.history.ramp.part(clock::now(), clock::millis(length)),
            _ => 256,
        };
        self.settings.weight.saturating_mul(part)
    }

    /// Whether it is ejected (outlier ejection).
    pub(super) fn is_ejected(&self) -> bool {
        self.history.status.is_ejected()
    }

    /// Time until an ejected backend is probed.
    pub(super) fn next_probe(&self) -> Option<Duration> {
        self.history.status.next_probe(clock::now()).map(Duration::from_millis)
    }

    /// Whether its latest attempt failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.history.failing.load(Relaxed)
    }

    /// `ready`, `draining`, `down`, `unhealthy` or `ejected`.
    pub(super) fn state(&self) -> &'static str {
        self.history.status.name()
    }

    /// Whether that is its address, or the DNS name that it was found by.
    pub(super) fn is_called(&self, name: &str) -> bool {
        name == &*self.label
            || name == &*self.authority
                && !matches!(self.address, BackendAddress::Unix(_) | BackendAddress::Application(_))
    }

    /// Sets the state that the operator wants. `false` if it was set already.
    pub(super) fn set_admin(&self, admin: Admin) -> bool {
        self.history.status.set_admin(admin)
    }

    /// Begins slow start.
    pub(super) fn rise(&self) {
        if self.settings.slow_start.is_some() {
            self.history.ramp.begin(clock::now());
        }
    }

    /// The figures so far.
    pub(crate) fn stats(&self) -> BackendStats {
        let check = self.history.checks.lock().result().map(|(healthy, since, error)| CheckStats {
            healthy,
            since: since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            error: error.map(str::to_owned),
        });
        BackendStats {
            upstream: self.group.name().to_owned(),
            address: self.label.to_string(),
            state: self.state(),
            weight: self.settings.weight,
            backup: self.settings.backup,
            max_connections: self.settings.max_connections,
            added: false,
            in_flight: self.in_flight(),
            tunnels: self.history.tunnels.load(Relaxed),
            requests: self.history.requests.load(Relaxed),
            failures: self.history.failures.load(Relaxed),
            latency: self.history.recent.quantiles(std::iter::once(&self.history.latency)),
            check,
        }
    }

    /// What was counted of its latency in the last minute.
    pub(crate) fn recent_latency(&self) -> BucketCounts {
        self.history.recent.recent(std::iter::once(&self.history.latency))
    }

    /// Moves the window of its latency on.
    pub(crate) fn turn_latency(&self) {
        self.history.recent.turn(std::iter::once(&self.history.latency));
    }
}

/// So many of something, in words for a log.
fn counted(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;

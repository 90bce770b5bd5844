//! Upstreams for a `to` whose host is only known with the request (`to: "http://{host}.internal{path}"`).

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::address::server_name;
use super::address::{Address, Host};
use super::balancer::BalancingPolicy;
use super::fingerprint::Fingerprint;
use super::keep::Keep;
use super::settings::{Member, UpstreamSettings};
use super::{BackendProtocol, Dns, Upstream};
use crate::log::Log;
use crate::panics::enduring;
use crate::stats::BackendStats;

/// Upstreams kept at once. Clients choose the hosts, so there has to be an end.
const CAPACITY: usize = 1024;
/// One that no request has asked for in this time is dropped, and its name is no longer resolved.
const IDLE: Duration = Duration::from_secs(300);
/// How often idle ones are looked for.
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// One upstream per host that requests have named, made when it is first asked for. Usable from any thread.
#[derive(Debug, Clone)]
pub(crate) struct ByHost(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fingerprint: Fingerprint,
    settings: UpstreamSettings,
    capacity: usize,
    running: OnceLock<(Arc<Dns>, Handle, Arc<Log>)>,
    /// Without TLS, and with it.
    upstreams: [Mutex<HashMap<Box<[u8]>, HostEntry>>; 2],
}

#[derive(Debug)]
struct HostEntry {
    upstream: Arc<Upstream>,
    used: Instant,
}

/// Why a host cannot be connected to: it is no `host[:port]`, or TLS is not set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoUpstream(String);

impl std::fmt::Display for NoUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoUpstream {}

impl ByHost {
    /// `settings` hold for the addresses of each host. They must say how TLS is spoken if hosts are asked for with TLS.
    pub(super) fn of(fingerprint: Fingerprint, settings: UpstreamSettings) -> Self {
        Self::with_capacity(fingerprint, settings, CAPACITY)
    }

    #[cfg(test)]
    fn new(settings: UpstreamSettings) -> Self {
        Self::of(Fingerprint::default(), settings)
    }

    fn with_capacity(fingerprint: Fingerprint, settings: UpstreamSettings, capacity: usize) -> Self {
        Self(Arc::new(Inner {
            fingerprint,
            settings,
            capacity,
            running: OnceLock::new(),
            upstreams: Default::default(),
        }))
    }

    /// Whether it is made of all that, so that it can be carried over.
    pub(super) fn has_fingerprint(&self, fingerprint: &Fingerprint) -> bool {
        self.0.fingerprint == *fingerprint
    }

    /// Whether both are one.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How a backend is chosen.
    pub(crate) fn policy(&self) -> &BalancingPolicy {
        &self.0.settings.policy
    }

    /// Whether every backend is one of HTTP/2.
    pub(super) fn speaks_http2(&self) -> bool {
        self.0.settings.traits.protocol == BackendProtocol::Http2
    }

    /// What is kept of idle connections.
    pub(super) fn keep(&self) -> Keep {
        self.0.settings.keep
    }

    /// Gives it the means to resolve names, without which [`ByHost::get`] makes upstreams that never become ready.
    /// `handle` is the control runtime's. A second call does nothing.
    pub(crate) fn start(&self, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        if self.0.running.set((dns.clone(), handle.clone(), log.clone())).is_ok() {
            let upstreams = Arc::downgrade(&self.0);
            let work = move || sweep(upstreams.clone());
            handle.spawn(enduring("the removal of unused upstreams", Arc::clone(log), work));
        }
    }

    /// The upstream for `authority`, which is `host` or `host:port` and whose letter case does not matter. A new one is
    /// not ready yet: wait for [`Upstream::ready`].
    ///
    /// # Errors
    /// If `authority` is nothing else than a host and perhaps a port, or TLS is asked for and not set up.
    pub(crate) fn get(&self, authority: &[u8], tls: bool) -> Result<Arc<Upstream>, NoUpstream> {
        if authority.iter().any(u8::is_ascii_uppercase) {
            return self.get(&authority.to_ascii_lowercase(), tls);
        }
        let mut upstreams = self.0.upstreams[usize::from(tls)].lock();
        if let Some(entry) = upstreams.get_mut(authority) {
            entry.used = Instant::now();
            return Ok(entry.upstream.clone());
        }
        let upstream = self.0.make(authority, tls)?;
        if upstreams.len() >= self.0.capacity {
            evict(&mut upstreams);
        }
        upstreams.insert(authority.into(), HostEntry { upstream: upstream.clone(), used: Instant::now() });
        Ok(upstream)
    }

    /// Every upstream that there is now.
    pub(super) fn upstreams(&self) -> Vec<Arc<Upstream>> {
        let all = self.0.upstreams.iter();
        all.flat_map(|upstreams| upstreams.lock().values().map(|entry| entry.upstream.clone()).collect::<Vec<_>>())
            .collect()
    }

    /// The figures of every backend there is now, sorted by address.
    pub(crate) fn stats(&self) -> Vec<BackendStats> {
        let mut stats = Vec::new();
        for upstreams in &self.0.upstreams {
            stats.extend(upstreams.lock().values().flat_map(|entry| entry.upstream.stats()));
        }
        stats.sort_by(|a, b| a.address.cmp(&b.address));
        stats
    }
}

impl Inner {
    fn make(&self, authority: &[u8], tls: bool) -> Result<Arc<Upstream>, NoUpstream> {
        let no_host = || NoUpstream(format!("{:?} is not a valid host", String::from_utf8_lossy(authority)));
        let text = std::str::from_utf8(authority).map_err(|_| no_host())?;
        // A client's text: it must not be able to name a unix socket.
        let address = Address::parse_authority(text).map_err(NoUpstream)?;
        if tls && self.settings.tls.is_none() {
            return Err(NoUpstream("TLS to backends is not set up for this target".into()));
        }
        if let Address::Tcp { host: host @ Host::Name(_), .. } = &address {
            if tls && server_name(host).is_none() {
                return Err(no_host());
            }
        }
        let mut traits = self.settings.traits;
        if !tls && traits.protocol == BackendProtocol::Auto {
            traits.protocol = BackendProtocol::Http1;
        }
        let member = Member { address, secure: tls, traits };
        let upstream =
            Upstream::carry_over(None, text, false, &[member], self.settings.clone(), None, self.fingerprint.clone());
        if let Some((dns, handle, log)) = self.running.get() {
            upstream.start(dns, handle, log);
        }
        Ok(upstream)
    }

    fn drop_idle(&self, now: Instant) {
        for upstreams in &self.upstreams {
            // One that requests hold is in use, however long ago they asked for it.
            upstreams
                .lock()
                .retain(|_, entry| now.duration_since(entry.used) < IDLE || Arc::strong_count(&entry.upstream) > 1);
        }
    }
}

/// Drops the one that has gone unused the longest; if it still serves requests, they hold it until they are done.
fn evict(upstreams: &mut HashMap<Box<[u8]>, HostEntry>) {
    let oldest = upstreams.iter().min_by_key(|(_, entry)| entry.used).map(|(authority, _)| authority.clone());
    if let Some(authority) = oldest {
        upstreams.remove(&authority);
    }
}

async fn sweep(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP_PERIOD).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.drop_idle(Instant::now());
    }
}

#[cfg(test)]
mod tests;

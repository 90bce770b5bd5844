//! Resolving one name again and again, on the control thread.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::backend::configured::ConfiguredBackend;
use super::dns::{self, Dns, NoAnswer, ResolvedAddress};
use super::Upstream;
use crate::log::{Level, Log};

/// Backoff after the first failure; it doubles with every further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Longest backoff.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// A DNS name among the backends of an upstream.
#[derive(Debug, Clone)]
pub(super) struct FollowedName {
    /// Number of its entry in the list of backends.
    pub(super) number: u64,
    pub(super) host: String,
    /// Port of all its addresses. `SRV` records say their own.
    pub(super) port: u16,
    pub(super) log: Arc<Log>,
}

/// Resolves a name whenever its time to live has run out, until the upstream is gone. Known addresses stay in use
/// whatever goes wrong: a name that has vanished or a server that fails is no reason to stop using a backend that may
/// be healthy.
pub(super) async fn follow(upstream: Weak<Upstream>, name: FollowedName, dns: Arc<Dns>) {
    let mut retry = FIRST_RETRY;
    let mut failing = false;
    let mut first = true;
    loop {
        let known = upstream.upgrade().and_then(|upstream| upstream.known(name.number));
        let Some(known) = known else { return };
        let answer = name.targets(&dns, &known).await;
        let Some(upstream) = upstream.upgrade() else { return };
        let pause = match answer {
            Ok((targets, ttl)) => {
                let changed = upstream.resolved(name.number, Some(&targets));
                if failing || changed && !first {
                    name.tell(&upstream, Level::Info, format_args!("{} is now at {}", name.host, list(&targets)));
                }
                (failing, first) = (false, false);
                retry = FIRST_RETRY;
                ttl
            }
            Err(error) => {
                upstream.resolved(name.number, None);
                if !failing {
                    let meanwhile = if known.is_empty() { "" } else { "; what was known serves on" };
                    name.tell(&upstream, Level::Warn, format_args!("{error}{meanwhile}"));
                }
                failing = true;
                let pause = retry;
                retry = (retry * 2).min(LAST_RETRY);
                pause
            }
        };
        // Only a weak reference may live through the pause, or the upstream would never end.
        drop(upstream);
        tokio::time::sleep(pause).await;
    }
}

impl Upstream {
    /// Addresses that the name in that entry has now. `None` if it is no longer listed.
    pub(super) fn known(&self, number: u64) -> Option<Vec<ResolvedAddress>> {
        match self.listing.lock().numbered(number)? {
            ConfiguredBackend::Named { backends, .. } => {
                Some(backends.iter().map(|(target, _)| target.clone()).collect())
            }
            ConfiguredBackend::Fixed(_) => None,
        }
    }

    /// Takes the answer of DNS for the name in that entry; `None`: no answer, so the addresses stay. `true` if the
    /// list of backends changes.
    pub(super) fn resolved(&self, number: u64, targets: Option<&[ResolvedAddress]>) -> bool {
        let mut listing = self.listing.lock();
        let entry = listing.numbered(number);
        let Some(ConfiguredBackend::Named { name, backends, answered }) = entry else { return false };
        let first = !std::mem::replace(answered, true);
        let changed = targets.is_some_and(|targets| !targets.iter().eq(backends.iter().map(|(target, _)| target)));
        if let Some(targets) = targets.filter(|_| changed) {
            let old = std::mem::take(backends);
            let keep_or_make = |target: &ResolvedAddress| match old.iter().find(|(known, _)| known == target) {
                Some((_, backend)) => (target.clone(), backend.clone()),
                None => (target.clone(), name.backend(target, &self.group)),
            };
            *backends = targets.iter().map(keep_or_make).collect();
            self.show(&listing, !first);
        }
        if first || changed {
            self.answered(listing.unanswered());
        }
        changed
    }
}

impl FollowedName {
    pub(super) async fn targets(
        &self,
        dns: &Dns,
        known: &[ResolvedAddress],
    ) -> Result<(Vec<ResolvedAddress>, Duration), NoAnswer> {
        if dns::is_service(&self.host) {
            return dns.targets(&self.host, known).await;
        }
        let known: Vec<IpAddr> = known.iter().map(|target| target.address.ip()).collect();
        let answer = dns.lookup(&self.host, &known).await?;
        let target = |ip: IpAddr| ResolvedAddress::of(&self.host, SocketAddr::new(ip, self.port));
        Ok((answer.addresses.into_iter().map(target).collect(), answer.ttl))
    }

    fn tell(&self, upstream: &Upstream, level: Level, what: std::fmt::Arguments<'_>) {
        self.log.write(level, None, format_args!("upstream {}: {what}", upstream.name()));
    }
}

fn list(targets: &[ResolvedAddress]) -> String {
    targets.iter().map(|target| target.address.to_string()).collect::<Vec<_>>().join(", ")
}

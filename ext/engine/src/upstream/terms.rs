//! What holds for every backend of an upstream.

use std::sync::Arc;
#[cfg(test)]
use std::time::Duration;

use super::address::Address;
use super::backend::Traits;
use super::balancer::Policy;
use super::health::Rules;
use super::pool::Keep;
use super::tls::TlsClient;
use crate::compile::Report;
use crate::config::Pool;

/// What holds for every backend of an upstream.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// How one is chosen.
    pub(super) policy: Policy,
    /// What is kept of its idle connections.
    pub(super) keep: Keep,
    /// How it is known to be well, and what becomes of requests when all are busy.
    pub(super) rules: Arc<Rules>,
    /// How those that speak TLS do.
    pub(super) tls: Option<TlsClient>,
    /// What is said of those of which nothing else is said.
    pub(super) traits: Traits,
}

#[cfg(test)]
impl Terms {
    /// Nothing but a policy.
    pub(super) fn of(policy: Policy) -> Self {
        let keep = Keep { connections: 4, timeout: Duration::from_secs(10) };
        Self { policy, keep, rules: Arc::default(), tls: None, traits: Traits::default() }
    }
}

/// One backend, as its upstream is to have it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) address: Address,
    /// Whether it speaks TLS.
    pub(super) secure: bool,
    pub(super) traits: Traits,
}

const UNVERIFIED: &str = "verify_ssl: false accepts any certificate, so anybody between here and the backend can \
                          read and change everything; for a certificate of your own, name its authority with `ca_file`";

impl Terms {
    /// Checks and compiles everything but `backends` and `traits`. `None` if the policy or the TLS settings are wrong. `speaks_tls`: whether
    /// any of the backends does.
    pub(super) fn compile(pool: &Pool, traits: Traits, speaks_tls: bool, report: &mut Report<'_>) -> Option<Self> {
        let policy = Policy::compile(&pool.backend_priority, &mut report.within("backend_priority"));
        let rules = Arc::new(Rules::compile(pool, report));
        let keep = Keep::compile(pool, report);
        let tls = tls(pool, speaks_tls, report);
        Some(Self { policy: policy?, keep, rules, tls: tls?, traits })
    }
}

/// `Some(None)`: none is needed.
fn tls(pool: &Pool, speaks_tls: bool, report: &mut Report<'_>) -> Option<Option<TlsClient>> {
    if speaks_tls {
        let client = TlsClient::compile(pool, report);
        if !pool.verify_ssl {
            report.warning(UNVERIFIED);
        }
        return client.map(Some);
    }
    if [&pool.ca_file, &pool.client_certificate, &pool.client_key].iter().any(|file| file.is_some()) {
        // The files are checked all the same, for which the system's certificates need not be there.
        TlsClient::compile(&Pool { verify_ssl: false, ..pool.clone() }, report)?;
    }
    Some(None)
}

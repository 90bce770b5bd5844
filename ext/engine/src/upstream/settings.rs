//! Settings of an upstream that hold for all its backends.

use std::sync::Arc;

use super::address::Address;
use super::backend::rules::GroupRules;
use super::backend::BackendSettings;
use super::balancer::BalancingPolicy;
use super::keep::Keep;
use super::lister::Lister;
use super::tls::TlsClient;
use crate::compile::Report;
use crate::config::PoolConfig;
use crate::metrics::UpstreamSeries;

/// Settings of an upstream that hold for all its backends.
#[derive(Debug, Clone)]
pub(super) struct UpstreamSettings {
    /// Balancing policy.
    pub(super) policy: BalancingPolicy,
    /// Limits of idle connections.
    pub(super) keep: Keep,
    /// Health checks, outlier ejection and wait queue.
    pub(super) rules: Arc<GroupRules>,
    /// TLS settings, if any backend speaks TLS.
    pub(super) tls: Option<TlsClient>,
    /// Defaults for backends without options of their own.
    pub(super) traits: BackendSettings,
    /// Ruby block that lists the backends.
    pub(super) lister: Option<Lister>,
    /// Its figures.
    pub(super) series: Arc<UpstreamSeries>,
}

#[cfg(test)]
impl UpstreamSettings {
    /// Nothing but a policy.
    pub(super) fn of(policy: BalancingPolicy) -> Self {
        Self {
            policy,
            keep: Keep::FEW,
            rules: Arc::default(),
            tls: None,
            traits: BackendSettings::default(),
            lister: None,
            series: Arc::default(),
        }
    }
}

/// One backend, as its upstream is to have it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) address: Address,
    /// Whether it speaks TLS.
    pub(super) secure: bool,
    pub(super) traits: BackendSettings,
}

const UNVERIFIED: &str = "verify_ssl: false accepts any certificate, so anybody between here and the backend can \
                          read and change everything; for a certificate of your own, name its authority with `ca_file`";

impl UpstreamSettings {
    /// Checks and compiles all settings but those of single backends. `None` if the policy or the TLS settings are
    /// wrong. `speaks_tls`: whether any of the backends does.
    pub(super) fn compile(
        pool: &PoolConfig,
        traits: BackendSettings,
        speaks_tls: bool,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let policy = BalancingPolicy::compile(&pool.backend_priority, &mut report.within("backend_priority"));
        let rules = Arc::new(GroupRules::compile(pool, report));
        let keep = Keep::compile(pool, report);
        let tls = tls(pool, speaks_tls, report);
        Some(Self { policy: policy?, keep, rules, tls: tls?, traits, lister: None, series: Arc::default() })
    }
}

/// `Some(None)`: none is needed.
fn tls(pool: &PoolConfig, speaks_tls: bool, report: &mut Report<'_>) -> Option<Option<TlsClient>> {
    if speaks_tls {
        let client = TlsClient::compile(pool, report);
        if !pool.verify_ssl {
            report.warning(UNVERIFIED);
        }
        return client.map(Some);
    }
    if [&pool.ca_file, &pool.client_certificate, &pool.client_key].iter().any(|file| file.is_some()) {
        // The files are checked too, which needs no certificates of the system.
        TlsClient::compile(&PoolConfig { verify_ssl: false, ..pool.clone() }, report)?;
    }
    Some(None)
}

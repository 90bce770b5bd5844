//! Settings of an upstream that hold for all its backends.

use std::sync::Arc;
use std::time::Duration;

use proxy_http::proxy_protocol::Form;

use super::address::Address;
use super::backend::BackendSettings;
use super::balancer::BalancingPolicy;
use super::configured_backend::HEAVIEST;
use super::health::GroupRules;
use super::pool::Keep;
use super::tls::TlsClient;
use super::BackendProtocol;
use crate::compile::seconds;
use crate::config::{self, At, Pool, Problem};

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
}

#[cfg(test)]
impl UpstreamSettings {
    /// Nothing but a policy.
    pub(super) fn of(policy: BalancingPolicy) -> Self {
        let keep = Keep { connections: 4, timeout: Duration::from_secs(10) };
        Self { policy, keep, rules: Arc::default(), tls: None, traits: BackendSettings::default() }
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

/// Where a directive's mistakes go.
pub(super) struct Report<'a> {
    pub(super) directive: &'static str,
    pub(super) at: Option<&'a At>,
    pub(super) problems: &'a mut Vec<Problem>,
}

const UNVERIFIED: &str = "verify_ssl: false accepts any certificate, so anybody between here and the backend can \
                          read and change everything; for a certificate of your own, name its authority with `ca_file`";

impl Report<'_> {
    pub(super) fn error(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::error(self.at, self.directive, message));
    }

    pub(super) fn warning(&mut self, message: impl Into<String>) {
        self.problems.push(Problem::warning(self.at, self.directive, message));
    }

    /// A span of time, which must be more than nothing.
    fn time(&mut self, option: &str, written: f64) -> Duration {
        match seconds(written) {
            Some(time) if !time.is_zero() => time,
            _ => {
                self.error(format!(
                    "{option}: {written} is not a valid time limit: write seconds greater than 0, as in 30 or 0.5"
                ));
                Duration::from_secs(1)
            }
        }
    }

    fn number(&mut self, option: &str, written: i64, least: u32, most: u32) -> u32 {
        match u32::try_from(written) {
            Ok(number) if (least..=most).contains(&number) => number,
            _ => {
                self.error(format!("{option}: {written} is out of range: write a number from {least} to {most}"));
                least
            }
        }
    }
}

impl UpstreamSettings {
    /// Checks and compiles everything but `backends` and `traits`. `None` if the policy or the TLS settings are wrong. `speaks_tls`: whether
    /// any of the backends does.
    pub(super) fn compile(
        pool: &Pool,
        traits: BackendSettings,
        speaks_tls: bool,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let policy = BalancingPolicy::compile(&pool.backend_priority, &mut |message| report.error(message));
        let rules = Arc::new(GroupRules::compile(pool, &mut |message| report.error(message)));
        let keep = Keep {
            connections: report.number("keepalive", pool.keepalive, 0, u32::MAX) as usize,
            timeout: report.time("keepalive_timeout", pool.keepalive_timeout),
        };
        let tls = tls(pool, speaks_tls, report);
        Some(Self { policy: policy?, keep, rules, tls: tls?, traits })
    }
}

/// `Some(None)`: none is needed.
fn tls(pool: &Pool, speaks_tls: bool, report: &mut Report<'_>) -> Option<Option<TlsClient>> {
    if speaks_tls {
        let client = TlsClient::compile(pool, &mut |message| report.error(message));
        if !pool.verify_ssl {
            report.warning(UNVERIFIED);
        }
        return client.map(Some);
    }
    if [&pool.ca_file, &pool.client_certificate, &pool.client_key].iter().any(|file| file.is_some()) {
        // The files are checked all the same, for which the system's certificates need not be there.
        TlsClient::compile(&Pool { verify_ssl: false, ..pool.clone() }, &mut |message| report.error(message))?;
    }
    Some(None)
}

/// Defaults for backends without options of their own.
pub(super) fn traits_of_all(pool: &Pool, report: &mut Report<'_>) -> BackendSettings {
    BackendSettings {
        protocol: BackendProtocol::compile(pool, report).unwrap_or_default(),
        max_connections: pool.max_connections.map(|most| report.number("max_connections", most, 1, u32::MAX)),
        max_tunnels: pool.max_tunnels.map(|most| report.number("max_tunnels", most, 1, u32::MAX)),
        slow_start: pool.slow_start.map(|time| report.time("slow_start", time)),
        proxy_protocol: pool.proxy_protocol.as_deref().and_then(|name| {
            let form = Form::of(name);
            if form.is_none() {
                report.error(format!("proxy_protocol: {name:?} is unknown: write \"v1\" or \"v2\""));
            }
            form
        }),
        ..BackendSettings::default()
    }
}

/// Settings of one backend. `of_all` are the defaults.
pub(super) fn traits(backend: &config::Backend, of_all: BackendSettings, report: &mut Report<'_>) -> BackendSettings {
    let option = |name: &str| format!("backends: {:?}: {name}", backend.address);
    BackendSettings {
        weight: report.number(&option("weight"), backend.weight, 1, HEAVIEST),
        backup: backend.backup,
        max_connections: match backend.max_connections {
            Some(most) => Some(report.number(&option("max_connections"), most, 1, u32::MAX)),
            None => of_all.max_connections,
        },
        max_tunnels: match backend.max_tunnels {
            Some(most) => Some(report.number(&option("max_tunnels"), most, 1, u32::MAX)),
            None => of_all.max_tunnels,
        },
        slow_start: match backend.slow_start {
            Some(time) => Some(report.time(&option("slow_start"), time)),
            None => of_all.slow_start,
        },
        protocol: of_all.protocol,
        proxy_protocol: of_all.proxy_protocol,
    }
}

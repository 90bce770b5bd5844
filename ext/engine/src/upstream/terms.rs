//! What holds for every backend of an upstream.

use std::sync::Arc;
use std::time::Duration;

use proxy_http::proxy_protocol::Form;

use super::address::Address;
use super::backend::Traits;
use super::balancer::Policy;
use super::health::Rules;
use super::pool::Keep;
use super::slot::HEAVIEST;
use super::tls::TlsClient;
use super::Protocol;
use crate::compile::seconds;
use crate::config::{At, Backend, Pool, Problem};

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

impl Terms {
    /// Checks and compiles everything but `backends` and `traits`. `None` if the policy or the TLS settings are wrong. `speaks_tls`: whether
    /// any of the backends does.
    pub(super) fn compile(pool: &Pool, traits: Traits, speaks_tls: bool, report: &mut Report<'_>) -> Option<Self> {
        let policy = Policy::compile(&pool.backend_priority, &mut |message| report.error(message));
        let rules = Arc::new(Rules::compile(pool, &mut |message| report.error(message)));
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

/// What is said of backends of which nothing else is said.
pub(super) fn traits_of_all(pool: &Pool, report: &mut Report<'_>) -> Traits {
    Traits {
        protocol: Protocol::compile(pool, report).unwrap_or_default(),
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
        ..Traits::default()
    }
}

/// What is said of one backend. `of_all` is what is said of all of them.
pub(super) fn traits(backend: &Backend, of_all: Traits, report: &mut Report<'_>) -> Traits {
    let option = |name: &str| format!("backends: {:?}: {name}", backend.address);
    Traits {
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

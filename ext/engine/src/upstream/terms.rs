//! What holds for every backend of an upstream.

use std::sync::Arc;
#[cfg(test)]
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
use crate::compile::Report;
use crate::config::{Backend, Pool};

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

/// The largest number of connections, and of anything else, that can be asked for.
const MOST: i64 = u32::MAX as i64;

const UNVERIFIED: &str = "verify_ssl: false accepts any certificate, so anybody between here and the backend can \
                          read and change everything; for a certificate of your own, name its authority with `ca_file`";

impl Terms {
    /// Checks and compiles everything but `backends` and `traits`. `None` if the policy or the TLS settings are wrong. `speaks_tls`: whether
    /// any of the backends does.
    pub(super) fn compile(pool: &Pool, traits: Traits, speaks_tls: bool, report: &mut Report<'_>) -> Option<Self> {
        let policy = Policy::compile(&pool.backend_priority, &mut report.within("backend_priority"));
        let rules = Arc::new(Rules::compile(pool, report));
        let keep = Keep {
            connections: report.within("keepalive").count(pool.keepalive, 0..=MOST) as usize,
            timeout: report.within("keepalive_timeout").seconds(pool.keepalive_timeout),
        };
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

/// What is said of backends of which nothing else is said.
pub(super) fn traits_of_all(pool: &Pool, report: &mut Report<'_>) -> Traits {
    Traits {
        protocol: Protocol::compile(pool, &mut report.within("protocol")).unwrap_or_default(),
        max_connections: pool.max_connections.map(|most| at_least_one(most, &mut report.within("max_connections"))),
        max_tunnels: pool.max_tunnels.map(|most| at_least_one(most, &mut report.within("max_tunnels"))),
        slow_start: pool.slow_start.map(|time| report.within("slow_start").seconds(time)),
        proxy_protocol: pool.proxy_protocol.as_deref().and_then(|name| {
            let form = Form::of(name);
            if form.is_none() {
                report.within("proxy_protocol").error(format!("{name:?} is unknown: write \"v1\" or \"v2\""));
            }
            form
        }),
        ..Traits::default()
    }
}

/// What is said of one backend. `of_all` is what is said of all of them.
pub(super) fn traits(backend: &Backend, of_all: Traits, report: &mut Report<'_>) -> Traits {
    let mut report = report.within(&format!("{:?}", backend.address));
    let most = |written: Option<i64>, of_all, report: &mut Report<'_>| match written {
        Some(most) => Some(at_least_one(most, report)),
        None => of_all,
    };
    Traits {
        weight: report.within("weight").count(backend.weight, 1..=HEAVIEST.into()) as u32,
        backup: backend.backup,
        max_connections: most(backend.max_connections, of_all.max_connections, &mut report.within("max_connections")),
        max_tunnels: most(backend.max_tunnels, of_all.max_tunnels, &mut report.within("max_tunnels")),
        slow_start: match backend.slow_start {
            Some(time) => Some(report.within("slow_start").seconds(time)),
            None => of_all.slow_start,
        },
        protocol: of_all.protocol,
        proxy_protocol: of_all.proxy_protocol,
    }
}

fn at_least_one(number: i64, report: &mut Report<'_>) -> u32 {
    report.count(number, 1..=MOST) as u32
}

//! From the options of a `proxy` directive to its backends.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::runtime::Handle;

use super::address::Address;
use super::backend::Admin;
use super::balancer::{Balancer, Policy, Tag};
use super::by_host::ByHost;
use super::dns::Dns;
use super::fleet::Fleet;
use super::health::Rules;
use super::tls::TlsClient;
use super::{server_name, Upstream};
use crate::config::{Pool, Problem, Proxy, Severity};
use crate::log::Log;
use crate::server::BackendStats;

/// What the template in `to` says of the host, before any request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetHost<'a> {
    /// Whether its scheme is `https`. `None` without a `to`, or if the scheme has placeholders.
    pub scheme_tls: Option<bool>,
    /// Its literal `host[:port]`.
    pub authority: Option<&'a str>,
    /// Whether that part has placeholders.
    pub dynamic: bool,
}

/// Where the requests of a `proxy` directive go.
#[derive(Debug)]
pub enum Backends {
    /// To one set of backends.
    Fixed(Arc<Upstream>),
    /// To the host that each request's target names.
    ByHost(ByHost),
}

impl Backends {
    /// Begins to resolve names and to check backends, on `handle`'s runtime, and goes on until this is dropped.
    pub fn start(&self, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        match self {
            Self::Fixed(upstream) => upstream.start(dns, handle, log),
            Self::ByHost(by_host) => by_host.start(dns, handle, log),
        }
    }

    /// How a backend is chosen.
    pub fn policy(&self) -> &Policy {
        match self {
            Self::Fixed(upstream) => upstream.policy(),
            Self::ByHost(by_host) => by_host.policy(),
        }
    }

    /// Whether the backend that a cookie names has but no room for one more request.
    pub fn is_full(&self, tag: &Tag) -> bool {
        match self {
            Self::Fixed(upstream) => upstream.is_full(tag),
            Self::ByHost(_) => false,
        }
    }

    /// Does what somebody wants of a backend, `UPSTREAM/BACKEND`, or of a whole upstream. `false` if none is called that; the
    /// names that there are go to `names`.
    pub(crate) fn set_admin(&self, target: &str, admin: Admin, names: &mut Vec<String>) -> bool {
        let set = |upstream: &Upstream, names: &mut Vec<String>| {
            names.extend(upstream.fleet().names());
            upstream.fleet().set_admin(target, admin)
        };
        match self {
            Self::Fixed(upstream) => set(upstream, names),
            Self::ByHost(by_host) => {
                by_host.upstreams().iter().fold(false, |found, upstream| set(upstream, names) || found)
            }
        }
    }

    /// Requests that wait for a backend which is not busy.
    pub(crate) fn waiting(&self) -> usize {
        match self {
            Self::Fixed(upstream) => upstream.fleet().queue().waiting(),
            Self::ByHost(by_host) => {
                by_host.upstreams().iter().map(|upstream| upstream.fleet().queue().waiting()).sum()
            }
        }
    }

    /// The figures of every backend.
    pub fn stats(&self) -> Vec<BackendStats> {
        match self {
            Self::Fixed(upstream) => upstream.stats(),
            Self::ByHost(by_host) => by_host.stats(),
        }
    }
}

impl Upstream {
    /// Checks and compiles `backends`, `backend_priority`, `verify_ssl`, `tls_sni`, `ca_file`, `client_certificate` and
    /// `client_key`. `None` if one of them is wrong; `problems` then has every mistake.
    pub fn compile(proxy: &Proxy, target: TargetHost<'_>, problems: &mut Vec<Problem>) -> Option<Backends> {
        let before = problems.len();
        let mut report = |message: String| problems.push(Problem::error(proxy.at.as_ref(), "proxy", message));
        let defaults = Pool::default();
        let pool = proxy.pool.as_ref().unwrap_or(&defaults);

        let policy = Policy::compile(&pool.backend_priority, &mut report);
        let rules = Arc::new(Rules::compile(pool, &mut report));
        let by_host = pool.backends.is_none() && target.dynamic;
        let addresses = addresses(proxy, pool, target, &mut report);
        let speaks_tls = match by_host {
            true => target.scheme_tls != Some(false),
            false => addresses.iter().any(|(_, tls)| *tls),
        };
        let name = if speaks_tls { shared_name(pool, target, &addresses, &mut report) } else { None };

        let mut tls = None;
        if speaks_tls {
            tls = TlsClient::compile(pool, &mut report);
            if !pool.verify_ssl {
                problems.push(Problem::warning(proxy.at.as_ref(), "proxy", UNVERIFIED));
            }
        } else if [&pool.ca_file, &pool.client_certificate, &pool.client_key].iter().any(|file| file.is_some()) {
            // The files are checked all the same, for which the system's certificates need not be there.
            TlsClient::compile(&Pool { verify_ssl: false, ..pool.clone() }, &mut report);
        }

        if problems[before..].iter().any(|problem| problem.severity == Severity::Error) {
            return None;
        }
        let policy = policy?;
        if by_host {
            return Some(Backends::ByHost(ByHost::new(policy, tls, rules)));
        }
        let fleet = Fleet::new(&name_of(&addresses), rules);
        Some(Backends::Fixed(Upstream::new(&addresses, Balancer::new(policy), tls.as_ref(), name.as_ref(), fleet)))
    }
}

fn name_of(addresses: &[(Address, bool)]) -> String {
    addresses.first().map_or_else(String::new, |(address, tls)| address.host_field(*tls))
}

const UNVERIFIED: &str =
    "verify_ssl: false believes any certificate, so that whoever is on the way to the backend can \
                          read and change everything; for a certificate of your own, name its authority with `ca_file`";

/// Where the backends are, and which of them speak TLS.
fn addresses(
    proxy: &Proxy,
    pool: &Pool,
    target: TargetHost<'_>,
    report: &mut impl FnMut(String),
) -> Vec<(Address, bool)> {
    let parsed: Vec<_> = match (&pool.backends, target.authority) {
        (Some(backends), _) if backends.is_empty() => {
            report(r#"backends: the list is empty; write at least one, as in ["127.0.0.1:3001"]"#.into());
            return Vec::new();
        }
        (Some(backends), _) => backends
            .iter()
            .map(|backend| Address::parse(&backend.address).map_err(|error| format!("backends: {error}")))
            .collect(),
        (None, Some(authority)) => vec![Address::parse_authority(authority).map_err(|error| format!("to: {error}"))],
        // A `to` without a host is no URL; whoever reads the template says so. Here there is just nobody to go to.
        (None, None) if target.dynamic || proxy.to.is_some() => Vec::new(),
        (None, None) => {
            report(r#"where to? write `to: "http://HOST{path}{query}"` or `backends: ["HOST:PORT"]`, or both"#.into());
            return Vec::new();
        }
    };
    let mut addresses = Vec::with_capacity(parsed.len());
    for address in parsed {
        match address {
            Ok(address) => {
                let tls = address.tls(target.scheme_tls.unwrap_or(false));
                addresses.push((address, tls));
            }
            Err(message) => report(message),
        }
    }
    addresses
}

/// The TLS name that the host of `to` gives to all backends. Without one each backend has its own, which is checked here.
fn shared_name(
    pool: &Pool,
    target: TargetHost<'_>,
    addresses: &[(Address, bool)],
    report: &mut impl FnMut(String),
) -> Option<ServerName<'static>> {
    let host = |address: &Address| match address {
        Address::Tcp { host, .. } => Some(host.clone()),
        Address::Unix(_) => None,
    };
    if let (Some(authority), Some(_)) = (target.authority, &pool.backends) {
        let parsed = Address::parse_authority(authority).ok();
        let name = parsed.as_ref().and_then(host).as_ref().and_then(server_name);
        if name.is_none() {
            report(format!("to: {authority:?} can be the name of no TLS server"));
        }
        return name;
    }
    for (address, _) in addresses.iter().filter(|(_, tls)| *tls) {
        if let Some(host) = host(address).filter(|host| server_name(host).is_none()) {
            report(format!("{:?} can be the name of no TLS server", host.in_url()));
        }
    }
    None
}

#[cfg(test)]
mod tests;

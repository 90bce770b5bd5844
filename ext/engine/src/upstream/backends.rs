//! Where the requests of a `proxy` directive go.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::address::Address;
use super::backend::BackendSettings;
use super::balancer::{BalancingPolicy, Tag};
use super::by_host::ByHost;
use super::compile::{introduced, members, shared_name, TargetHost};
use super::dns::Dns;
use super::keep::Keep;
use super::lister::Lister;
use super::named::{NamedUpstream, Upstreams};
use super::settings::{Member, UpstreamSettings};
use super::Upstream;
use crate::compile::Report;
use crate::config::PoolConfig;
use crate::log::Log;
use crate::stats::BackendStats;

/// Where the requests of a `proxy` directive go.
#[derive(Debug)]
pub(crate) enum Backends {
    /// To one set of backends.
    Fixed(Arc<Upstream>),
    /// To the host that each request's target names.
    ByHost(ByHost),
}

impl Backends {
    /// Begins to resolve names and to check backends, on `handle`'s runtime, and goes on until this is dropped.
    pub(crate) fn start(&self, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        match self {
            Self::Fixed(upstream) => upstream.start(dns, handle, log),
            Self::ByHost(by_host) => by_host.start(dns, handle, log),
        }
    }

    /// How a backend is chosen.
    pub(crate) fn policy(&self) -> &BalancingPolicy {
        match self {
            Self::Fixed(upstream) => upstream.policy(),
            Self::ByHost(by_host) => by_host.policy(),
        }
    }

    /// Whether the backend that a cookie names has but no room for one more request.
    pub(crate) fn is_full(&self, tag: &Tag) -> bool {
        match self {
            Self::Fixed(upstream) => upstream.is_full(tag),
            Self::ByHost(_) => false,
        }
    }

    /// Calls `visit` with every upstream that there is now.
    pub(crate) fn each_upstream(&self, visit: &mut dyn FnMut(&Arc<Upstream>)) {
        match self {
            Self::Fixed(upstream) => visit(upstream),
            Self::ByHost(by_host) => by_host.upstreams().iter().for_each(visit),
        }
    }

    /// Whether every backend is one of HTTP/2, before any connection says so.
    pub(crate) fn speak_http2(&self) -> bool {
        match self {
            Self::Fixed(upstream) => upstream.speaks_http2(),
            Self::ByHost(by_host) => by_host.speaks_http2(),
        }
    }

    /// What is kept of idle connections.
    pub(crate) fn keep(&self) -> Keep {
        match self {
            Self::Fixed(upstream) => upstream.keep(),
            Self::ByHost(by_host) => by_host.keep(),
        }
    }

    /// Whether other directives may use these backends too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Fixed(upstream) if upstream.is_shared())
    }

    /// The figures of every backend.
    pub(crate) fn stats(&self) -> Vec<BackendStats> {
        match self {
            Self::Fixed(upstream) => upstream.stats(),
            Self::ByHost(by_host) => by_host.stats(),
        }
    }
}

impl Backends {
    /// Checks and compiles what a directive says of its backends, or finds the upstream that the host of its `to`
    /// names. `None` if something is wrong. `pool`: `None` if nothing was written of them. `target`: `None` without a
    /// `to`.
    pub(crate) fn compile(
        pool: Option<&PoolConfig>,
        target: Option<TargetHost<'_>>,
        upstreams: &mut Upstreams,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        // A report of its own: mistakes of other options are no reason to leave the backends out.
        let report = &mut report.anew();
        let (says_where, target) = (target.is_some(), target.unwrap_or_default());
        if let Some(authority) = target.authority {
            let tls = target.scheme_tls.unwrap_or(false);
            let named = upstreams.named(authority, tls, report);
            if !matches!(named, NamedUpstream::Nothing) && pool.is_some() {
                report.within("to").error(format!(
                    "{authority:?} is an upstream, which has backends and settings of its own: write \
                     `backends` and the options that belong to them there, or another host here"
                ));
                return None;
            }
            match named {
                NamedUpstream::Nothing => {}
                NamedUpstream::Wrong => return None,
                NamedUpstream::Upstream(upstream) => return Some(Self::Fixed(upstream)),
            }
        }
        let defaults = PoolConfig::default();
        let pool = pool.unwrap_or(&defaults);
        let is_listed = pool.backends.is_some() || pool.backends_block.is_some();
        let by_host = !is_listed && target.dynamic;
        let traits = BackendSettings::of_all(pool, report);
        let members = members(pool, target, traits, report);
        introduced(pool, &members, report);
        if pool.backends.is_none() && pool.backends_block.is_none() && !says_where {
            report.error(r#"where to? write `to: "http://HOST{path}{query}"` or `backends: ["HOST:PORT"]`, or both"#);
        }
        let speaks_tls = match by_host {
            true => target.scheme_tls != Some(false),
            false => members.iter().any(|member| member.secure),
        };
        let name = if speaks_tls { shared_name(pool, target, &members, report) } else { None };
        let settings = UpstreamSettings::compile(pool, traits, speaks_tls, report);
        let lister = Lister::compile(pool, &upstreams.carry_over.blocks, report);
        if !report.is_sound() {
            return None;
        }
        let settings = UpstreamSettings { lister, ..settings? };
        if by_host {
            return Some(Self::ByHost(upstreams.carry_over.by_host(pool, settings)));
        }
        let listed = || settings.lister.as_ref().map(|lister| lister.name().to_owned());
        let wanted = target.authority.map(str::to_owned).or_else(listed).unwrap_or_else(|| name_of(&members));
        let unique = upstreams.name(wanted);
        let scheme_tls = target.scheme_tls.unwrap_or(false);
        let list = (pool, &members[..], scheme_tls);
        Some(Self::Fixed(upstreams.carry_over.upstream(&unique, false, list, settings, name.as_ref())))
    }
}

/// What to call an upstream that has no name: as its first backend.
fn name_of(members: &[Member]) -> String {
    match members.first().map(|member| (&member.address, member.secure)) {
        Some((Address::Unix(path), _)) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        Some((Address::Application(_, name), _)) => name.clone(),
        Some((address, secure)) => address.host_field(secure),
        None => "nowhere".into(),
    }
}

#[cfg(test)]
mod tests;

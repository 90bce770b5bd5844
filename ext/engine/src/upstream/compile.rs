//! From the options of a `proxy` directive to its backends.

use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::address::server_name;
use super::address::{Address, Host};
use super::backend::BackendSettings;
use super::carry_over::UpstreamCarryOver;
use super::dns::{self};
use super::lister::Lister;
use super::settings::{Member, UpstreamSettings};
use super::{BackendProtocol, Upstream};
use crate::compile::Report;
use crate::config::{self, HealthCheck, PoolConfig, Problem};

/// What the template in `to` says of the host, before any request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TargetHost<'a> {
    /// Whether its scheme is `https`. `None` without a `to`, or if the scheme has placeholders.
    pub scheme_tls: Option<bool>,
    /// Its literal `host[:port]`.
    pub authority: Option<&'a str>,
    /// Whether that part has placeholders.
    pub dynamic: bool,
}

/// Checks and compiles an `upstream`. `None` if something is wrong.
pub(super) fn shared(
    spec: &config::UpstreamConfig,
    tls: bool,
    carry_over: &mut UpstreamCarryOver,
    problems: &mut Vec<Problem>,
) -> Option<Arc<Upstream>> {
    let mut report = Report::new("upstream", spec.at.as_ref(), problems);
    if spec.pool.backends.is_none() && spec.pool.backends_block.is_none() {
        report.error(r#"`backends` is missing: write backends: ["127.0.0.1:3001", "127.0.0.1:3002"]"#);
    }
    let target = TargetHost { scheme_tls: Some(tls), authority: None, dynamic: false };
    let traits = BackendSettings::of_all(&spec.pool, &mut report);
    let members = members(&spec.pool, target, traits, &mut report);
    introduced(&spec.pool, &members, &mut report);
    let speaks_tls = members.iter().any(|member| member.secure);
    if speaks_tls {
        shared_name(&spec.pool, target, &members, &mut report);
    }
    let settings = UpstreamSettings::compile(&spec.pool, traits, speaks_tls, &mut report);
    let lister = Lister::compile(&spec.pool, &carry_over.blocks, &mut report);
    if !report.is_sound() {
        return None;
    }
    let settings = UpstreamSettings { lister, ..settings? };
    Some(carry_over.upstream(&spec.name, true, (&spec.pool, &members, tls), settings, None))
}

/// Whether it is not the backends of an `upstream` that say whether they speak TLS.
pub(super) fn depends_on_scheme(spec: &config::UpstreamConfig) -> bool {
    if spec.pool.backends_block.is_some() {
        return true;
    }
    let backends = spec.pool.backends.iter().flatten();
    let addresses = backends.filter_map(|backend| Address::parse(&backend.address).ok());
    addresses.into_iter().any(|address| address.tls(true) != address.tls(false))
}

/// Where the backends are, and what is said of each.
pub(super) fn members(
    pool: &PoolConfig,
    target: TargetHost<'_>,
    traits: BackendSettings,
    report: &mut Report<'_>,
) -> Vec<Member> {
    if let Some(check) = &pool.health_check {
        ignored_in_check(check, report);
    }
    let otherwise = target.scheme_tls.unwrap_or(false);
    let written = pool.protocol.is_some().then_some(traits.protocol);
    let member = |address: Address, traits: BackendSettings, report: &mut Report<'_>| {
        let secure = address.tls(otherwise);
        let protocol = BackendProtocol::of(&address, written, secure, report);
        Member { secure, address, traits: BackendSettings { protocol, ..traits } }
    };
    let Some(backends) = &pool.backends else {
        // They are listed later.
        if pool.backends_block.is_some() {
            return Vec::new();
        }
        // A `to` without a host is no URL, which the check of the template reports. Here there is just no backend.
        let Some(authority) = target.authority else { return Vec::new() };
        return match read(Address::parse_authority(authority)) {
            Ok(address) => vec![member(address, traits, report)],
            Err(message) => {
                report.within("to").error(message);
                Vec::new()
            }
        };
    };
    if backends.is_empty() {
        if !pool.hold {
            report.within("backends").error(
                "the list is empty: write addresses, such as [\"127.0.0.1:3001\", \"127.0.0.1:3002\"], or hold: true \
                 to let requests wait until a reload brings some",
            );
        }
    } else if backends.iter().all(|backend| backend.backup) {
        report
            .within("backends")
            .warning("all of them are backups, which is the same as none: leave `backup: true` out of one");
    }
    let mut members = Vec::with_capacity(backends.len());
    for backend in backends {
        let traits = BackendSettings::of_one(backend, traits, &mut report.within("backends"));
        if let Some(id) = backend.application {
            members.push(member(Address::Application(id, backend.address.clone()), traits, report));
            continue;
        }
        match read(Address::parse(&backend.address)) {
            Ok(address) => {
                ignored_path(&backend.address, report);
                members.push(member(address, traits, report));
            }
            Err(message) => report.within("backends").error(message),
        }
    }
    fit(pool, &members, report);
    members
}

/// Warns of what follows the authority of a backend's URL. A slash alone is how many write a URL.
fn ignored_path(written: &str, report: &mut Report<'_>) {
    let Some((scheme, rest)) = written.split_once("://").filter(|(scheme, _)| !scheme.eq_ignore_ascii_case("unix"))
    else {
        return;
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if matches!(path, "" | "/") {
        return;
    }
    let scheme = if scheme.eq_ignore_ascii_case("https") { "https" } else { "http" };
    let prefix = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    report.warning(format!(
        "backends: {written:?} has a path, which is ignored: write to: \
         \"{scheme}://{authority}{prefix}{{path}}{{query}}\", or leave it out"
    ));
}

/// Whether options that concern all backends fit those that there are.
pub(super) fn fit(pool: &PoolConfig, members: &[Member], report: &mut Report<'_>) {
    let checked_elsewhere = pool.health_check.as_ref().is_some_and(|check| check.port.is_some());
    if checked_elsewhere && members.iter().any(|member| matches!(member.address, Address::Unix(_))) {
        report.error(
            "health_check: port: a unix socket has no port: leave port out, or write such backends into an upstream of \
             their own",
        );
    }
    let called = pool.health_check.as_ref().is_some_and(|check| check.grpc && !check.tcp);
    if called && members.iter().any(|member| member.traits.protocol == BackendProtocol::Http1) {
        report.error(
            "health_check: grpc: gRPC needs backends that speak HTTP/2: write \"h2://HOST:PORT\" for those without \
             TLS, or protocol: \"http2\" for all",
        );
    }
    if pool.protocol.as_deref() == Some("auto")
        && !members.is_empty()
        && members.iter().all(|member| !member.secure && !member.address.says_http2())
    {
        report.warning(
            "protocol: \"auto\" is agreed on in a TLS handshake, and no backend speaks TLS: write \"http2\" if they \
             speak HTTP/2 without, or leave it out",
        );
    }
    let unlimited = members.iter().all(|member| member.traits.max_connections.is_none());
    // Requests also wait for the first good check.
    if pool.queue > 0 && !pool.hold && pool.health_check.is_none() && unlimited {
        report.warning(
            "queue: no backend is ever too busy, so requests wait in a pause alone: add max_connections, or leave it \
             out",
        );
    }
}

/// An HTTP/2 connection is shared by clients, so its PROXY header cannot name one.
pub(super) fn introduced(pool: &PoolConfig, members: &[Member], report: &mut Report<'_>) {
    // Without backends that are known by now, what is written for all decides.
    let shared = match pool.protocol.as_deref() {
        Some("http2" | "auto") if members.is_empty() => true,
        _ => members.iter().any(|member| member.traits.protocol != BackendProtocol::Http1),
    };
    if pool.proxy_protocol.is_some() && shared {
        report.error(
            "proxy_protocol: a connection of HTTP/2 is shared by many clients, and its header could name but one: \
             write protocol: \"http1\" and http:// or https://, or leave proxy_protocol out",
        );
    }
}

/// Options of a check that need others, or exclude each other. A default that is written out gets no warning.
fn ignored_in_check(check: &HealthCheck, report: &mut Report<'_>) {
    let usual = HealthCheck::default();
    if !check.service.is_empty() && !check.grpc && !check.tcp {
        report.warning("health_check: service: only gRPC's health service knows it: add grpc: true, or leave it out");
    }
    let why = match (check.tcp, check.grpc) {
        (true, _) => "tcp: true sends no request",
        (false, true) => "grpc: true calls grpc.health.v1.Health/Check",
        (false, false) => return,
    };
    let unasked = [
        ("path", check.path != usual.path),
        ("method", check.method != usual.method),
        ("headers", check.tcp && !check.headers.is_empty()),
        ("status", check.status != usual.status),
        ("body", check.body.is_some()),
        ("grpc", check.tcp && check.grpc),
        ("service", check.tcp && !check.service.is_empty()),
    ];
    for (option, _) in unasked.iter().filter(|(_, written)| *written) {
        report.warning(format!("health_check: {option}: {why}: leave one of them out"));
    }
}

/// A name of `SRV` records has no port, for they say it.
fn read(address: Result<Address, String>) -> Result<Address, String> {
    match address? {
        Address::Tcp { host: Host::Name(name), port: Some(port), .. } if dns::is_service(&name) => {
            Err(format!("{name:?} gets its ports from SRV records: leave out \":{port}\""))
        }
        address => Ok(address),
    }
}

/// The TLS name that the host of `to` gives to all backends. Without one each backend has its own, which is checked
/// here.
pub(super) fn shared_name(
    pool: &PoolConfig,
    target: TargetHost<'_>,
    members: &[Member],
    report: &mut Report<'_>,
) -> Option<ServerName<'static>> {
    let host = |address: &Address| match address {
        Address::Tcp { host, .. } => Some(host.clone()),
        Address::Unix(_) | Address::Application(..) => None,
    };
    let is_listed = pool.backends.is_some() || pool.backends_block.is_some();
    if let Some(authority) = target.authority.filter(|_| is_listed) {
        let parsed = Address::parse_authority(authority).ok();
        let name = parsed.as_ref().and_then(host).as_ref().and_then(server_name);
        if name.is_none() {
            report.error(format!("to: {authority:?} cannot be the name of a TLS server"));
        }
        return name;
    }
    for member in members.iter().filter(|member| member.secure) {
        let named =
            |host: &Host| matches!(host, Host::Name(name) if dns::is_service(name)) || server_name(host).is_some();
        if let Some(host) = host(&member.address).filter(|host| !named(host)) {
            report.error(format!("{:?} cannot be the name of a TLS server", host.in_url()));
        }
    }
    None
}

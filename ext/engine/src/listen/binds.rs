//! The addresses where a server listens, and what it speaks there.

use std::net::SocketAddr;
use std::sync::Arc;

use super::tls::{development, PassedTickets, TlsDetails, TlsServer};
use super::{is_https, BindAddress, BindKey, Protocols, Rights};
use crate::certificates::info::{self, CertificateInfo, CertificateKind};
use crate::certificates::managed::ManagedCertificates;
use crate::compile::{Purpose, Report};
use crate::config::{self, At, Problem, TrustedProxiesConfig};
use crate::events::KnownCertificate;
use crate::metrics::{ListenerSeries, MetricsRegistry};
use crate::networks;

/// All `bind` directives of a configuration, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Binds(Vec<Arc<Bind>>);

/// One `bind`, compiled.
#[derive(Debug)]
pub(crate) struct Bind {
    /// Identifies the bind, also in the next configuration.
    pub(crate) key: BindKey,
    /// URL as written.
    pub(crate) url: Box<str>,
    /// Connections that may wait to be accepted.
    pub(crate) backlog: Option<i32>,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub(crate) proxy_protocol: bool,
    /// Owner and mode of a unix socket file: who may connect.
    pub(crate) rights: Rights,
    /// TLS settings; `None` without TLS.
    pub(crate) tls: Option<Arc<TlsServer>>,
    /// Whether its certificate is made for development.
    pub(crate) is_development: bool,
    /// HTTP versions that are spoken, with or without TLS.
    pub(crate) protocols: Protocols,
    /// Its connections, for metrics.
    pub(crate) series: Arc<ListenerSeries>,
    /// Line of the directive.
    pub(crate) at: Option<At>,
}

impl Binds {
    /// Checks and compiles every `bind`. Names that no certificate of a bind is for are looked up in `managed`.
    pub(crate) fn compile(
        specs: &[config::BindConfig],
        trusted: &TrustedProxiesConfig,
        managed: Option<&Arc<ManagedCertificates>>,
        (purpose, metrics): (Purpose, &MetricsRegistry),
        problems: &mut Vec<Problem>,
    ) -> Self {
        let default = [config::BindConfig::default()];
        let specs = if specs.is_empty() { &default[..] } else { specs };
        let mut binds = Self(Vec::with_capacity(specs.len()));
        let trusted = &trusted.value[..];
        for spec in specs {
            if let Some(bind) = binds.bind(spec, trusted, managed, (purpose, metrics), problems) {
                binds.0.push(Arc::new(bind));
            }
        }
        binds
    }

    fn bind(
        &self,
        spec: &config::BindConfig,
        trusted: &[String],
        managed: Option<&Arc<ManagedCertificates>>,
        (purpose, metrics): (Purpose, &MetricsRegistry),
        problems: &mut Vec<Problem>,
    ) -> Option<Bind> {
        let report = &mut Report::new("bind", spec.at.as_ref(), problems);
        let protocols = Protocols::compile(spec, report);
        let tls = tls(spec, protocols, managed, purpose, report);
        if let Some(backlog) = spec.backlog.filter(|backlog| *backlog < 1) {
            report.within("backlog").error(format!("{backlog} is too small: write 1 or more"));
        }
        let address = report.ok(BindAddress::parse(&spec.url))?;
        let nth = self.0.iter().filter(|other| other.key.address == address).count();
        // Each port 0 becomes a different port.
        if nth > 0 && !matches!(address, BindAddress::Tcp(tcp) if tcp.port() == 0) {
            report.error(format!("{:?} is bound twice: leave one of them out", spec.url));
            return None;
        }
        if spec.proxy_protocol {
            if let Some(message) = nobody_to_believe(&address, trusted) {
                report.error(message);
            }
        }
        let rights = Rights::compile(spec, matches!(address, BindAddress::Unix(_)), report);
        let backlog = spec.backlog.map(|backlog| backlog.clamp(1, i32::MAX.into()) as i32);
        Some(Bind {
            key: BindKey::new(address, nth),
            url: spec.url.as_str().into(),
            backlog,
            proxy_protocol: spec.proxy_protocol,
            rights,
            is_development: tls.is_some() && development::is_wanted(spec),
            tls,
            protocols,
            series: metrics.listener(&spec.url),
            at: spec.at.clone(),
        })
    }

    /// Carries the keys of session tickets over from `old`. Must be called before the first connection.
    pub(crate) fn carry_over(&self, old: &Binds) {
        for bind in self.iter() {
            let before = old.get(&bind.key).and_then(|old| old.tls.as_ref());
            if let (Some(tls), Some(before)) = (&bind.tls, before) {
                tls.carry_over(before);
            }
        }
    }

    /// The keys of session tickets for another process, by the binds' URLs.
    pub(crate) fn pass_tickets(&self) -> Vec<(String, Vec<PassedTickets>)> {
        let tls = self.iter().filter_map(|bind| Some((bind, bind.tls.as_ref()?)));
        tls.map(|(bind, tls)| (bind.url.as_ref().into(), tls.pass_tickets())).collect()
    }

    /// Takes the keys of another process over. Must be called before the first connection.
    pub(crate) fn take_tickets(&self, passed: &[(String, Vec<PassedTickets>)]) {
        for bind in self.iter() {
            if let (Some(tls), Some((_, passed))) = (&bind.tls, passed.iter().find(|(url, _)| **url == *bind.url)) {
                tls.take_tickets(passed);
            }
        }
    }

    /// Every certificate that clients are shown, but the managed ones.
    pub(crate) fn certificates(&self) -> Vec<KnownCertificate> {
        let tls = self.iter().filter_map(|bind| Some((bind, bind.tls.as_ref()?)));
        let certificates = tls.flat_map(|(bind, tls)| {
            tls.validities().map(|(names, until)| KnownCertificate {
                bind: bind.url.clone(),
                names: Arc::clone(names),
                until: *until,
            })
        });
        certificates.collect()
    }

    /// Whether some address shows clients no certificate of a file, or for development, for this name: then the name
    /// needs one that the proxy gets by itself.
    pub(crate) fn lacks_certificate_for(&self, name: &str) -> bool {
        self.iter().filter_map(|bind| bind.tls.as_ref()).any(|tls| !tls.has_own(name))
    }

    /// What a person sees of them.
    pub(crate) fn described(&self) -> Vec<CertificateInfo> {
        let tls = self.iter().filter_map(|bind| Some((bind, bind.tls.as_ref()?)));
        let described = tls.flat_map(|(bind, tls)| {
            let kind = if bind.is_development { CertificateKind::Development } else { CertificateKind::File };
            tls.validities().map(move |(names, until)| CertificateInfo {
                bind: Some(bind.url.as_ref().into()),
                expires: Some(info::seconds(*until)),
                ..CertificateInfo::new(kind, names.to_vec())
            })
        });
        described.collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Bind>> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The current configuration's bind for a connection that arrived at `key`. `None` if it no longer exists.
    pub(crate) fn get(&self, key: &BindKey) -> Option<&Arc<Bind>> {
        self.0.iter().find(|bind| bind.key == *key)
    }

    /// Whether a request for `host` may arrive over this TLS connection. It may not if this host name in the handshake
    /// (SNI) would have required another client certificate, or if a later configuration requires more.
    pub(crate) fn admit(&self, details: &TlsDetails, host: &[u8]) -> bool {
        details.admits(self.get(&details.bind).and_then(|bind| bind.tls.as_ref()), host)
    }

    /// Whether an IPv4 bind has the same port as this IPv6 one, which then must leave IPv4 to it. Alone, `[::]` takes
    /// both.
    pub(crate) fn is_beside_v4(&self, bind: &Bind) -> bool {
        let BindAddress::Tcp(SocketAddr::V6(v6)) = bind.key.address else { return false };
        self.0.iter().any(|other| {
            let BindAddress::Tcp(SocketAddr::V4(v4)) = other.key.address else { return false };
            v4.port() == v6.port() && v4.port() != 0
        })
    }
}

/// The problem with a bind that takes PROXY protocol headers if no trusted proxy could send one there.
fn nobody_to_believe(address: &BindAddress, trusted: &[String]) -> Option<String> {
    let (unix, someone) = match address {
        BindAddress::Tcp(_) => {
            (false, "the addresses of the proxies in front of this one, as in trusted_proxies \"10.0.0.0/8\"")
        }
        BindAddress::Unix(_) => (true, "trusted_proxies \"unix:\""),
    };
    if trusted.iter().any(|proxy| (proxy == networks::UNIX) == unix) {
        return None;
    }
    Some(format!("proxy_protocol: every connection would be refused, since no proxy is trusted: write {someone}"))
}

/// Compiles the TLS options of a `bind`.
fn tls(
    spec: &config::BindConfig,
    protocols: Protocols,
    managed: Option<&Arc<ManagedCertificates>>,
    purpose: Purpose,
    report: &mut Report<'_>,
) -> Option<Arc<TlsServer>> {
    if is_https(&spec.url) {
        return TlsServer::compile(spec, protocols, managed, purpose, report).map(Arc::new);
    }
    let options = [
        ("certificate", spec.certificate.is_some()),
        ("key", spec.key.is_some()),
        ("domains", spec.domains.is_some()),
        ("ocsp", spec.ocsp.is_some()),
        ("client_ca", spec.client_ca.is_some()),
        ("verify", spec.verify.is_some()),
        ("certificates", spec.certificates.is_some()),
        ("min_tls", spec.min_tls.is_some()),
    ];
    let written: Vec<_> = options.into_iter().filter(|(_, written)| *written).map(|(name, _)| name).collect();
    let subject = match &written[..] {
        [] => return None,
        [one] => format!("{one} is"),
        [most @ .., last] => format!("{} and {last} are", most.join(", ")),
    };
    report.error(format!("{subject} for TLS: write \"https://…\" in place of {:?}", spec.url));
    None
}

impl Bind {
    /// Whether a request for `host` may arrive over a connection without TLS. It may not if a later configuration
    /// requires a client certificate for that host.
    #[inline(always)]
    pub(crate) fn admits_plain(&self, binds: &Binds, host: &[u8]) -> bool {
        match binds.get(&self.key) {
            Some(now) if !std::ptr::eq(&**now, self) => now.tls.as_ref().is_none_or(|tls| tls.admits_plain(host)),
            _ => true,
        }
    }

    /// A bind with default options.
    #[cfg(test)]
    pub(crate) fn plain() -> Arc<Self> {
        let how = (Purpose::Check, &MetricsRegistry::default());
        let binds = Binds::compile(&[], &TrustedProxiesConfig::default(), None, how, &mut Vec::new());
        Arc::clone(&binds.0[0])
    }

    /// Scheme of the URL for display.
    pub(crate) fn scheme(&self) -> &'static str {
        match (&self.key.address, &self.tls) {
            (BindAddress::Tcp(_), None) => "http",
            (BindAddress::Tcp(_), Some(_)) => "https",
            (BindAddress::Unix(_), None) => "unix",
            (BindAddress::Unix(_), Some(_)) => "https+unix",
        }
    }

    pub(crate) fn is_unix(&self) -> bool {
        matches!(self.key.address, BindAddress::Unix(_))
    }
}

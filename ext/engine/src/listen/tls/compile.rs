//! Compiles the TLS options of a `bind`.

use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{aws_lc_rs, CryptoProvider};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, ServerConfig, SupportedProtocolVersion, WantsVerifier};

use super::development;
use super::identity::ServerCertificate;
use super::names::CertificateNames;
use super::policy::{self, Asking};
use super::shown::ShownCertificate;
use super::tickets::Tickets;
use super::{ManagedSite, Site, TlsServer};
use crate::certificates::managed::ManagedCertificates;
use crate::compile::{check_host, Purpose, Report};
use crate::config::{BindConfig, Certificate};
use crate::listen::Protocols;

impl TlsServer {
    /// Reads certificates and keys, and checks the options beside them. Names that they are not for are looked up in
    /// `managed`. `None` if something is wrong.
    pub(crate) fn compile(
        bind: &BindConfig,
        protocols: Protocols,
        managed: Option<&Arc<ManagedCertificates>>,
        purpose: Purpose,
        report: &mut Report<'_>,
    ) -> Option<Self> {
        let settings = TlsSettings::compile(bind, protocols, report);
        let all_managed = managed.is_some() && is_bare(bind);
        let specs = if all_managed { Vec::new() } else { certificates(bind, managed.is_some(), report) };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let sites: Vec<_> = match development::is_wanted(bind) {
            true => vec![developers_site(bind, purpose, &provider, report)],
            false => specs.iter().map(|spec| site(spec, &provider, report)).collect(),
        };
        let names = names(&specs, &sites, report);
        let sites = sites.into_iter().collect::<Option<Vec<_>>>();
        let mut sites: Vec<_> = sites?.into_iter().map(|(identity, asking)| (Some(identity), asking)).collect();
        let managed = managed.map(|certificates| (certificates, sites.len()));
        if managed.is_some() {
            // A `verify` without `client_ca` is for the certificates that have one of their own.
            let verify = bind.verify.as_deref().filter(|_| all_managed || bind.client_ca.is_some());
            let asking = policy::compile(bind.client_ca.as_deref(), verify, &provider);
            sites.push((None, report.ok(asking)?));
        }
        if sites.is_empty() {
            return None;
        }
        let managed = managed.map(|(certificates, site)| ManagedSite { certificates: Arc::clone(certificates), site });
        Some(settings?.serve(sites, names?, managed))
    }
}

/// Settings that all certificates of a bind share.
struct TlsSettings {
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    alpn: Vec<Vec<u8>>,
}

impl TlsSettings {
    fn compile(bind: &BindConfig, protocols: Protocols, report: &mut Report<'_>) -> Option<Self> {
        const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
        let versions = match &bind.min_tls {
            None => BOTH,
            Some(oldest) => {
                let known = [("1.2", BOTH), ("1.3", &BOTH[..1])];
                report.within("min_tls").one_of(oldest, "is not a supported TLS version", &known)?
            }
        };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let builder = builder.map_err(|error| format!("TLS cannot be set up: {error}"));
        let builder = report.ok(builder)?;
        let mut alpn = Vec::new();
        if protocols.h2 {
            alpn.push(b"h2".to_vec());
        }
        if protocols.h1 {
            alpn.push(b"http/1.1".to_vec());
            // For clients that offer nothing newer.
            alpn.push(b"http/1.0".to_vec());
        }
        Some(Self { builder, alpn })
    }

    fn serve(
        &self,
        sites: Vec<(Option<ServerCertificate>, Asking)>,
        names: CertificateNames,
        managed: Option<ManagedSite>,
    ) -> TlsServer {
        let mut made: Vec<Site> = Vec::with_capacity(sites.len());
        for (identity, (policy, verifier)) in sites {
            // A resumed session skips the check of the client's certificate, so tickets are never shared between
            // different policies.
            let same = made.iter().find(|other| other.policy == policy);
            let tickets = same.map_or_else(Arc::default, |other| Arc::clone(&other.tickets));
            let validity = identity.as_ref().map(ServerCertificate::validity);
            let config = Arc::new(self.config(identity, verifier, &tickets));
            made.push(Site { config, policy, tickets, validity });
        }
        let differ = made.windows(2).any(|pair| pair[0].policy != pair[1].policy);
        TlsServer { sites: made.into(), names, differ, managed }
    }

    fn config(
        &self,
        identity: Option<ServerCertificate>,
        verifier: Option<Arc<dyn ClientCertVerifier>>,
        tickets: &Arc<Tickets>,
    ) -> ServerConfig {
        let verifier = verifier.unwrap_or_else(WebPkiClientVerifier::no_client_auth);
        let builder = self.builder.clone().with_client_cert_verifier(verifier);
        let mut config = builder.with_cert_resolver(match identity {
            Some(identity) => Arc::new(SingleCertAndKey::from(identity.key)),
            None => Arc::new(ShownCertificate) as Arc<dyn ResolvesServerCert>,
        });
        config.alpn_protocols.clone_from(&self.alpn);
        config.ticketer = Arc::clone(tickets) as _;
        // Sessions are stored in tickets, which use the clients' memory, not ours.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config
    }
}

/// Whether a `bind` says nothing about certificates, and makes none for development.
fn is_bare(bind: &BindConfig) -> bool {
    let written = [&bind.certificate, &bind.key, &bind.ocsp].into_iter().any(Option::is_some);
    !written && bind.certificates.is_none() && bind.domains.is_none() && !development::is_wanted(bind)
}

/// The certificates of a `bind`, each with its own options.
fn certificates(bind: &BindConfig, has_acme: bool, report: &mut Report<'_>) -> Vec<Certificate> {
    let alone = [
        ("certificate", bind.certificate.is_some()),
        ("key", bind.key.is_some()),
        ("domains", bind.domains.is_some()),
        ("ocsp", bind.ocsp.is_some()),
    ];
    let Some(list) = &bind.certificates else {
        let made = development::is_wanted(bind).then(String::new);
        let Some(certificate) = bind.certificate.clone().or(made) else {
            report.error(missing(bind, has_acme));
            return Vec::new();
        };
        return vec![Certificate {
            certificate,
            key: bind.key.clone(),
            domains: bind.domains.clone(),
            ocsp: bind.ocsp.clone(),
            client_ca: bind.client_ca.clone(),
            verify: bind.verify.clone(),
        }];
    };
    for (name, _) in alone.iter().filter(|(_, written)| *written) {
        report.error(format!("{name} and certificates contradict each other: write {name} inside of certificates"));
    }
    if list.is_empty() {
        report
            .within("certificates")
            .error("the list is empty: write [{ certificate: \"tls/site.pem\", key: \"tls/site.key\" }]");
    }
    let whole = |spec: &Certificate| {
        let spec = spec.clone();
        // `verify` belongs to the `client_ca` beside it.
        let verify = if spec.client_ca.is_some() { spec.verify } else { spec.verify.or_else(|| bind.verify.clone()) };
        Certificate { client_ca: spec.client_ca.or_else(|| bind.client_ca.clone()), verify, ..spec }
    };
    list.iter().map(whole).collect()
}

/// The mistake of a `bind` that has no certificate, and for which none is made.
fn missing(bind: &BindConfig, has_acme: bool) -> String {
    const FILE: &str = "write certificate: \"tls/site.pem\", key: \"tls/site.key\"";
    if has_acme {
        let written = [("key", &bind.key), ("ocsp", &bind.ocsp)].into_iter().find(|(_, path)| path.is_some());
        let name = written.map_or("domains", |(name, _)| name);
        return format!(
            "{name} belongs to a certificate in a file: leave it out, since acme gets one for every name in `host` and \
             `hosts`, or {FILE}"
        );
    }
    let remedy = format!("{FILE}, or a line acme email: \"ops@example.com\"");
    match development::foreign(bind) {
        Some(name) => {
            format!("domains: {name:?} is not a name of this machine alone, so it needs a certificate: {remedy}")
        }
        None => format!("https needs a certificate: {remedy}; only \"https://localhost:PORT\" makes its own"),
    }
}

/// The site of a bind without a certificate, for which one is made.
fn developers_site(
    bind: &BindConfig,
    purpose: Purpose,
    provider: &Arc<CryptoProvider>,
    report: &mut Report<'_>,
) -> Option<(ServerCertificate, Asking)> {
    if let Some(announcement) = development::announcement().filter(|_| purpose == Purpose::Check) {
        report.warning(announcement);
    }
    let asking = policy::compile(bind.client_ca.as_deref(), bind.verify.as_deref(), provider);
    let asking = report.ok(asking);
    let pair = report.ok(development::certify(bind, purpose));
    let identity = pair.and_then(|(chain, key)| ServerCertificate::new(chain, key, provider).ok());
    identity.zip(asking)
}

fn site(
    spec: &Certificate,
    provider: &Arc<CryptoProvider>,
    report: &mut Report<'_>,
) -> Option<(ServerCertificate, Asking)> {
    let mut identity = ServerCertificate::read(spec, provider, report);
    if let Some((own, path)) = identity.as_mut().zip(spec.ocsp.as_deref()) {
        match own.check_staple(path, SystemTime::now()) {
            Ok(warning) => report.warnings(warning),
            Err(message) => {
                report.error(message);
                identity = None;
            }
        }
    }
    let asking = policy::compile(spec.client_ca.as_deref(), spec.verify.as_deref(), provider);
    let asking = report.ok(asking);
    if let Some(warning) = identity.as_ref().and_then(|own| own.warning(&spec.certificate, SystemTime::now())) {
        report.warning(warning);
    }
    identity.zip(asking)
}

/// The table from names to certificates. `None` if something is wrong.
fn names(
    specs: &[Certificate],
    sites: &[Option<(ServerCertificate, Asking)>],
    report: &mut Report<'_>,
) -> Option<CertificateNames> {
    let mut names = CertificateNames::default();
    let mut sound = true;
    // Names from `domains` come before the names in certificates.
    for (index, spec) in specs.iter().enumerate() {
        for domain in spec.domains.iter().flatten() {
            if let Err(message) = check_domain(domain) {
                report.within("domains").error(message);
                sound = false;
            } else if let Err(other) = names.add(domain, index) {
                let path = &specs[other].certificate;
                report
                    .within("domains")
                    .error(format!("{domain:?} is listed for {path:?} too: leave it out of one of them"));
                sound = false;
            } else if let Some((identity, _)) = &sites[index] {
                if !identity.covers(domain) {
                    let path = &spec.certificate;
                    let message = format!(
                        "domains: {domain:?} is not among the names of {path:?}: clients will refuse it; get a \
                         certificate for it"
                    );
                    report.warning(message);
                }
            }
        }
    }
    for (index, site) in sites.iter().enumerate().filter(|(index, _)| specs[*index].domains.is_none()) {
        let Some((identity, _)) = site else { continue };
        if identity.names.is_empty() && index > 0 {
            let path = &specs[index].certificate;
            report
                .within("certificates")
                .warning(format!("{path:?} has no names, and is never shown: write them as domains"));
        }
        for name in &identity.names {
            let taken = names.add(name, index).err().filter(|other| *other != index);
            if let Some(other) = taken.filter(|other| specs[*other].domains.is_none()) {
                let (path, other) = (&specs[other].certificate, &specs[index].certificate);
                report.warning(format!(
                    "certificates: {path:?} and {other:?} are both for {name:?}, and the first is shown: write domains"
                ));
            }
        }
    }
    sound.then_some(names)
}

/// Refuses names that no client can ask for.
fn check_domain(domain: &str) -> Result<(), String> {
    let name = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
    if name == "*" {
        return Err(format!(
            "{domain:?} is every name: leave domains out, the first certificate is shown for all that no other is for"
        ));
    }
    check_host(domain, name.strip_prefix("*.").unwrap_or(&name))
}

#[cfg(test)]
mod tests;

//! TLS with clients: the choice of the server's certificate, and the policy for client certificates.

mod compile;
mod details;
pub(crate) mod development;
mod identity;
mod names;
pub(crate) mod ocsp;
mod policy;
mod shown;
mod subject;
mod tickets;

pub(crate) use details::{Protocol, TlsDetails, TlsValue};
pub(crate) use shown::show;

use std::sync::Arc;
use std::time::SystemTime;

use rustls::server::ClientHello;
use rustls::sign::CertifiedKey;
use rustls::ServerConfig;
use serde::{Deserialize, Serialize};

use names::CertificateNames;
use policy::Policy;
use tickets::{PassedKey, Tickets};

use crate::certificates::managed::ManagedCertificates;

/// TLS settings of one bind.
#[derive(Debug)]
pub(crate) struct TlsServer {
    /// One site for each certificate of the bind's own, and one for all managed certificates. The first is for clients
    /// that ask for another name or for none.
    sites: Box<[Site]>,
    names: CertificateNames,
    /// Whether the sites have different policies for client certificates.
    differ: bool,
    managed: Option<ManagedSite>,
}

/// Where names are looked up that no certificate of the bind is for.
#[derive(Debug)]
struct ManagedSite {
    certificates: Arc<ManagedCertificates>,
    /// Index of the site.
    site: usize,
}

/// What a client is shown.
#[derive(Debug)]
pub(crate) struct ShownSite {
    /// Index of the site.
    pub(crate) site: usize,
    /// The certificate, if it is a managed one.
    pub(crate) managed: Option<Arc<CertifiedKey>>,
}

/// One certificate, with its TLS configuration and policy.
#[derive(Debug)]
struct Site {
    config: Arc<ServerConfig>,
    policy: Policy,
    tickets: Arc<Tickets>,
    /// Names in the certificate, and the end of its validity. `None`: the certificates are managed.
    validity: Option<(Arc<[String]>, SystemTime)>,
}

/// The ticket keys of one policy, as another process takes them over.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct PassedTickets {
    /// What identifies the policy.
    policy: String,
    keys: Vec<PassedKey>,
}

impl TlsServer {
    /// The certificate for the server name that a client asks for: one of the bind, else a managed one, else the first
    /// of the bind. `None`: there is none for this name, and no other may be shown.
    pub(crate) async fn choose(&self, name: Option<&[u8]>) -> Option<ShownSite> {
        let own = |site| ShownSite { site, managed: None };
        if let Some(site) = name.and_then(|name| self.names.find(name)) {
            return Some(own(site));
        }
        let Some(ManagedSite { certificates, site }) = &self.managed else { return Some(own(0)) };
        let has_own = *site > 0;
        let found = match name {
            Some(name) => certificates.find(name).await,
            None if has_own => None,
            None => certificates.first().await,
        };
        match found {
            Some(key) => Some(ShownSite { site: *site, managed: Some(key) }),
            None => has_own.then(|| own(0)),
        }
    }

    /// The configuration that answers a handshake of an authority which checks a tls-alpn-01 challenge (RFC 8737).
    /// `None` if it is another handshake, or no such challenge is pending.
    pub(crate) async fn answer_to_challenge(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let managed = self.managed.as_ref()?;
        let name = hello.server_name().filter(|_| shown::is_challenge(hello))?;
        shown::challenge_config(managed.certificates.challenges.alpn(name.as_bytes()).await?)
    }

    /// Whether a certificate of a file, or one for development, is for this name; a star stands for one label.
    pub(crate) fn has_own(&self, name: &str) -> bool {
        self.names.covers(name)
    }

    /// TLS configuration for a client that is shown the certificate `site`.
    pub(crate) fn config(&self, site: usize) -> &Arc<ServerConfig> {
        &self.sites[site].config
    }

    /// Names and end of every certificate of the bind's own.
    pub(crate) fn validities(&self) -> impl Iterator<Item = &(Arc<[String]>, SystemTime)> {
        self.sites.iter().filter_map(|site| site.validity.as_ref())
    }

    /// Invalidates all tickets of sessions that began with the certificate `site`.
    pub(crate) fn forget_tickets(&self, site: usize) {
        self.sites[site].tickets.forget();
    }

    fn policy(&self, site: usize) -> &Policy {
        &self.sites[site].policy
    }

    /// The policy for clients that request `host`.
    fn policy_for(&self, host: &[u8]) -> &Policy {
        let managed = || self.managed.as_ref().filter(|managed| managed.certificates.is_for(host));
        let site = self.names.find(host).or_else(|| managed().map(|managed| managed.site));
        self.policy(site.unwrap_or(0))
    }

    /// Whether a client that was shown the certificate `site` had to meet the policy that applies to `host`.
    fn admits(&self, site: usize, host: &[u8]) -> bool {
        !self.differ || self.policy(site) == self.policy_for(host)
    }

    /// Whether the policy for `host` lets in a client without TLS.
    pub(crate) fn admits_plain(&self, host: &[u8]) -> bool {
        Policy::default().satisfies(self.policy_for(host), false)
    }

    /// Carries the keys of session tickets over, where clients are asked for the same certificates. Must be called
    /// before the first connection.
    pub(crate) fn carry_over(&self, old: &TlsServer) {
        for site in &self.sites {
            if let Some(old) = old.sites.iter().find(|old| old.policy == site.policy) {
                site.tickets.carry_over(&old.tickets);
            }
        }
    }

    /// The keys of session tickets for another process.
    pub(crate) fn pass_tickets(&self) -> Vec<PassedTickets> {
        let sites = self.sites.iter();
        sites.map(|site| PassedTickets { policy: site.policy.digest(), keys: site.tickets.pass() }).collect()
    }

    /// Takes the keys of another process over, where clients are asked for the same certificates. Must be called before
    /// the first connection.
    pub(crate) fn take_tickets(&self, passed: &[PassedTickets]) {
        for site in &self.sites {
            let policy = site.policy.digest();
            if let Some(same) = passed.iter().find(|passed| passed.policy == policy) {
                site.tickets.take(&same.keys);
            }
        }
    }
}

//! TLS with clients: the choice of the server's certificate, and the policy for client certificates.

mod compile;
mod details;
pub(crate) mod development;
mod identity;
mod names;
mod ocsp;
mod policy;
mod subject;
mod tickets;

pub(crate) use details::{Protocol, TlsDetails, TlsValue};

use std::sync::Arc;
use std::time::SystemTime;

use rustls::ServerConfig;

use names::CertificateNames;
use policy::Policy;
use tickets::Tickets;

/// TLS settings of one bind.
#[derive(Debug)]
pub(crate) struct TlsServer {
    /// One site for each certificate. The first is for clients that ask for another name or for none.
    sites: Box<[Site]>,
    names: CertificateNames,
    /// Whether the sites have different policies for client certificates.
    differ: bool,
}

/// One certificate, with its TLS configuration and policy.
#[derive(Debug)]
struct Site {
    config: Arc<ServerConfig>,
    policy: Policy,
    tickets: Arc<Tickets>,
    /// Names in the certificate, and the end of its validity.
    validity: (Arc<[String]>, SystemTime),
}

impl TlsServer {
    /// Index of the certificate for the server name that a client asked for.
    pub(crate) fn site(&self, name: Option<&[u8]>) -> usize {
        name.and_then(|name| self.names.find(name)).unwrap_or(0)
    }

    /// Whether a certificate of a file, or one for development, is for this name; a star stands for one label.
    pub(crate) fn has_own(&self, name: &str) -> bool {
        self.names.covers(name)
    }

    /// TLS configuration for a client that is shown the certificate `site`.
    pub(crate) fn config(&self, site: usize) -> &Arc<ServerConfig> {
        &self.sites[site].config
    }

    /// Names and end of every certificate.
    pub(crate) fn validities(&self) -> impl Iterator<Item = &(Arc<[String]>, SystemTime)> {
        self.sites.iter().map(|site| &site.validity)
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
        self.policy(self.site(Some(host)))
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
}

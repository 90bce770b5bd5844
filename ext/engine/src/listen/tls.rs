//! TLS with clients: which certificate is shown to whom, and what clients must show.

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

use rustls::ServerConfig;

use names::CertificateNames;
use policy::Policy;
use tickets::Tickets;

/// How TLS is spoken at one bind.
#[derive(Debug)]
pub(crate) struct TlsServer {
    /// One for each certificate. The first is for clients that ask for another name or none.
    sites: Box<[Site]>,
    names: CertificateNames,
    /// Whether not all of them ask the same of clients.
    differ: bool,
}

/// One certificate and what goes with it.
#[derive(Debug)]
struct Site {
    config: Arc<ServerConfig>,
    policy: Policy,
    tickets: Arc<Tickets>,
}

impl TlsServer {
    /// The number of the certificate for a name that a client asked for.
    pub(crate) fn site(&self, name: Option<&[u8]>) -> usize {
        name.and_then(|name| self.names.find(name)).unwrap_or(0)
    }

    /// How TLS is spoken with a client that is shown the certificate `site`.
    pub(crate) fn config(&self, site: usize) -> &Arc<ServerConfig> {
        &self.sites[site].config
    }

    /// Lets no client resume a session that was begun with the certificate `site`.
    pub(crate) fn forget_tickets(&self, site: usize) {
        self.sites[site].tickets.forget();
    }

    fn policy(&self, site: usize) -> &Policy {
        &self.sites[site].policy
    }

    /// What a client is asked that wants `host`.
    fn policy_for(&self, host: &[u8]) -> &Policy {
        self.policy(self.site(Some(host)))
    }

    /// Whether a client that was shown the certificate `site` was asked what a client is asked that wants `host`.
    fn admits(&self, site: usize, host: &[u8]) -> bool {
        !self.differ || self.policy(site) == self.policy_for(host)
    }

    /// Whether a client that wants `host` and speaks no TLS shows all that is asked for.
    pub(crate) fn admits_plain(&self, host: &[u8]) -> bool {
        Policy::default().satisfies(self.policy_for(host), false)
    }

    /// Carries the keys of session tickets over, as far as the same certificates are asked of clients. To be called
    /// before the first connection.
    pub(crate) fn carry_over(&self, old: &TlsServer) {
        for site in &self.sites {
            if let Some(old) = old.sites.iter().find(|old| old.policy == site.policy) {
                site.tickets.carry_over(&old.tickets);
            }
        }
    }
}

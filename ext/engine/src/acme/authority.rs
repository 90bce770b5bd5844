//! Authorities of a configuration.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::dns::DnsProvider;
use super::failure::OrderFailure;
use crate::compile::Report;
use crate::config::AcmeConfig;
use crate::storage::Storage;

/// One authority of the configuration, with the account at it.
#[derive(Debug)]
pub(crate) struct Authority;

impl Authority {
    /// The authorities of a configuration, in the order in which they are asked. Mistakes are reported.
    pub(crate) fn compile(
        _config: &AcmeConfig,
        _storage: &Arc<Storage>,
        _dns: Option<&Arc<DnsProvider>>,
        _report: &mut Report<'_>,
    ) -> Vec<Arc<Self>> {
        todo!("order")
    }

    /// URL of its directory. It identifies the authority.
    pub(crate) fn url(&self) -> &str {
        todo!("order")
    }

    /// Name for a person: as it was written, such as `letsencrypt`.
    pub(crate) fn name(&self) -> &str {
        todo!("order")
    }

    /// Authority where an order is tried first after a failure, so that this one does not count it: the staging of
    /// Let's Encrypt. What it issues is not served.
    pub(crate) fn rehearsal(&self) -> Option<&Authority> {
        todo!("order")
    }

    /// The window that the authority suggests for the renewal of a certificate, and how long the answer holds
    /// (RFC 9773). `None` if it suggests none.
    pub(crate) async fn renewal_window(
        &self,
        _pem: &[u8],
    ) -> Result<Option<((SystemTime, SystemTime), Duration)>, OrderFailure> {
        todo!("order")
    }

    /// URL of the account. Made at the authority if there is none yet. Records of dns-persist-01 name it.
    pub(crate) async fn account_url(&self) -> Result<String, OrderFailure> {
        todo!("order")
    }

    /// Forgets the order of a certificate: called once the certificate is in storage. Until then an order goes on
    /// where it was, even in another process.
    pub(crate) async fn settle(&self, _subject: &str) {
        todo!("order")
    }
}

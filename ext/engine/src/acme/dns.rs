//! TXT records that prove the control of a name: for dns-01 (RFC 8555, section 8.4) and dns-persist-01.

pub(crate) mod persist;

use std::sync::Arc;
use std::time::Duration;

use crate::blocks::BlockSet;
use crate::compile::Report;
use crate::config::AcmeConfig;
use crate::upstream::dns::Dns;

/// What writes TXT records.
#[derive(Debug)]
pub(crate) struct DnsProvider;

impl DnsProvider {
    /// Time that one call of the provider may take.
    pub(crate) const LIMIT: Duration = Duration::from_secs(60);

    /// Reads `dns` and `propagation` of `acme`. `None` if no provider is written, or if it is wrong; `report`, which is
    /// about `acme`, then says what.
    pub(crate) fn compile(
        _acme: &AcmeConfig,
        _blocks: &BlockSet,
        _dns: &Arc<Dns>,
        _report: &mut Report<'_>,
    ) -> Option<Self> {
        todo!("dns")
    }

    /// Adds a TXT record with this value at `name`, such as `_acme-challenge.example.com`, beside others of the same
    /// name. If `name` is an alias (CNAME), the record is added at its target. To add one that is there changes
    /// nothing.
    ///
    /// # Errors
    /// What went wrong, for a person.
    pub(crate) async fn add(&self, _name: &str, _value: &str) -> Result<(), String> {
        todo!("dns")
    }

    /// Removes the record with this value from where [`DnsProvider::add`] put it. Others of the same name stay.
    ///
    /// # Errors
    /// As with [`DnsProvider::add`].
    pub(crate) async fn remove(&self, _name: &str, _value: &str) -> Result<(), String> {
        todo!("dns")
    }

    /// Waits until all servers of the zone answer with all these values, at most as long as `propagation`.
    ///
    /// # Errors
    /// Which server does not have which value, for a person.
    pub(crate) async fn wait_until_seen(&self, _name: &str, _values: &[String]) -> Result<(), String> {
        todo!("dns")
    }
}

//! TXT records for dns-01 challenges (RFC 8555, section 8.4).

use std::time::Duration;

/// What writes TXT records.
#[derive(Debug)]
pub(crate) struct DnsProvider;

impl DnsProvider {
    /// Adds a record, beside others of the same name. The error is for a person.
    pub(crate) async fn add(&self, _name: &str, _value: &str) -> Result<(), String> {
        todo!("dns")
    }

    /// Removes the record with this value.
    pub(crate) async fn remove(&self, _name: &str, _value: &str) -> Result<(), String> {
        todo!("dns")
    }

    /// Waits until all servers of the zone answer with all these values, at most as long as `propagation`.
    pub(crate) async fn wait_until_seen(&self, _name: &str, _values: &[String]) -> Result<(), String> {
        todo!("dns")
    }

    /// Time that a call of the provider may take.
    pub(crate) const LIMIT: Duration = Duration::from_secs(60);
}

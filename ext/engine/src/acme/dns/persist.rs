//! The record of dns-persist-01, which a person writes once.

use std::time::SystemTime;

use crate::upstream::dns::Dns;

/// The TXT record by which the owner of a name lets one account order certificates for it
/// (draft-ietf-acme-dns-persist).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersistentRecord {
    /// Name of the record: `_validation-persist.example.com`.
    pub(crate) name: String,
    /// Its value: `letsencrypt.org; accounturi=https://…`, with `; policy=wildcard` for a wildcard.
    pub(crate) value: String,
}

impl PersistentRecord {
    /// The record for a name of a certificate, such as `example.com` or `*.example.com`. `issuers` are the challenge's
    /// `issuer-domain-names`; `account` is the account's URL. `None` if the challenge names no issuer.
    pub(crate) fn new(_name: &str, _issuers: &[String], _account: &str) -> Option<Self> {
        todo!("dns")
    }

    /// Looks whether such a record is there, and holds `now`.
    ///
    /// # Errors
    /// Which record is to be written, for a person.
    pub(crate) async fn check(&self, _dns: &Dns, _now: SystemTime) -> Result<(), String> {
        todo!("dns")
    }
}

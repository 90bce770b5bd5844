//! Answers to challenges that are pending. Each stands in memory and in storage, so that every instance can give it.

use std::sync::Arc;

use rustls::sign::CertifiedKey;

use crate::storage::{Storage, StorageError};

/// Answers to pending challenges.
#[derive(Debug, Default)]
pub(crate) struct Challenges;

impl Challenges {
    /// Answers requests for `/.well-known/acme-challenge/TOKEN` from now on (RFC 8555, section 8.3).
    pub(crate) async fn add_http(&self, _: &Storage, _token: &str, _authorization: &str) -> Result<(), StorageError> {
        todo!("serving")
    }

    pub(crate) async fn remove_http(&self, _: &Storage, _token: &str) {
        todo!("serving")
    }

    /// Shows this certificate to handshakes for `name` that offer only `acme-tls/1` (RFC 8737).
    pub(crate) async fn add_alpn(&self, _: &Storage, _name: &str, _pem: &str) -> Result<(), StorageError> {
        todo!("serving")
    }

    pub(crate) async fn remove_alpn(&self, _: &Storage, _name: &str) {
        todo!("serving")
    }

    /// The answer for a token, from memory or storage. `None` if no such challenge is pending.
    pub(crate) async fn http(&self, _token: &[u8]) -> Option<String> {
        todo!("serving")
    }

    /// The certificate for a tls-alpn-01 handshake. `None` if no such challenge is pending.
    pub(crate) async fn alpn(&self, _name: &[u8]) -> Option<Arc<CertifiedKey>> {
        todo!("serving")
    }
}

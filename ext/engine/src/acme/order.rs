//! One order at one authority: account, order, challenges, certificate.

use std::time::{Duration, SystemTime};

/// What is ordered.
#[derive(Debug, Clone)]
pub(crate) struct WantedCertificate {
    /// Names of the certificate; the first is its subject.
    pub(crate) names: Vec<String>,
    /// The chain in PEM that the new certificate replaces (RFC 9773, section 5), if the authority issued it.
    pub(crate) replaces: Option<Vec<u8>>,
}

/// A new certificate.
#[derive(Debug)]
pub(crate) struct IssuedCertificate {
    /// Private key and chain in PEM.
    pub(crate) pem: Vec<u8>,
}

/// Whose fault it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The authority did not answer, or said that it cannot now. Another may.
    Unavailable,
    /// Too many orders; `retry_after` says until when.
    RateLimited,
    /// The authority could not reach the challenge, or refused the name.
    Refused,
    /// The configuration is wrong for this authority: unknown profile, missing binding, revoked account. It is the same
    /// for every name.
    Misconfigured,
    /// Storage or provider of ours.
    Own,
}

/// Why there is no certificate.
#[derive(Debug, Clone)]
pub(crate) struct OrderFailure {
    pub(crate) kind: FailureKind,
    /// For a person: what went wrong at which step, and what to do.
    pub(crate) message: String,
    /// Not before this moment, as the authority says.
    pub(crate) retry_after: Option<SystemTime>,
}

/// One authority of the configuration, with the account at it.
#[derive(Debug)]
pub(crate) struct Authority;

impl Authority {
    /// URL of its directory.
    pub(crate) fn url(&self) -> &str {
        todo!("order")
    }

    /// Orders a certificate and waits for it.
    pub(crate) async fn order(&self, _wanted: &WantedCertificate) -> Result<IssuedCertificate, OrderFailure> {
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
}

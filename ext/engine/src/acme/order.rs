//! One order at one authority: account, order, challenges, certificate.

pub(crate) use super::authority::Authority;
pub(crate) use super::failure::OrderFailure;
use crate::certificates::challenges::Challenges;
use crate::log::Log;

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

impl Authority {
    /// Orders a certificate and waits for it, for minutes if need be. An order that a process has left unfinished goes
    /// on; call [`Authority::settle`] once the certificate is stored.
    pub(crate) async fn order(
        &self,
        _wanted: &WantedCertificate,
        _challenges: &Challenges,
        _log: &Log,
    ) -> Result<IssuedCertificate, OrderFailure> {
        todo!("order")
    }
}

//! A certificate with its key, ready for handshakes.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// A certificate in memory.
#[derive(Debug)]
pub(crate) struct LoadedCertificate {
    /// Chain, key and OCSP response.
    pub(crate) key: Arc<CertifiedKey>,
    /// End of its validity.
    pub(crate) not_after: SystemTime,
    /// Whether the log has a warning that it has expired.
    warned: AtomicBool,
}

impl LoadedCertificate {
    /// Reads a key and a chain in PEM. The error is for a person.
    pub(crate) fn read(pem: &[u8]) -> Result<Self, String> {
        let key = certified_key(pem)?;
        let own = key.end_entity_cert().map_err(|error| error.to_string())?;
        let not_after = not_after(own)?;
        Ok(Self { key: Arc::new(key), not_after, warned: AtomicBool::new(false) })
    }

    /// Whether it has expired and nobody has been told so far.
    pub(super) fn is_to_warn_of(&self, now: SystemTime) -> bool {
        now > self.not_after && !self.warned.swap(true, Relaxed)
    }
}

/// A key and a chain in PEM, whose first certificate is the key's own. The error is for a person.
pub(crate) fn certified_key(pem: &[u8]) -> Result<CertifiedKey, String> {
    let damaged = |error| format!("it is damaged: {error}");
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(damaged)?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(damaged)?;
    let key = CertifiedKey::from_der(chain, key, &default_provider());
    key.map_err(|error| format!("certificate and key cannot be used: {error}"))
}

fn not_after(certificate: &CertificateDer<'_>) -> Result<SystemTime, String> {
    let (_, certificate) =
        X509Certificate::from_der(certificate).map_err(|error| format!("the certificate is damaged: {error}"))?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or_default();
    Ok(UNIX_EPOCH + Duration::from_secs(seconds))
}

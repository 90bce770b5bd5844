//! A certificate as it is stored.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::certificate_key;
use crate::storage::{Storage, StorageError};

/// A certificate with its key, ready for handshakes, and what it says of itself.
#[derive(Debug, Clone)]
pub(crate) struct CertificateRecord {
    pub(crate) key: Arc<CertifiedKey>,
    /// DNS names in the certificate, in lower case.
    pub(crate) names: Vec<String>,
    /// Beginning and end of its validity.
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl CertificateRecord {
    /// The certificate that is stored for a subject. `Ok(None)`: there is none. The inner error says what is wrong with
    /// it. Keys are read on a thread that may wait, since some take milliseconds.
    pub(crate) async fn load(storage: &Storage, subject: &str) -> Result<Option<Result<Self, String>>, StorageError> {
        let Some(pem) = storage.load(&certificate_key(subject)).await? else { return Ok(None) };
        let read = tokio::task::spawn_blocking(move || Self::read(&pem)).await;
        Ok(Some(read.unwrap_or_else(|error| Err(error.to_string()))))
    }

    /// Reads a key and a chain in PEM, the server's own certificate first. The error says what is wrong.
    pub(crate) fn read(pem: &[u8]) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| format!("has no usable key ({error})"))?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let chain = chain.map_err(|error| format!("is damaged ({error})"))?;
        let Some(own) = chain.first() else { return Err("has no certificate".into()) };
        let (_, parsed) = X509Certificate::from_der(own).map_err(|error| format!("is damaged ({error})"))?;
        let names = parsed.subject_alternative_name().map_err(|error| format!("is damaged ({error})"))?;
        let names = names.iter().flat_map(|names| &names.value.general_names);
        let names = names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        let moment = |seconds: i64| UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        let validity = parsed.validity();
        let (names, not_before, not_after) =
            (names.collect(), moment(validity.not_before.timestamp()), moment(validity.not_after.timestamp()));
        let key = any_supported_type(&key).map_err(|error| format!("has no usable key ({error})"))?;
        // Not `keys_match`: it refuses the critical extension of tls-alpn-01 (RFC 8737, section 3).
        if key.public_key().is_some_and(|public| public.as_ref() != parsed.public_key().raw) {
            return Err("has a key that is not its own".into());
        }
        let key = CertifiedKey::new(chain, key);
        Ok(Self { key: Arc::new(key), names, not_before, not_after })
    }
}

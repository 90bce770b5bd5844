//! A certificate in memory.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

use super::record::CertificateRecord;

/// A certificate that handshakes show.
#[derive(Debug)]
pub(super) struct LoadedCertificate {
    pub(super) key: Arc<CertifiedKey>,
    /// End of its validity.
    pub(super) not_after: SystemTime,
    /// Whether the log has a warning that it has expired.
    warned: AtomicBool,
}

impl LoadedCertificate {
    pub(super) fn new(record: CertificateRecord) -> Self {
        Self { key: record.key, not_after: record.not_after, warned: AtomicBool::new(false) }
    }

    /// The same certificate with another OCSP response.
    pub(super) fn with_staple(&self, response: Option<Vec<u8>>) -> Self {
        let key = CertifiedKey { ocsp: response, ..(*self.key).clone() };
        Self { key: Arc::new(key), not_after: self.not_after, warned: AtomicBool::new(self.warned.load(Relaxed)) }
    }

    /// Whether it has expired and nobody has been told so far.
    pub(super) fn is_to_warn_of(&self, now: SystemTime) -> bool {
        now > self.not_after && !self.warned.swap(true, Relaxed)
    }
}

//! Managed certificates by name.

use std::sync::Arc;

use rustls::sign::CertifiedKey;
use tokio::sync::{mpsc, oneshot};

use super::challenges::Challenges;
use crate::storage::Storage;

/// A handshake for a name that is neither written nor stored, which waits for a certificate.
#[derive(Debug)]
pub(crate) struct Demand {
    /// Name in lower case, without a trailing dot.
    pub(crate) name: Box<str>,
    /// Hears whether the name has a certificate now. Whoever gets a yes finds it with [`ManagedCertificates::find`].
    pub(crate) reply: oneshot::Sender<bool>,
}

/// The certificates that the proxy gets by itself: the table that handshakes look into. The same through all reloads.
#[derive(Debug, Default)]
pub(crate) struct ManagedCertificates {
    /// Answers to pending challenges.
    pub(crate) challenges: Challenges,
}

impl ManagedCertificates {
    /// Sets what is served from now on: `subjects`, which are written (a subject and its names each), certificates of
    /// `storage`, at most `cache` of them in memory, and whom to ask about other names.
    pub(crate) fn configure(
        &self,
        _subjects: &[(Box<str>, Vec<Box<str>>)],
        _storage: Arc<Storage>,
        _cache: usize,
        _demands: Option<mpsc::Sender<Demand>>,
    ) {
        todo!("serving")
    }

    /// The certificate for the name of a handshake: from memory, else from storage, else on demand. `None`: there is
    /// none, and the handshake is refused with `unrecognized_name`.
    pub(crate) async fn find(&self, _name: &[u8]) -> Option<Arc<CertifiedKey>> {
        todo!("serving")
    }

    /// Serves this certificate (key and chain in PEM) from now on, in place of an older one of the same subject.
    pub(crate) fn install(&self, _subject: &str, _pem: &[u8]) -> Result<(), String> {
        todo!("serving")
    }

    /// Loads the certificate anew when it is next asked for: another instance has replaced it, or it is gone.
    pub(crate) fn forget(&self, _subject: &str) {
        todo!("serving")
    }
}

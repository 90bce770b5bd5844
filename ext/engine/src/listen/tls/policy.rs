//! Policy for client certificates.

use std::sync::Arc;

use aws_lc_rs::digest::{digest, SHA256};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::WebPkiClientVerifier;
use rustls::RootCertStore;

use crate::pem;
use crate::suggestion::did_you_mean;

/// Whether clients are asked for a certificate, and which authorities are trusted. Two policies are equal if they
/// require the same of clients, whatever their files are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) verify: Verify,
    /// Sorted digests of the authorities' certificates.
    roots: Vec<[u8; 32]>,
}

/// Whether a client needs a certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Verify {
    /// The client is not asked for a certificate.
    #[default]
    Never,
    /// A certificate is optional. If the client shows one, it must be valid.
    Optional,
    /// A certificate is required.
    Require,
}

/// Maximum of bytes for the authorities' names in a handshake: the field has two bytes for their length, and many
/// clients take no more than one record of it.
const MOST_NAMES: usize = 16_000;

const VERIFY: [&str; 2] = ["require", "optional"];

impl Policy {
    /// A text that is the same for equal policies, and for no others.
    pub(super) fn digest(&self) -> String {
        let mut bytes = vec![self.verify as u8];
        bytes.extend(self.roots.iter().flatten());
        STANDARD.encode(digest(&SHA256, &bytes))
    }

    /// Whether a client that was accepted under this policy would be accepted under `other`. `shown` tells whether it
    /// showed a certificate.
    pub(super) fn satisfies(&self, other: &Policy, shown: bool) -> bool {
        let believed = shown && self.roots.iter().all(|root| other.roots.contains(root));
        match other.verify {
            Verify::Never => true,
            Verify::Optional => believed || !shown,
            Verify::Require => believed,
        }
    }
}

/// A policy and its verifier.
pub(super) type Asking = (Policy, Option<Arc<dyn ClientCertVerifier>>);

/// Reads `client_ca` and `verify`. The error says what to write instead.
pub(super) fn compile(
    client_ca: Option<&str>,
    verify: Option<&str>,
    provider: &Arc<CryptoProvider>,
) -> Result<Asking, String> {
    let mode = match verify {
        None | Some("require") => Verify::Require,
        Some("optional") => Verify::Optional,
        Some(other) => {
            return Err(format!(
                "verify: {other:?} is unknown {}: write \"require\" or \"optional\"",
                did_you_mean(other, &VERIFY)
            ));
        }
    };
    let Some(path) = client_ca else {
        return match verify {
            None => Ok((Policy::default(), None)),
            Some(verify) => Err(format!(
                "verify: {verify:?} has no effect without the authorities of clients: add `client_ca`, a PEM file"
            )),
        };
    };
    let certificates = pem::certificates("client_ca", path)?;
    let mut roots: Vec<_> = certificates.iter().map(fingerprint).collect();
    roots.sort_unstable();
    roots.dedup();
    let mut store = RootCertStore::empty();
    for certificate in certificates {
        store
            .add(certificate)
            .map_err(|error| format!("client_ca: {path:?} contains a certificate that cannot be trusted: {error}"))?;
    }
    let names: usize = store.subjects().iter().map(|name| name.as_ref().len() + 2).sum();
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider.clone());
    // Clients then choose a certificate without a hint (RFC 8446, section 4.2.4; RFC 5246, section 7.4.4).
    let builder = if names > MOST_NAMES { builder.clear_root_hint_subjects() } else { builder };
    let builder = if mode == Verify::Optional { builder.allow_unauthenticated() } else { builder };
    let verifier = builder.build().map_err(|error| format!("client_ca: {path:?} cannot be used: {error}"))?;
    Ok((Policy { verify: mode, roots }, Some(verifier)))
}

/// SHA-256 of a certificate's bytes, which identifies the certificate.
pub(super) fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_does_where_no_more_is_asked_than_it_was_asked_for() {
        let policy = |verify, roots: &[u8]| Policy { verify, roots: roots.iter().map(|n| [*n; 32]).collect() };
        let never = Policy::default();
        let (require, wider) = (policy(Verify::Require, &[1]), policy(Verify::Require, &[1, 2]));
        let (optional, other) = (policy(Verify::Optional, &[1]), policy(Verify::Require, &[3]));
        for (had, shown, wanted, expected) in [
            (&never, false, &never, true),
            (&never, false, &require, false),
            (&never, false, &optional, true),
            (&require, true, &never, true),
            (&require, true, &wider, true),
            (&wider, true, &require, false),
            (&require, true, &other, false),
            (&optional, false, &require, false),
            (&optional, true, &require, true),
        ] {
            assert_eq!(had.satisfies(wanted, shown), expected, "{had:?} {shown} {wanted:?}");
        }
    }
}

//! Certificates and keys in PEM files.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Every certificate in a file that an option names. The error names both.
pub(crate) fn certificates(option: &str, path: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(option, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if found.is_empty() => {
            Err(format!("{option}: {path:?} contains no certificate: it must be a PEM file (BEGIN CERTIFICATE)"))
        }
        Ok(found) => Ok(found),
        Err(error) => Err(format!("{option}: {path:?} is no PEM file: {error}")),
    }
}

/// The first private key in a file that an option names.
pub(crate) fn private_key(option: &str, path: &str) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(option, path)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        _ if is_encrypted(&bytes) => format!(
            "{option}: {path:?} is encrypted, and nobody is there to type its password: write it without one, as in \
             openssl pkey -in {path} -out plain.key"
        ),
        pem::Error::NoItemsFound => format!(
            "{option}: {path:?} contains no private key: it must be a PEM file (BEGIN PRIVATE KEY), not encrypted"
        ),
        error => format!("{option}: {path:?} is no PEM file: {error}"),
    })
}

/// The bytes of a file that an option names.
pub(crate) fn read(option: &str, path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{option}: {path:?} cannot be read: {error}"))
}

/// Whether a key asks for a password: PKCS#8 says so in its label, the older forms in a line below it.
fn is_encrypted(pem: &[u8]) -> bool {
    let has = |text: &str| memchr::memmem::find(pem, text.as_bytes()).is_some();
    has("BEGIN ENCRYPTED PRIVATE KEY") || has("Proc-Type: 4,ENCRYPTED")
}

//! Proof that the peer holds the private key of its certificate, whatever the certificate's version is.
//!
//! rustls reads only certificates of version 3, while `openssl x509 -req` without extensions makes some of version 1.
//! Whether such a certificate is trusted is decided elsewhere.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature, WebPkiSupportedAlgorithms};
use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, DigitallySignedStruct, Error};

type SignatureVerdict = Result<HandshakeSignatureValid, Error>;

/// Verifies the signature in a handshake of TLS 1.2.
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> SignatureVerdict {
    verify_tls12_signature(message, certificate, signed, algorithms)
        .or_else(|error| of_old_certificate(error, message, certificate, signed, algorithms))
}

/// Verifies the signature in a handshake of TLS 1.3.
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> SignatureVerdict {
    verify_tls13_signature(message, certificate, signed, algorithms)
        .or_else(|error| of_old_certificate(error, message, certificate, signed, algorithms))
}

fn of_old_certificate(
    error: Error,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> SignatureVerdict {
    let Ok((_, certificate)) = x509_parser::parse_x509_certificate(certificate) else { return Err(error) };
    // Any other error is about the signature, and is returned.
    if certificate.version().0 >= 2 {
        return Err(error);
    }
    let key = &certificate.public_key().subject_public_key.data;
    let sound = algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == signed.scheme)
        .flat_map(|(_, algorithms)| algorithms.iter())
        .any(|algorithm| algorithm.verify_signature(key, message, signed.signature()).is_ok());
    match sound {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(Error::InvalidCertificate(CertificateError::BadSignature)),
    }
}

//! Keys, and what is signed with them: requests for certificates (PKCS#10), and answers to tls-alpn-01.

use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, RsaKeySize, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256,
};

/// Kind of a certificate's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    P256,
    P384,
    Rsa2048,
    Rsa4096,
}

impl KeyKind {
    /// Names in the configuration.
    pub(crate) const NAMES: [&'static str; 4] = ["p256", "p384", "rsa2048", "rsa4096"];

    /// The kind with this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        Some([Self::P256, Self::P384, Self::Rsa2048, Self::Rsa4096][at])
    }

    /// A new key. RSA takes up to seconds, so it is made on a thread of its own.
    pub(super) async fn generate(self) -> Result<KeyPair, String> {
        let made = tokio::task::spawn_blocking(move || match self {
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::Rsa4096 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_4096),
        });
        let made = made.await.map_err(|error| format!("no key could be made: {error}"))?;
        made.map_err(|error| format!("no key could be made: {error}"))
    }
}

/// The request for a certificate for `names`, in DER. Names stand in the extension alone, as RFC 8555 wants it, unless
/// the authority needs one in the subject.
pub(super) fn request(names: &[String], key: &KeyPair, common_name: bool) -> Result<Vec<u8>, String> {
    let cannot = |error: rcgen::Error| format!("no request for the certificate could be made: {error}");
    let mut params = CertificateParams::new(names).map_err(cannot)?;
    params.distinguished_name = DistinguishedName::new();
    // A subject takes 64 characters at most (RFC 5280, appendix A.1).
    if let Some(name) = names.iter().find(|name| common_name && name.len() <= 64) {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    Ok(params.serialize_request(key).map_err(cannot)?.der().to_vec())
}

/// The certificate that answers a tls-alpn-01 challenge (RFC 8737, section 3), with its key, in PEM. `digest` is the
/// SHA-256 of the key authorization.
pub(super) fn alpn_answer(name: &str, digest: &[u8]) -> Result<String, String> {
    let cannot = |error: rcgen::Error| format!("no certificate for tls-alpn-01 could be made: {error}");
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(cannot)?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(cannot)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
    let certificate = params.self_signed(&key).map_err(cannot)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// One of several certificates of a `bind`, with its options. Options that are left out are those of the `bind`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Certificate {
    /// A PEM file: the certificate and the intermediate ones up to its root.
    pub certificate: String,
    /// A PEM file with the certificate's private key. Default: the key is in the file of the certificate.
    pub key: Option<String>,
    /// Host names for which the certificate is used, `*.example.com` included. Default: the names in the certificate.
    pub domains: Option<Vec<String>>,
    /// A DER file: the OCSP response of the certificate's authority.
    pub ocsp: Option<String>,
    /// A PEM file with the authorities for client certificates. Default: that of the `bind`.
    pub client_ca: Option<String>,
    /// Whether a client must have a certificate: `require` or `optional`. Default: that of the `bind`.
    pub verify: Option<String>,
}

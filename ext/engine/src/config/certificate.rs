use serde::{Deserialize, Serialize};

/// One of several certificates of a `bind`, with what goes with it. What is left out is as the `bind` says it.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Certificate {
    /// A PEM file: the certificate and those that lead to its root.
    pub certificate: String,
    /// A PEM file with its key. Default: the key is in the file of the certificate.
    pub key: Option<String>,
    /// Names that it is shown for, `*.example.com` included. Default: its own.
    pub domains: Option<Vec<String>>,
    /// A DER file: what the authority says of its revocation.
    pub ocsp: Option<String>,
    /// A PEM file with the authorities of clients. Default: that of the `bind`.
    pub client_ca: Option<String>,
    /// Whether a client must have a certificate. Default: that of the `bind`.
    pub verify: Option<String>,
}

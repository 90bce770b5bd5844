//! What a person sees of a certificate.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateKind {
    /// A file that a `bind` names.
    File,
    /// Made for development on this machine.
    Development,
    /// The proxy gets and renews it by itself.
    Managed,
}

/// A certificate that clients are shown, or that the proxy tries to get.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CertificateInfo {
    /// Names in the certificate, or those that are wanted in it.
    pub names: Vec<String>,
    /// Where it comes from.
    pub kind: CertificateKind,
    /// URL of the bind that shows it; `None` for a managed one, which all binds show that have none of their own.
    pub bind: Option<String>,
    /// Authority that issued a managed one: a name such as `letsencrypt`, or the URL of its directory.
    pub authority: Option<String>,
    /// End of its validity, in seconds since 1970. `None`: there is none yet.
    pub expires: Option<f64>,
    /// When the proxy next tries to get or renew it, in seconds since 1970. `None`: as soon as it can, or never if it
    /// is not managed.
    pub next_attempt: Option<f64>,
    /// Attempts that failed since the last one that succeeded.
    pub failures: u32,
    /// What went wrong in the last attempt, if it failed.
    pub last_error: Option<String>,
}

impl CertificateInfo {
    /// A certificate of which nothing is known yet.
    pub(crate) fn new(kind: CertificateKind, names: Vec<String>) -> Self {
        Self {
            names,
            kind,
            bind: None,
            authority: None,
            expires: None,
            next_attempt: None,
            failures: 0,
            last_error: None,
        }
    }
}

/// A moment in seconds since 1970.
pub(crate) fn seconds(moment: SystemTime) -> f64 {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

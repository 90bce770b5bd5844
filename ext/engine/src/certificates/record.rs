//! What stands in storage about a certificate, and under which keys.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

/// The state of one certificate: everything that must outlive a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CertificateState {
    /// Names of the certificate; the first is its subject, under which it is kept.
    pub(crate) names: Vec<String>,
    /// URL of the directory of the authority that issued it.
    pub(crate) authority: Option<String>,
    /// Beginning and end of its validity.
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) not_after: Option<SystemTime>,
    /// Window for its renewal that the authority suggests (RFC 9773), and when to ask for it again.
    pub(crate) window: Option<(SystemTime, SystemTime)>,
    pub(crate) window_until: Option<SystemTime>,
    /// Moment in the window at which it is renewed, chosen once.
    pub(crate) chosen_at: Option<SystemTime>,
    /// Failures in a row, when the next attempt may be, and what went wrong.
    pub(crate) failures: u32,
    pub(crate) next_attempt: Option<SystemTime>,
    pub(crate) last_error: Option<String>,
}

/// A name as a file name: a star, which shells expand, becomes `_`.
fn file(subject: &str) -> String {
    subject.replace('*', "_")
}

/// Key of a certificate: its private key and its chain in PEM, in one value, so that they always belong together.
pub(crate) fn certificate_key(subject: &str) -> String {
    format!("certificates/{}.pem", file(subject))
}

/// Key of the state of a certificate, in JSON.
pub(crate) fn state_key(subject: &str) -> String {
    format!("states/{}.json", file(subject))
}

/// Key of the lock that is held while a certificate is ordered.
pub(crate) fn order_lock(subject: &str) -> String {
    format!("locks/{}", file(subject))
}

/// Key of a wish for an early renewal. Whoever runs the proxy on this storage fulfils it.
pub(crate) fn request_key(subject: &str) -> String {
    format!("requests/{}", file(subject))
}

/// What the keys of all pending challenges begin with.
pub(crate) const CHALLENGES: [&str; 2] = ["challenges/http/", "challenges/alpn/"];

/// What the keys of all certificates begin with.
pub(crate) const CERTIFICATES: &str = "certificates/";

/// Key of the answer to an http-01 challenge that is pending, so that any instance can give it.
pub(crate) fn http_challenge_key(token: &str) -> String {
    format!("challenges/http/{token}")
}

/// Key of the certificate and key that answer a tls-alpn-01 challenge that is pending.
pub(crate) fn alpn_challenge_key(name: &str) -> String {
    format!("challenges/alpn/{name}.pem")
}

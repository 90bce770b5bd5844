//! What stands in storage about a certificate, and under which keys.
//!
//! A record may be damaged, or be of an older or a newer version: what cannot be read counts as not there, and what is
//! unknown is ignored.

mod facts;
mod state;

pub(crate) use facts::CertificateRecord;
pub(crate) use state::{CertificateState, PendingOrder};

use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a name within a key, at most. Names are up to 253 bytes long, and file names have endings.
const LONGEST: usize = 200;

/// A name as a file name: a star, which shells expand, becomes `_`.
fn file(subject: &str) -> String {
    let name = subject.replace('*', "_");
    match name.get(..LONGEST) {
        Some(beginning) if name.len() > LONGEST => format!("{beginning}~{:016x}", xxh3_64(name.as_bytes())),
        _ => name,
    }
}

/// What the keys of all certificates begin with.
pub(crate) const CERTIFICATES: &str = "certificates/";

/// Key of a certificate: its private key and its chain in PEM, in one value, so that they always belong together.
pub(crate) fn certificate_key(subject: &str) -> String {
    format!("{CERTIFICATES}{}.pem", file(subject))
}

/// Prefix of the keys of all states.
pub(crate) const STATES: &str = "states/";

/// Key of the state of a certificate, in JSON.
pub(crate) fn state_key(subject: &str) -> String {
    format!("{STATES}{}.json", file(subject))
}

/// Key of the order that is under way for a certificate, in JSON.
pub(crate) fn order_key(subject: &str) -> String {
    format!("orders/{}.json", file(subject))
}

/// Key of what is remembered of the challenges of a certificate, in JSON.
pub(crate) fn challenge_history_key(subject: &str) -> String {
    format!("challenges/history/{}.json", file(subject))
}

/// Key of the lock that is held while a certificate is ordered.
pub(crate) fn order_lock(subject: &str) -> String {
    format!("locks/{}", file(subject))
}

/// What the keys of all wishes for early renewals begin with.
pub(crate) const REQUESTS: &str = "requests/";

/// Key of a wish for an early renewal. Whoever runs the proxy on this storage fulfils it.
pub(crate) fn request_key(subject: &str) -> String {
    format!("{REQUESTS}{}", file(subject))
}

/// What the keys of all pending challenges begin with.
pub(crate) const CHALLENGES: [&str; 2] = ["challenges/http/", "challenges/alpn/"];

/// Key of the answer to an http-01 challenge that is pending, so that any instance can give it.
pub(crate) fn http_challenge_key(token: &str) -> String {
    format!("challenges/http/{token}")
}

/// Key of the certificate and key that answer a tls-alpn-01 challenge that is pending.
pub(crate) fn alpn_challenge_key(name: &str) -> String {
    format!("challenges/alpn/{}.pem", file(name))
}

#[cfg(test)]
mod tests;

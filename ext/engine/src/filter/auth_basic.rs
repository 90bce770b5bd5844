//! `auth_basic`: a user and a password (RFC 7617).

mod accounts;
mod hash;
mod known;
mod verifier;

pub(crate) use verifier::Verifications;

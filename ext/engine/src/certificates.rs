//! Certificates that the proxy gets and renews by itself, as far as a handshake and a challenge need them: found by
//! name, loaded from storage when they are first asked for, replaced while the server runs.

#![allow(dead_code, reason = "not used yet")]

pub(crate) mod challenges;
pub(crate) mod info;
pub(crate) mod managed;
pub(crate) mod record;

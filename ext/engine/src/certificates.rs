//! Certificates that the proxy gets by itself, as far as a handshake and a challenge need them: found by name, loaded
//! from storage when they are first asked for, replaced while the server runs.

pub(crate) mod challenges;
pub(crate) mod info;
mod loaded;
pub(crate) mod managed;
mod memory;
mod names;
pub(crate) mod record;
mod single_flight;
mod stored_names;

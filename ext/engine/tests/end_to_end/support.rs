//! A proxy between raw sockets: scripted backends on one side, hand-written clients on the other.

mod message;
mod origin;
mod peer;
mod proxy;

pub(crate) use message::Message;
pub(crate) use origin::Origin;
pub(crate) use peer::{End, Peer};
pub(crate) use proxy::Proxy;

use std::time::Duration;

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A body that shows where bytes are missing or swapped.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i / 251 + i) as u8).collect()
}

//! Clients: accepting their connections and speaking with them.

pub(crate) mod adoption;
pub(crate) mod connection;
mod grace;
mod handshake;
pub(crate) mod http1;
pub(crate) mod http2;
mod linger;
pub(crate) mod listener;
mod proxy_protocol;

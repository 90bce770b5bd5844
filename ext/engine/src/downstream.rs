//! Clients: accepting their connections and speaking with them.

pub(crate) mod binds;
pub(crate) mod connection;
mod grace;
pub(crate) mod http1;
pub(crate) mod http2;
mod linger;
pub(crate) mod listener;
mod proxy_protocol;
pub(crate) mod tls;

//! Who sends a request: the client's address, and the trusted proxies that speak for it.
//!
//! [`trusted_proxies`] reads what a proxy in front of this one says of its client; [`forwarded`] writes what backends
//! are told.

pub(crate) mod forwarded;
pub(crate) mod trusted_proxies;

use std::sync::Arc;

use crate::listen::binds::Bind;
use crate::listen::tls::TlsDetails;

/// Who sends requests: the other end of a connection, or the client for whom a trusted proxy there asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientInfo {
    /// The client's address without its port; empty for a unix socket. IPv6 without brackets.
    pub addr: Box<str>,
    /// The same as an address; `None` for a unix socket. An IPv4 address that came as IPv6 is the IPv4 address.
    pub ip: Option<std::net::IpAddr>,
    /// The port that the client came to; `None` for a unix socket, and where a trusted proxy did not say which it was.
    pub local_port: Option<u16>,
    /// Whether the client's connection is a TLS one, so that the scheme is `https`.
    pub tls: bool,
    /// The client's port; `None` for a unix socket, and where a trusted proxy said whose the request is.
    pub port: Option<u16>,
    /// The address that the client came to; `None` for a unix socket. It is that of our own end, or what a header of
    /// the PROXY protocol says.
    pub local_ip: Option<std::net::IpAddr>,
    /// Whether it is somebody whom the proxy at the other end does not know. What it says of others is not believed.
    pub stranger: bool,
    /// What the handshake came to, if the connection is one. A trusted proxy's is its own, not that of the client it
    /// speaks for.
    pub(crate) secured: Option<Arc<TlsDetails>>,
    /// Where the connection came to, if it is not a TLS one, as that was then.
    pub(crate) plain: Option<Arc<Bind>>,
}

impl ClientInfo {
    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls {
            "https"
        } else {
            "http"
        }
    }
}

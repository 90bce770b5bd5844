//! The sender of a request: the client's address, and the trusted proxies that speak for it.
//!
//! [`trusted_proxies`] reads what a proxy in front of this one says about its client; [`forwarded`] writes what
//! backends are told.

pub(crate) mod forwarded;
pub(crate) mod trusted_proxies;

use std::sync::Arc;

use crate::listen::binds::Bind;
use crate::listen::tls::TlsDetails;

/// The sender of requests: the other end of a connection, or the client for which a trusted proxy there asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientInfo {
    /// The client's address without port; empty for a unix socket. IPv6 without brackets.
    pub addr: Box<str>,
    /// The client's address, parsed; `None` for a unix socket. An IPv4-mapped IPv6 address becomes the IPv4 address.
    pub ip: Option<std::net::IpAddr>,
    /// The port to which the client connected; `None` for a unix socket, and if a trusted proxy did not say.
    pub local_port: Option<u16>,
    /// Whether the client connected by TLS, so that the scheme is `https`.
    pub tls: bool,
    /// The client's port; `None` for a unix socket, and if a trusted proxy named the client.
    pub port: Option<u16>,
    /// The address to which the client connected: our own end, or the address in the PROXY protocol header. `None` for
    /// a unix socket.
    pub local_ip: Option<std::net::IpAddr>,
    /// Whether the proxy at the other end does not know this client. The client's statements about others are not
    /// believed.
    pub stranger: bool,
    /// Facts about the TLS connection, if it is one. Behind a trusted proxy, these describe the proxy's connection, not
    /// its client's.
    pub(crate) secured: Option<Arc<TlsDetails>>,
    /// The bind at which a connection without TLS arrived, as configured at that time.
    pub(crate) plain: Option<Arc<Bind>>,
}

impl ClientInfo {
    /// The URL scheme, `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls {
            "https"
        } else {
            "http"
        }
    }
}

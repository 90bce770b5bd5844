//! What a string rewrite can refer to.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proxy_http::message::{Fields, RequestHead};

use super::Captures;
use crate::downstream::binds::Bind;
use crate::downstream::tls::TlsDetails;
use crate::grpc::Told;
use crate::request_id::RequestId;

/// Where the values of one request's rewrites come from. Everything is borrowed: building one costs nothing.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The request as the client sent it.
    pub request: &'a RequestHead,
    /// Its path as `{path}` shows it: perhaps without the prefix that its location strips, and then perhaps empty.
    pub path: &'a [u8],
    /// Who sent it, and where to.
    pub client: &'a ClientInfo,
    /// Its id.
    pub request_id: RequestId,
    /// The id that is shown in place of [`Scope::request_id`]: one of somebody else's that was forwarded, in logs and in
    /// responses. Usually empty.
    pub sent_id: &'a [u8],
    /// When its head had been read.
    pub start: SystemTime,
    /// Whom a filter found it to be from; empty if none did.
    pub user: &'a [u8],
    /// What the patterns of the enclosing locations captured.
    pub captures: Captures<'a>,
    /// The answer, once there is one.
    pub response: Option<ResponseInfo<'a>>,
}

impl<'a> Scope<'a> {
    /// A request before its answer, with its own path and nothing captured.
    pub fn new(request: &'a RequestHead, client: &'a ClientInfo, request_id: RequestId, start: SystemTime) -> Self {
        Self {
            request,
            path: request.path(),
            client,
            request_id,
            sent_id: &[],
            start,
            user: &[],
            captures: Captures::default(),
            response: None,
        }
    }
}

/// Who sends requests: the other end of a connection, or the client for whom a trusted proxy there asks.
#[derive(Debug, Clone, Default)]
pub struct ClientInfo {
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
    /// The address that the client came to; `None` for a unix socket. It is that of our own end, or what a header of the PROXY
    /// protocol says.
    pub local_ip: Option<std::net::IpAddr>,
    /// Whether it is somebody whom the proxy at the other end does not know. What it says of others is not believed.
    pub stranger: bool,
    /// What the handshake came to, if the connection is one. A trusted proxy's is its own, not that of the client it speaks for.
    pub(crate) secured: Option<Arc<TlsDetails>>,
    /// Where the connection came to, if it is not a TLS one, as that was then.
    pub(crate) plain: Option<Arc<Bind>>,
}

impl ClientInfo {
    /// `http` or `https`.
    pub fn scheme(&self) -> &'static str {
        if self.tls {
            "https"
        } else {
            "http"
        }
    }
}

impl ResponseInfo<'_> {
    /// The status that says what happened: to a call of gRPC the one that any other request would have been answered with.
    pub(crate) fn reason(&self) -> u16 {
        if self.grpc.reason == 0 {
            self.status
        } else {
            self.grpc.reason
        }
    }
}

/// An answer as far as it is known.
#[derive(Debug, Clone, Copy)]
pub struct ResponseInfo<'a> {
    /// The status code.
    pub status: u16,
    /// Time from the request's first byte to this moment.
    pub elapsed: Duration,
    /// The backend that was asked last, as in figures and logs; empty if none was.
    pub backend: &'a str,
    /// What a call of gRPC was told.
    pub grpc: Told,
    /// How many times the request was sent to a backend.
    pub attempts: u32,
    /// Bytes of the body that the client got, or of the tunnel.
    pub bytes: u64,
    /// The fields; `None` if nothing was answered.
    pub fields: Option<&'a Fields>,
}

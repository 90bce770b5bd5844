//! Which version of HTTP a backend is spoken to in.

use super::address::Address;
use crate::compile::Report;
use crate::config::PoolConfig;

/// Which version of HTTP a backend is spoken to in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BackendProtocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: over TLS if the handshake agrees on it (ALPN), in the clear because we know that it is spoken there.
    Http2,
    /// Whichever the TLS handshake agrees on, HTTP/2 rather than HTTP/1.1.
    Auto,
}

impl BackendProtocol {
    /// Reads `protocol`. `None`: by the URL of each backend.
    pub(super) fn compile(pool: &PoolConfig, report: &mut Report<'_>) -> Option<Self> {
        match pool.protocol.as_deref()? {
            "http1" => Some(Self::Http1),
            "http2" => Some(Self::Http2),
            "auto" => Some(Self::Auto),
            other => {
                report.error(format!("{other:?} is unknown: write \"http1\", \"http2\" or \"auto\""));
                None
            }
        }
    }

    /// That of one backend, where `written` is what all are said to speak.
    pub(super) fn of(address: &Address, written: Option<Self>, secure: bool, report: &mut Report<'_>) -> Self {
        match (address.says_http2(), written) {
            (true, Some(Self::Http1)) => {
                report.within("protocol").error(
                    "\"http1\" and a backend with h2:// contradict each other: write http:// there, or leave protocol \
                     out",
                );
                Self::Http1
            }
            (true, _) => Self::Http2,
            (false, Some(Self::Auto)) if !secure => Self::Http1,
            (false, written) => written.unwrap_or_default(),
        }
    }

    /// The names of what may be agreed on in a TLS handshake, the better one first.
    pub(super) fn alpn(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::Http1 => &[b"http/1.1"],
            Self::Http2 => &[b"h2"],
            Self::Auto => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}

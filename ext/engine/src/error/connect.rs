//! Reasons why a connection to a backend could not be made.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::descriptors;

/// A connection that could not be made: the step, the address and the reason.
#[derive(Debug, Clone)]
pub(crate) struct ConnectError {
    address: Box<str>,
    step: ConnectStep,
    limit: Duration,
    kind: ConnectErrorKind,
    source: Option<Arc<io::Error>>,
}

/// Step of a connection at which it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectStep {
    /// Connecting the socket.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Agreeing on HTTP/2 in the TLS handshake.
    Agreement,
    /// Waiting for the first bytes of HTTP/2 from the backend.
    Preface,
}

/// Kinds of [`ConnectError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectErrorKind {
    /// Nothing listens there, or the socket file is missing.
    Refused,
    /// No route to the address.
    Unreachable,
    /// The time limit was reached.
    Timeout,
    /// The TLS handshake failed: no TLS on the other side, a certificate that is not trusted or is for another name, …
    Tls,
    /// The backend does not speak the version of HTTP that the proxy needs.
    Protocol,
    /// A resource of our own has run out: open files, local ports, memory. The backend was not asked.
    Exhausted,
    /// Any other error.
    Io,
}

impl ConnectErrorKind {
    pub(crate) fn of(error: &io::Error) -> Self {
        match error.kind() {
            _ if descriptors::ran_out(error) => Self::Exhausted,
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Self::Refused,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                Self::Unreachable
            }
            // The kernel's timeout came before ours.
            io::ErrorKind::TimedOut => Self::Timeout,
            _ => Self::Io,
        }
    }
}

impl ConnectError {
    pub(crate) fn new(
        address: &str,
        step: ConnectStep,
        kind: ConnectErrorKind,
        limit: Duration,
        source: Option<io::Error>,
    ) -> Self {
        Self { address: address.into(), step, limit, kind, source: source.map(Arc::new) }
    }

    /// Time limit of the connection.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    pub(crate) fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Whether a resource of our own has run out, which says nothing about the backend.
    pub(crate) fn is_ours(&self) -> bool {
        self.kind == ConnectErrorKind::Exhausted
    }

    /// Whether the backend did not accept a connection. `false` where it did and TLS or HTTP/2 failed.
    pub(crate) fn is_unconnected(&self) -> bool {
        self.step == ConnectStep::Connect && !self.is_ours()
    }

    /// The reason in a few words, without the address, for callers that name the address themselves.
    pub(crate) fn reason(&self) -> String {
        match (self.kind, &self.source) {
            (ConnectErrorKind::Refused, _) => "connection refused".into(),
            (ConnectErrorKind::Tls, Some(error)) => format!("the TLS handshake failed: {error}"),
            (ConnectErrorKind::Protocol, Some(error)) => format!("it does not speak HTTP/2: {error}"),
            (ConnectErrorKind::Protocol, None) => "it does not agree to HTTP/2 in the TLS handshake".into(),
            (_, Some(error)) => error.to_string(),
            (_, None) if self.step == ConnectStep::Connect => format!("no connection within {:?}", self.limit),
            (_, None) if self.step == ConnectStep::Preface => {
                format!("it does not begin to speak HTTP/2 within {:?}", self.limit)
            }
            (_, None) => format!("no TLS handshake within {:?}", self.limit),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, limit, .. } = self;
        match (self.step, &self.source) {
            (_, Some(error)) if self.kind == ConnectErrorKind::Exhausted => {
                write!(
                    f,
                    "no connection could be made here, {address} was not asked: {error}: raise what has run out, such \
                     as the limit of open files, or write a smaller max_connections"
                )
            }
            (ConnectStep::Connect, Some(error)) => write!(f, "cannot connect to {address}: {error}"),
            (ConnectStep::Handshake, Some(error)) => write!(f, "the TLS handshake with {address} failed: {error}"),
            (ConnectStep::Connect, None) => write!(f, "{address} did not accept a connection within {limit:?}"),
            (ConnectStep::Handshake, None) => {
                write!(f, "{address} accepted a connection, but made no TLS handshake within {limit:?}")
            }
            (ConnectStep::Agreement, _) => {
                write!(
                    f,
                    "{address} does not agree to HTTP/2 in the TLS handshake: write protocol: \"auto\" or \"http1\""
                )
            }
            (ConnectStep::Preface, Some(error)) => {
                write!(f, "{address} does not speak HTTP/2 ({error}): write protocol: \"http1\", or http:// for h2://")
            }
            (ConnectStep::Preface, None) => {
                write!(f, "{address} accepted a connection, but did not begin to speak HTTP/2 within {limit:?}")
            }
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

//! Why no connection to a backend could be made.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::descriptors;

/// Why there is no connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectError {
    address: Box<str>,
    step: ConnectStep,
    limit: Duration,
    kind: ConnectErrorKind,
    source: Option<Arc<io::Error>>,
}

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectStep {
    /// The connection itself.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// On HTTP/2, in the handshake.
    Agreement,
    /// Until the backend speaks HTTP/2.
    Preface,
}

/// Kinds of [`ConnectError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectErrorKind {
    /// Nothing listens there, or the socket file is missing.
    Refused,
    /// There is no way to that address.
    Unreachable,
    /// Not done within the limit.
    Timeout,
    /// The TLS handshake failed: no TLS there, a certificate that is not trusted or for another name, …
    Tls,
    /// The backend does not speak the version of HTTP that it is to be spoken to in.
    Protocol,
    /// Something of our own has run out: open files, local ports, memory. Nobody was asked.
    Exhausted,
    /// Anything else.
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
            // The kernel gave up before we did.
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

    /// How long it was given.
    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    /// What kind of failure it was.
    pub(crate) fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Whether something of our own has run out, which says nothing of the backend.
    pub(crate) fn is_ours(&self) -> bool {
        self.kind == ConnectErrorKind::Exhausted
    }

    /// The same in a few words, for who names the address himself.
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

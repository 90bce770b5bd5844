//! Failures of requests, as data: what happened, which side caused it, and whether a retry is safe.

mod connect;
mod end_reason;
mod status;

pub(crate) use connect::ConnectStep;
pub(crate) use connect::{ConnectError, ConnectErrorKind};
pub(crate) use end_reason::EndReason;
pub(crate) use status::Cause;

use std::fmt;

use proxy_http::message::{Malformed, ReadError};

/// Why a backend could not answer a request.
#[derive(Debug)]
pub(crate) struct Error {
    pub(crate) kind: Kind,
    /// Side that caused the failure.
    pub(crate) side: Side,
    /// Whether the request may be sent again.
    pub(crate) retry: Retry,
}

/// Kind of a failure.
#[derive(Debug)]
pub(crate) enum Kind {
    /// No connection to the backend could be made.
    Connect(ConnectError),
    /// A backend's name has no address.
    NoAddress,
    /// Backends exist, but none of them gets requests now.
    Unavailable,
    /// Every backend is busy, and the wait queue is full.
    Crowded,
    /// Every backend was busy for too long: the request timed out in the wait queue.
    QueueTimeout,
    /// No backend could take the request for as long as it may wait.
    Held,
    /// The target is not a URL after its placeholders are replaced.
    Target,
    /// A connection broke.
    Io(std::io::Error),
    /// A temporary file could not be written or read.
    Disk(std::io::Error),
    /// A connection ended in the middle of a message, or before the response began.
    Ended,
    /// An upgrade to another protocol would go to a backend of HTTP/2 that does not accept it.
    NoUpgrade,
    /// A backend refused the request before it began: it is shutting down, or has as many requests as it accepts.
    Refused,
    /// A backend ended the connection, and said that it did not process the request.
    Unserved,
    /// A backend does not speak HTTP/2.
    Foreign,
    /// A message was not well formed.
    Malformed(Malformed),
    /// A response head was larger than the limit.
    TooLarge,
    /// The body of a request is longer than the limit.
    BodyTooLarge,
    /// Something took longer than its time limit.
    Timeout(Waited),
    /// The server stops, and this exchange would not have ended by itself.
    Stopping,
}

impl From<ReadError> for Kind {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => Kind::Io(error),
            ReadError::Malformed(why) => Kind::Malformed(why),
            ReadError::TooLarge => Kind::TooLarge,
            ReadError::BodyTooLarge => Kind::BodyTooLarge,
            ReadError::Truncated | ReadError::Ended => Kind::Ended,
            ReadError::Refused => Kind::Refused,
            ReadError::Unserved => Kind::Unserved,
            ReadError::Foreign => Kind::Foreign,
        }
    }
}

/// What a timeout waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The response head, within `timeout`.
    Response,
    /// The next piece of the response, within `read_timeout`.
    Read,
    /// Progress of a write to the backend, within `write_timeout`.
    Write,
    /// A free stream on a connection of HTTP/2, within `timeout`.
    Room,
    /// The next piece of the request's body, within `client_body_timeout`.
    ClientBody,
    /// A client that takes the response, within `client_body_timeout`.
    ClientWrite,
    /// A client that moves a body at `min_rate`.
    ClientRate,
    /// A client that reads a response along with faster ones, and is too far behind them.
    ClientBehind,
    /// The response to a gRPC call, within the call's own `grpc-timeout`.
    Call,
}

/// Side that caused a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The client went away, or sent something malformed.
    Client,
    /// The backend failed.
    Backend,
    /// The proxy or its configuration.
    Us,
}

/// Whether a failure counts against the backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blame {
    /// Backend's fault, as far as the proxy can tell.
    Backend,
    /// Our own fault: no file or port was left for a connection.
    Us,
}

/// Whether the request may be sent again, to the same backend or another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Never: a response has begun, or another attempt has no better chance.
    Never,
    /// Only if the request is idempotent and its body is still buffered.
    IfIdempotent,
    /// Always: no byte of the request was sent, or the backend says that it has not processed it.
    Always,
}

impl Error {
    /// A failure that the client caused. It is never retried.
    pub(crate) fn client(kind: Kind) -> Self {
        Self { kind, side: Side::Client, retry: Retry::Never }
    }

    /// A failure that the backend caused.
    pub(crate) fn backend(kind: Kind, retry: Retry) -> Self {
        Self { kind, side: Side::Backend, retry }
    }

    /// A failure of the proxy itself.
    pub(crate) fn ours(kind: Kind) -> Self {
        Self { kind, side: Side::Us, retry: Retry::Never }
    }

    /// A failed connection to a backend. Nothing of the request was sent.
    pub(crate) fn connect(error: ConnectError) -> Self {
        Self::backend(Kind::Connect(error), Retry::Always)
    }

    /// Whether a resource of our own has run out, so that no backend was asked.
    pub(crate) fn is_exhausted(&self) -> bool {
        matches!(&self.kind, Kind::Connect(error) if error.is_ours())
    }

    /// Whether no backend accepted a connection, so that none has got anything of the request.
    pub(crate) fn is_unconnected(&self) -> bool {
        matches!(&self.kind, Kind::Connect(error) if error.is_unconnected())
    }

    /// Whether every backend is busy, or takes no requests for the moment: later there may be room.
    pub(crate) fn is_about_queue(&self) -> bool {
        matches!(self.kind, Kind::Crowded | Kind::QueueTimeout | Kind::Held)
    }

    /// Whether no backend could be asked, so that the answer is a 503.
    pub(crate) fn is_unavailable(&self) -> bool {
        matches!(self.kind, Kind::Unavailable | Kind::Crowded | Kind::QueueTimeout | Kind::Held | Kind::Disk(_))
            || self.is_exhausted()
    }

    /// Whether the failure counts against the backend.
    pub(crate) fn blame(&self) -> Blame {
        match &self.kind {
            Kind::Connect(error) if error.is_ours() => Blame::Us,
            Kind::NoUpgrade | Kind::Disk(_) => Blame::Us,
            _ => Blame::Backend,
        }
    }

    /// Whether the answer is a 504 rather than a 502.
    pub(crate) fn is_timeout(&self) -> bool {
        match &self.kind {
            Kind::Timeout(_) => true,
            Kind::Connect(error) => error.kind() == ConnectErrorKind::Timeout,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Connect(error) => write!(f, "{error}"),
            Kind::NoAddress => f.write_str("no address is known for it"),
            Kind::Unavailable => f.write_str("no backend is available"),
            Kind::Crowded => f.write_str("every backend is busy and no more requests may wait"),
            Kind::QueueTimeout => f.write_str("every backend was busy for as long as a request may wait"),
            Kind::Held => f.write_str("no backend could take the request for as long as it may wait"),
            Kind::Target => f.write_str("the target URL is not an absolute URL after substitution"),
            Kind::Io(error) => write!(f, "{error}"),
            Kind::Disk(error) => write!(f, "a temporary file: {error}"),
            Kind::Ended => f.write_str("the connection ended too early"),
            Kind::NoUpgrade => f.write_str(
                "it takes no upgrade over HTTP/2 (RFC 8441): write http:// in place of h2://, or leave \
                 protocol: \"http2\" out",
            ),
            Kind::Refused => f.write_str("it refused to begin with the request"),
            Kind::Foreign => f.write_str("it does not speak HTTP/2: write protocol: \"http1\", or http:// for h2://"),
            Kind::Unserved => f.write_str("it ended the connection without serving the request"),
            Kind::Malformed(why) => write!(f, "malformed message: {why}"),
            Kind::TooLarge => f.write_str("the response head is too large"),
            Kind::BodyTooLarge => f.write_str("the request's body is longer than max_body"),
            Kind::Stopping => f.write_str("the server stops"),
            Kind::Timeout(waited) => f.write_str(match waited {
                Waited::Response => "no response head within timeout",
                Waited::Read => "no further piece of the response within read_timeout",
                Waited::Room => "no stream was free within timeout: it takes few at once",
                Waited::Write => "a write made no progress within write_timeout",
                Waited::ClientBody => "no further piece of the request's body within client_body_timeout",
                Waited::ClientWrite => "the client took nothing of the response within client_body_timeout",
                Waited::ClientRate => "the client moved a body more slowly than min_rate",
                Waited::ClientBehind => {
                    "the client was too far behind others that read the same response, which is too long for the cache"
                }
                Waited::Call => "no whole answer within the call's grpc-timeout",
            }),
        }
    }
}

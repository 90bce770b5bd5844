//! A new connection to a backend.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{timeout_at, Instant};
use tokio_rustls::client::TlsStream;
use tokio_rustls::TlsConnector;

use super::backend::{Endpoint, Place, Tls};
use crate::stream::{Secured, Stream};

/// Connects, and makes the TLS handshake if the endpoint is spoken to over TLS; `limit` is the time for both.
///
/// `name` is the server name for the handshake, in place of the endpoint's own; it is nothing to a plain endpoint.
///
/// # Errors
/// No byte of a request has been written, so any request may be tried elsewhere.
pub async fn connect(
    endpoint: &Endpoint,
    name: Option<&ServerName<'static>>,
    limit: Duration,
) -> Result<Stream, ConnectError> {
    connect_as(endpoint, name, &[], limit).await
}

/// The same, with a header of the PROXY protocol in front of everything else.
///
/// # Errors
/// As for [`connect`].
pub(crate) async fn connect_as(
    endpoint: &Endpoint,
    name: Option<&ServerName<'static>>,
    introduction: &[u8],
    limit: Duration,
) -> Result<Stream, ConnectError> {
    connect_to(endpoint.label(), endpoint.place(), endpoint.tls(), name, introduction, limit).await
}

/// The same for a place that need not be an endpoint's own. `label` is what an error calls it.
pub(super) async fn connect_to(
    label: &str,
    place: &Place,
    tls: Option<&Tls>,
    name: Option<&ServerName<'static>>,
    introduction: &[u8],
    limit: Duration,
) -> Result<Stream, ConnectError> {
    let failed = |step, kind, source| ConnectError { address: label.into(), step, limit, kind, source };
    // A time that is too far away to be represented is no limit.
    let deadline =
        Instant::now().checked_add(limit).unwrap_or_else(|| Instant::now() + Duration::from_secs(86400 * 365));
    let opened = match timeout_at(deadline, open(place, introduction)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return Err(failed(Step::Connect, ConnectErrorKind::of(&error), Some(error))),
        Err(_) => return Err(failed(Step::Connect, ConnectErrorKind::Timeout, None)),
    };
    let Some(tls) = tls else { return Ok(opened.into()) };
    let name = name.unwrap_or(&tls.name);
    let secured = async {
        Ok(match opened {
            Socket::Tcp(socket) => Stream::Tls(Secured::new(handshake(tls, name, socket).await?, name.clone())),
            Socket::Unix(socket) => Stream::TlsUnix(Secured::new(handshake(tls, name, socket).await?, name.clone())),
        })
    };
    match timeout_at(deadline, secured).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(failed(Step::Handshake, ConnectErrorKind::Tls, Some(error))),
        Err(_) => Err(failed(Step::Handshake, ConnectErrorKind::Timeout, None)),
    }
}

/// Connected, and nothing said yet.
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<Socket> for Stream {
    fn from(socket: Socket) -> Self {
        match socket {
            Socket::Tcp(socket) => Self::Tcp(socket),
            Socket::Unix(socket) => Self::Unix(socket),
        }
    }
}

async fn open(place: &Place, introduction: &[u8]) -> io::Result<Socket> {
    let mut socket = open_socket(place).await?;
    if !introduction.is_empty() {
        match &mut socket {
            Socket::Tcp(socket) => socket.write_all(introduction).await?,
            Socket::Unix(socket) => socket.write_all(introduction).await?,
        }
    }
    Ok(socket)
}

async fn open_socket(place: &Place) -> io::Result<Socket> {
    match place {
        Place::Tcp(address) => tcp(*address).await,
        Place::Either(first, second) => match tcp(*first).await {
            Ok(socket) => Ok(socket),
            // The first one's error is the one people expect to read.
            Err(error) => tcp(*second).await.map_err(|_| error),
        },
        Place::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path).await?)),
    }
}

async fn tcp(address: SocketAddr) -> io::Result<Socket> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(Socket::Tcp(socket))
}

async fn handshake<S>(tls: &Tls, name: &ServerName<'static>, stream: S) -> io::Result<TlsStream<S>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    TlsConnector::from(tls.client.config().clone()).connect(name.clone(), stream).await
}

/// Why there is no connection.
#[derive(Debug)]
pub struct ConnectError {
    address: Box<str>,
    step: Step,
    limit: Duration,
    kind: ConnectErrorKind,
    source: Option<io::Error>,
}

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    Handshake,
}

/// Kinds of [`ConnectError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectErrorKind {
    /// Nothing listens there, or the socket file is missing.
    Refused,
    /// There is no way to that address.
    Unreachable,
    /// Not done within the limit.
    Timeout,
    /// The TLS handshake failed: no TLS there, a certificate that is not trusted or for another name, …
    Tls,
    /// Anything else, among it our own limits (open files, local ports).
    Io,
}

impl ConnectErrorKind {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
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
    /// What kind of failure it was.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// The same in a few words, for who names the address himself.
    pub(super) fn reason(&self) -> String {
        match (self.kind, &self.source) {
            (ConnectErrorKind::Refused, _) => "connection refused".into(),
            (ConnectErrorKind::Tls, Some(error)) => format!("the TLS handshake failed: {error}"),
            (_, Some(error)) => error.to_string(),
            (_, None) if self.step == Step::Connect => format!("no connection within {:?}", self.limit),
            (_, None) => format!("no TLS handshake within {:?}", self.limit),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, limit, .. } = self;
        match (self.step, &self.source) {
            (Step::Connect, Some(error)) => write!(f, "cannot connect to {address}: {error}"),
            (Step::Handshake, Some(error)) => write!(f, "the TLS handshake with {address} failed: {error}"),
            (Step::Connect, None) => write!(f, "{address} did not accept a connection within {limit:?}"),
            (Step::Handshake, None) => {
                write!(f, "{address} accepted a connection, but made no TLS handshake within {limit:?}")
            }
        }
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests;

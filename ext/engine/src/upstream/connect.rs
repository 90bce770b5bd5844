//! A new connection to a backend.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixSocket, UnixStream};
use tokio::time::{timeout_at, Instant};
use tokio_rustls::TlsConnector;

use super::backend::{Endpoint, Place, Tls};
use super::Protocol;
use crate::descriptors;
#[cfg(test)]
use crate::stream::memory::{Network, Pipe};
use crate::stream::{Secured, Stream};

/// Connects for HTTP/1.1, and makes the TLS handshake if the endpoint is spoken to over TLS; `limit` is the time for both.
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
pub(super) async fn connect_as(
    endpoint: &Endpoint,
    name: Option<&ServerName<'static>>,
    introduction: &[u8],
    limit: Duration,
) -> Result<Stream, ConnectError> {
    connect_to(endpoint, To::Serve, Protocol::Http1, name, introduction, limit).await
}

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum To<'a> {
    /// Requests, over the endpoint's own place.
    Serve,
    /// A health check, which may use the descriptors that are kept for such things.
    Check(&'a Place),
}

/// The same for a check, or for another protocol, which a TLS handshake has to agree on.
pub(super) async fn connect_to(
    endpoint: &Endpoint,
    to: To<'_>,
    protocol: Protocol,
    name: Option<&ServerName<'static>>,
    introduction: &[u8],
    limit: Duration,
) -> Result<Stream, ConnectError> {
    let failed = |step, kind, source| ConnectError::new(endpoint, step, kind, limit, source);
    // A time that is too far away to be represented is no limit.
    let deadline =
        Instant::now().checked_add(limit).unwrap_or_else(|| Instant::now() + Duration::from_secs(86400 * 365));
    let opened = match timeout_at(deadline, open(endpoint, to, introduction)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return Err(failed(Step::Connect, ConnectErrorKind::of(&error), Some(error))),
        Err(_) => return Err(failed(Step::Connect, ConnectErrorKind::Timeout, None)),
    };
    let Some(tls) = endpoint.tls() else { return Ok(opened.into()) };
    let name = name.unwrap_or(&tls.name);
    let shaking_hands = async {
        Ok(match opened {
            Socket::Tcp(socket) => Stream::Tls(secured(tls, protocol, name, socket).await?),
            Socket::Unix(socket) => Stream::TlsUnix(secured(tls, protocol, name, socket).await?),
            #[cfg(test)]
            Socket::Memory(pipe) => Stream::Memory(pipe),
        })
    };
    match timeout_at(deadline, shaking_hands).await {
        Ok(Ok(stream)) if protocol == Protocol::Http2 && !stream.agreed_on_http2() => {
            Err(failed(Step::Agreement, ConnectErrorKind::Protocol, None))
        }
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if found_nothing_in_common(&error) => {
            Err(failed(Step::Agreement, ConnectErrorKind::Protocol, None))
        }
        Ok(Err(error)) => Err(failed(Step::Handshake, ConnectErrorKind::Tls, Some(error))),
        Err(_) => Err(failed(Step::Handshake, ConnectErrorKind::Timeout, None)),
    }
}

/// Connected, and nothing said yet.
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    #[cfg(test)]
    Memory(Pipe),
}

impl From<Socket> for Stream {
    fn from(socket: Socket) -> Self {
        match socket {
            Socket::Tcp(socket) => Self::Tcp(socket),
            Socket::Unix(socket) => Self::Unix(socket),
            #[cfg(test)]
            Socket::Memory(pipe) => Self::Memory(pipe),
        }
    }
}

async fn open(endpoint: &Endpoint, to: To<'_>, introduction: &[u8]) -> io::Result<Socket> {
    let mut socket = match to {
        To::Serve => open_socket(endpoint.place(), descriptors::admit).await?,
        To::Check(place) => open_socket(place, |_| Ok(())).await?,
    };
    if !introduction.is_empty() {
        match &mut socket {
            Socket::Tcp(socket) => socket.write_all(introduction).await?,
            Socket::Unix(socket) => socket.write_all(introduction).await?,
            #[cfg(test)]
            Socket::Memory(pipe) => pipe.write_all(introduction).await?,
        }
    }
    Ok(socket)
}

/// `admit` says whether the descriptor may be used.
async fn open_socket(place: &Place, admit: impl Fn(RawFd) -> io::Result<()> + Copy) -> io::Result<Socket> {
    match place {
        Place::Tcp(address) => tcp(*address, admit).await,
        Place::Either(first, second) => match tcp(*first, admit).await {
            Ok(socket) => Ok(socket),
            // The first one's error is the one people expect to read, unless it is about this machine alone.
            Err(error) => tcp(*second, admit).await.map_err(|other| match descriptors::ran_out(&error) {
                true => other,
                false => error,
            }),
        },
        Place::Unix(path) => {
            let socket = UnixSocket::new_stream()?;
            admit(socket.as_raw_fd())?;
            Ok(Socket::Unix(socket.connect(path).await?))
        }
    }
}

async fn tcp(address: SocketAddr, admit: impl Fn(RawFd) -> io::Result<()>) -> io::Result<Socket> {
    #[cfg(test)]
    if let Some(network) = Network::of_thread() {
        return network.connect(address).await.map(Socket::Memory);
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    admit(socket.as_raw_fd())?;
    let socket = socket.connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(Socket::Tcp(socket))
}

/// Whether a TLS server has ended the handshake because it speaks nothing of what was offered (ALPN).
fn found_nothing_in_common(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)))
}

async fn secured<S>(tls: &Tls, protocol: Protocol, name: &ServerName<'static>, stream: S) -> io::Result<Box<Secured<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connector = TlsConnector::from(tls.client.config(protocol).clone());
    Ok(Secured::new(connector.connect(name.clone(), stream).await?, name.clone()))
}

/// Why there is no connection.
#[derive(Debug, Clone)]
pub struct ConnectError {
    address: Box<str>,
    step: Step,
    limit: Duration,
    kind: ConnectErrorKind,
    source: Option<Arc<io::Error>>,
}

/// How far a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    Handshake,
    /// On HTTP/2, in the handshake.
    Agreement,
    /// Until the backend speaks HTTP/2.
    Preface,
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
    /// The backend does not speak the version of HTTP that it is to be spoken to in.
    Protocol,
    /// Something of our own has run out: open files, local ports, memory. Nobody was asked.
    Exhausted,
    /// Anything else.
    Io,
}

impl ConnectErrorKind {
    fn of(error: &io::Error) -> Self {
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
    pub(super) fn new(
        endpoint: &Endpoint,
        step: Step,
        kind: ConnectErrorKind,
        limit: Duration,
        source: Option<io::Error>,
    ) -> Self {
        Self { address: endpoint.label().into(), step, limit, kind, source: source.map(Arc::new) }
    }

    /// How long it was given.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ConnectErrorKind {
        self.kind
    }

    /// Whether something of our own has run out, which says nothing of the backend.
    pub fn is_ours(&self) -> bool {
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
            (_, None) if self.step == Step::Connect => format!("no connection within {:?}", self.limit),
            (_, None) if self.step == Step::Preface => {
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
                    "no connection could be made here, {address} was not asked: {error}: raise what has run out, such as the limit of \
                     open files, or write a smaller max_connections"
                )
            }
            (Step::Connect, Some(error)) => write!(f, "cannot connect to {address}: {error}"),
            (Step::Handshake, Some(error)) => write!(f, "the TLS handshake with {address} failed: {error}"),
            (Step::Connect, None) => write!(f, "{address} did not accept a connection within {limit:?}"),
            (Step::Handshake, None) => {
                write!(f, "{address} accepted a connection, but made no TLS handshake within {limit:?}")
            }
            (Step::Agreement, _) => {
                write!(
                    f,
                    "{address} does not agree to HTTP/2 in the TLS handshake: write protocol: \"auto\" or \"http1\""
                )
            }
            (Step::Preface, Some(error)) => {
                write!(f, "{address} does not speak HTTP/2 ({error}): write protocol: \"http1\", or http:// for h2://")
            }
            (Step::Preface, None) => {
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

#[cfg(test)]
mod tests;

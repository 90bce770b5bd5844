//! A new connection to a backend.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::AlertDescription;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UnixSocket, UnixStream};
use tokio::time::{timeout, timeout_at, Instant};
use tokio_rustls::TlsConnector;

use super::backend::{Backend, BackendAddress, Tls};
use super::BackendProtocol;
use crate::application::ApplicationStream;
use crate::descriptors;
use crate::error::{ConnectError, ConnectErrorKind, ConnectStep};
#[cfg(test)]
use crate::stream::memory::{Network, Pipe};
use crate::stream::{Secured, Stream};

/// Connects for HTTP/1.1, and makes the TLS handshake if the backend is spoken to over TLS; `limit` is the time for
/// both.
///
/// `name` is the server name for the handshake, in place of the backend's own. `introduction` is the PROXY header that
/// the connection begins with; it may be empty.
///
/// # Errors
/// No byte of a request has been written, so any request may be tried elsewhere.
pub(super) async fn connect(
    backend: &Backend,
    name: Option<&ServerName<'static>>,
    introduction: &[u8],
    limit: Duration,
) -> Result<Stream, ConnectError> {
    connect_to(backend, To::Serve, BackendProtocol::Http1, name, introduction, limit).await
}

/// What a connection is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum To<'a> {
    /// Requests, over the backend's own place.
    Serve,
    /// A check of its health, which may use the descriptors that are kept for such things.
    Check(&'a BackendAddress),
}

/// Connects for a health check too, and for a protocol that a TLS handshake has to agree on.
pub(super) async fn connect_to(
    backend: &Backend,
    to: To<'_>,
    protocol: BackendProtocol,
    name: Option<&ServerName<'static>>,
    introduction: &[u8],
    limit: Duration,
) -> Result<Stream, ConnectError> {
    let failed = |step, kind, source| ConnectError::new(backend.label(), step, kind, limit, source);
    // A time that is too far away to be represented is no limit.
    let deadline =
        Instant::now().checked_add(limit).unwrap_or_else(|| Instant::now() + Duration::from_secs(86400 * 365));
    let opened = match timeout_at(deadline, open(backend, to, introduction)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => return Err(failed(ConnectStep::Connect, ConnectErrorKind::of(&error), Some(error))),
        Err(_) => return Err(failed(ConnectStep::Connect, ConnectErrorKind::Timeout, None)),
    };
    let Some(tls) = backend.tls() else { return Ok(opened.into()) };
    let name = name.unwrap_or(&tls.name);
    let shaking_hands = async {
        Ok(match opened {
            BackendSocket::Tcp(socket) => Stream::Tls(secured(tls, protocol, name, socket).await?),
            BackendSocket::Unix(socket) => Stream::TlsUnix(secured(tls, protocol, name, socket).await?),
            // Its configuration has no TLS.
            BackendSocket::Application(socket) => Stream::Application(socket),
            #[cfg(test)]
            BackendSocket::Memory(pipe) => Stream::TlsMemory(secured(tls, protocol, name, pipe).await?),
        })
    };
    match timeout_at(deadline, shaking_hands).await {
        Ok(Ok(stream)) if protocol == BackendProtocol::Http2 && !stream.agreed_on_http2() => {
            Err(failed(ConnectStep::Agreement, ConnectErrorKind::Protocol, None))
        }
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) if found_nothing_in_common(&error) => {
            Err(failed(ConnectStep::Agreement, ConnectErrorKind::Protocol, None))
        }
        Ok(Err(error)) => Err(failed(ConnectStep::Handshake, ConnectErrorKind::Tls, Some(error))),
        Err(_) => Err(failed(ConnectStep::Handshake, ConnectErrorKind::Timeout, None)),
    }
}

/// Whether the backend accepts a connection, which is closed at once. `Err` if a resource of our own has run out, so
/// that it was not asked.
pub(super) async fn accepts(backend: &Backend, limit: Duration) -> io::Result<bool> {
    match timeout(limit, open(backend, To::Check(backend.address()), &[])).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(error)) if descriptors::ran_out(&error) => Err(error),
        Ok(Err(_)) | Err(_) => Ok(false),
    }
}

/// Connected, and nothing said yet.
enum BackendSocket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Application(Box<ApplicationStream>),
    #[cfg(test)]
    Memory(Pipe),
}

impl From<BackendSocket> for Stream {
    fn from(socket: BackendSocket) -> Self {
        match socket {
            BackendSocket::Tcp(socket) => Self::Tcp(socket),
            BackendSocket::Unix(socket) => Self::Unix(socket),
            BackendSocket::Application(socket) => Self::Application(socket),
            #[cfg(test)]
            BackendSocket::Memory(pipe) => Self::Memory(pipe),
        }
    }
}

async fn open(backend: &Backend, to: To<'_>, introduction: &[u8]) -> io::Result<BackendSocket> {
    let mut socket = match to {
        To::Serve => open_socket(backend.address(), descriptors::admit).await?,
        To::Check(address) => open_socket(address, |_| Ok(())).await?,
    };
    if !introduction.is_empty() {
        match &mut socket {
            BackendSocket::Tcp(socket) => socket.write_all(introduction).await?,
            BackendSocket::Unix(socket) => socket.write_all(introduction).await?,
            BackendSocket::Application(socket) => socket.write_all(introduction).await?,
            #[cfg(test)]
            BackendSocket::Memory(pipe) => pipe.write_all(introduction).await?,
        }
    }
    Ok(socket)
}

/// `admit` says whether the descriptor may be used.
async fn open_socket(
    address: &BackendAddress,
    admit: impl Fn(RawFd) -> io::Result<()> + Copy,
) -> io::Result<BackendSocket> {
    match address {
        BackendAddress::Tcp(address) => tcp(*address, admit).await,
        BackendAddress::Either(first, second) => match tcp(*first, admit).await {
            Ok(socket) => Ok(socket),
            // The first one's error is the one people expect to read, unless it is about this machine alone.
            Err(error) => tcp(*second, admit).await.map_err(|other| match descriptors::ran_out(&error) {
                true => other,
                false => error,
            }),
        },
        BackendAddress::Unix(path) => {
            let socket = UnixSocket::new_stream()?;
            admit(socket.as_raw_fd())?;
            Ok(BackendSocket::Unix(socket.connect(path).await?))
        }
        BackendAddress::Application(application) => {
            Ok(BackendSocket::Application(Box::new(application.connect(admit)?)))
        }
    }
}

async fn tcp(address: SocketAddr, admit: impl Fn(RawFd) -> io::Result<()>) -> io::Result<BackendSocket> {
    #[cfg(test)]
    if let Some(network) = Network::of_thread() {
        return network.connect(address).await.map(BackendSocket::Memory);
    }
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    admit(socket.as_raw_fd())?;
    let socket = socket.connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(BackendSocket::Tcp(socket))
}

/// Whether a TLS server has ended the handshake because it speaks nothing of what was offered (ALPN).
fn found_nothing_in_common(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(error, Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)))
}

async fn secured<S>(
    tls: &Tls,
    protocol: BackendProtocol,
    name: &ServerName<'static>,
    stream: S,
) -> io::Result<Box<Secured<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let connector = TlsConnector::from(tls.client.config(protocol).clone());
    Ok(Secured::new(connector.connect(name.clone(), stream).await?, name.clone()))
}

#[cfg(test)]
mod tests;

//! A bound listening socket: the accepting thread watches it until it closes, and accepts the rest of its backlog
//! first.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::time::Instant;

use super::connection_limit::ConnectionLimit;
use super::{rest, BoundSocket, RawConnection, BACKLOG};
use crate::client::ClientInfo;
use crate::descriptors;
use crate::fork::OnItsWay;
use crate::listen::binds::Bind;
use crate::listen::unix_socket::SocketFile;
use crate::listening_socket::ListeningSocket;
use crate::log::Log;

/// Time that clients in the backlog of a closing socket may wait for a share of `max_connections`.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection that no runtime watches, and its client.
pub(super) type RawClient = (RawStream, ClientInfo);

/// A stream that no runtime watches.
pub(super) enum RawStream {
    Tcp(TcpStream, OnItsWay),
    Unix(UnixStream, OnItsWay),
}

impl AsRawFd for RawStream {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream, _) => stream.as_raw_fd(),
            Self::Unix(stream, _) => stream.as_raw_fd(),
        }
    }
}

impl RawStream {
    pub(super) fn tcp(stream: TcpStream) -> Self {
        let on_its_way = OnItsWay::new(&stream);
        Self::Tcp(stream, on_its_way)
    }

    pub(super) fn unix(stream: UnixStream) -> Self {
        let on_its_way = OnItsWay::new(&stream);
        Self::Unix(stream, on_its_way)
    }

    /// Whether the client has closed and left nothing to read.
    pub(super) fn is_gone(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        let seen = match self {
            Self::Tcp(stream, _) => SockRef::from(stream).peek(&mut byte),
            Self::Unix(stream, _) => SockRef::from(stream).peek(&mut byte),
        };
        match seen {
            Ok(n) => n == 0,
            Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
        }
    }

    /// Whether its descriptor belongs to the reserve.
    pub(super) fn is_reserved(&self) -> bool {
        descriptors::is_reserved(self.as_raw_fd())
    }

    /// Waits in this thread's runtime until there is something to read.
    pub(super) async fn readable(self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream, on_its_way) => {
                let stream = tokio::net::TcpStream::from_std(stream)?;
                drop(on_its_way);
                stream.readable().await?;
                stream.into_std().map(Self::tcp)
            }
            Self::Unix(stream, on_its_way) => {
                let stream = tokio::net::UnixStream::from_std(stream)?;
                drop(on_its_way);
                stream.readable().await?;
                stream.into_std().map(Self::unix)
            }
        }
    }

    /// The connection with the lowest free descriptor. `Err` if that one belongs to the reserve too.
    pub(super) fn moved(self) -> Result<Self, Self> {
        let moved = match &self {
            Self::Tcp(stream, _) => stream.try_clone().map(Self::tcp),
            Self::Unix(stream, _) => stream.try_clone().map(Self::unix),
        };
        match moved {
            Ok(moved) if !moved.is_reserved() => Ok(moved),
            _ => Err(self),
        }
    }
}

fn raw_tcp(stream: TcpStream, peer: SocketAddr) -> (RawStream, ClientInfo) {
    let local = stream.local_addr().ok();
    // A response leaves in one piece, or in pieces that should leave at once: Nagle's algorithm would only delay it.
    let _ = SockRef::from(&stream).set_tcp_nodelay(true);
    let ip = peer.ip().to_canonical();
    let client_info = ClientInfo {
        addr: ip.to_string().into(),
        ip: Some(ip),
        port: Some(peer.port()),
        local_ip: local.map(|local| local.ip().to_canonical()),
        local_port: local.map(|local| local.port()),
        ..ClientInfo::default()
    };
    (RawStream::tcp(stream), client_info)
}

/// A bound socket that the runtime watches.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener, SocketFile),
}

impl Socket {
    /// Registers the socket with this thread's runtime.
    pub(super) fn watched(socket: BoundSocket) -> io::Result<Self> {
        Ok(match socket {
            BoundSocket::Tcp(listener) => Self::Tcp(tokio::net::TcpListener::from_std(listener)?),
            BoundSocket::Unix(listener, file) => Self::Unix(tokio::net::UnixListener::from_std(listener)?, file),
        })
    }

    /// Accepts the next connection. Cancel-safe: dropping the future loses no connection.
    pub(super) async fn accept(&self) -> io::Result<RawClient> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok(raw_tcp(stream.into_std()?, peer))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((RawStream::unix(stream.into_std()?), ClientInfo::default()))
            }
        }
    }

    /// Applies a changed backlog and changed access rights.
    pub(super) fn keep(&self, old: &Bind, new: &Bind, log: &Log) {
        let backlog = new.backlog.unwrap_or(BACKLOG);
        let listen = |socket: SockRef<'_>| if old.backlog == new.backlog { Ok(()) } else { socket.listen(backlog) };
        let changed = match self {
            Self::Tcp(listener) => listen(SockRef::from(listener)),
            Self::Unix(listener, file) => listen(SockRef::from(listener)).and_then(|()| {
                if old.rights == new.rights {
                    Ok(())
                } else {
                    file.give(new.rights)
                }
            }),
        };
        if let Err(error) = changed {
            log.warn(format_args!("{} goes on with its old options: {error}", new.url));
        }
        if new.rights.say_less_than(old.rights) {
            log.warn(format_args!(
                "{}: the mode, owner or group that is no longer written stays as it was until the next start: write \
                 it, or restart",
                new.url
            ));
        }
    }

    /// A copy of the socket, for another process. The error goes on after its name.
    pub(super) fn copy(&self) -> Result<ListeningSocket, String> {
        ListeningSocket::duplicate(match self {
            Self::Tcp(listener) => listener.as_fd(),
            Self::Unix(listener, _) => listener.as_fd(),
        })
    }

    /// Stops watching the socket and closes it. Another process has it too, and its file.
    pub(super) fn pass(self) {
        match self {
            Self::Tcp(listener) => drop(listener),
            Self::Unix(listener, mut file) => {
                file.disown();
                drop(listener);
            }
        }
    }

    /// Stops watching the socket and removes its file, so that no new client finds it.
    pub(super) fn leave(self) -> io::Result<ClosingListener> {
        Ok(match self {
            Self::Tcp(listener) => ClosingListener::Tcp(listener.into_std()?),
            Self::Unix(listener, file) => {
                drop(file);
                ClosingListener::Unix(listener.into_std()?)
            }
        })
    }
}

/// A listening socket that is about to close.
pub(super) enum ClosingListener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl ClosingListener {
    /// Accepts the connections in the backlog, `held` before them, and then closes: the system has told these clients
    /// that they are connected. It calls `accept` directly, because the runtime may not know of the latest connections
    /// yet.
    pub(super) async fn accept_the_last(self, held: Option<RawClient>, bind: &Arc<Bind>, places: &ConnectionLimit) {
        let _on_its_way = match &self {
            Self::Tcp(listener) => OnItsWay::new(listener),
            Self::Unix(listener) => OnItsWay::new(listener),
        };
        let end = Instant::now() + PATIENCE;
        let (mut held, mut told) = (held, None);
        while let Some(permit) = places.make_place(Some(end)).await {
            let accepted = held.take().map_or_else(|| self.accept(), Ok);
            match accepted {
                Ok((socket, client_info)) => {
                    places.threads.hand_over(RawConnection { socket, client_info, permit, bind: Arc::clone(bind) })
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => rest(&error, places, &mut told).await,
            }
        }
        places.log.warn(format_args!(
            "connections that were still waiting at {} were refused: max_connections is reached",
            bind.url
        ));
    }
    fn accept(&self) -> io::Result<RawClient> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(raw_tcp(stream, peer))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((RawStream::unix(stream), ClientInfo::default()))
            }
        }
    }
}

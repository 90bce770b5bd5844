//! A listening socket at work: watched by the accepting thread until it is closed, and emptied before that.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{timeout_at, Instant};

use super::unix::SocketFile;
use super::{rest, Bound, Raw, Threads, BACKLOG};
use crate::downstream::binds::Bind;
use crate::fork::OnItsWay;
use crate::log::Log;
use crate::rewrite::ClientInfo;

/// How long those who wait at a socket that is to be closed may wait for a share of `max_connections`.
const PATIENCE: Duration = Duration::from_secs(10);

/// A bound socket that the runtime watches.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A connection as it was accepted.
pub(super) enum Client {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

/// One that no runtime watches.
pub(super) enum RawStream {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Client {
    /// Takes it out of this thread's runtime, with what is known of the client.
    pub(super) fn into_raw(self) -> io::Result<(RawStream, ClientInfo)> {
        Ok(match self {
            Self::Tcp(stream, peer) => raw_tcp(stream.into_std()?, peer),
            Self::Unix(stream) => (RawStream::Unix(stream.into_std()?), ClientInfo::default()),
        })
    }
}

fn raw_tcp(stream: std::net::TcpStream, peer: SocketAddr) -> (RawStream, ClientInfo) {
    let local = stream.local_addr().ok();
    // An answer leaves in one piece, or in pieces that are meant to leave at once: waiting for more only delays it.
    let _ = SockRef::from(&stream).set_tcp_nodelay(true);
    let ip = peer.ip().to_canonical();
    let link = ClientInfo {
        addr: ip.to_string().into(),
        ip: Some(ip),
        port: Some(peer.port()),
        local_ip: local.map(|local| local.ip().to_canonical()),
        local_port: local.map(|local| local.port()),
        ..ClientInfo::default()
    };
    (RawStream::Tcp(stream), link)
}

impl Socket {
    /// Accepts the next connection.
    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Client>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map_ok(|(stream, peer)| Client::Tcp(stream, peer)),
            Self::Unix(listener, _) => listener.poll_accept(cx).map_ok(|(stream, _)| Client::Unix(stream)),
        }
    }

    /// Lets as many connections wait, and those people connect, that the new terms say.
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
                "{}: the mode, owner or group that is left out now stays as it was until the next start: write it, or start anew",
                new.url
            ));
        }
    }

    /// No longer watches it, and lets nobody find it any more who looks for its file.
    pub(super) fn leave(self) -> io::Result<Left> {
        Ok(match self {
            Self::Tcp(listener) => Left::Tcp(listener.into_std()?),
            Self::Unix(listener, file) => {
                drop(file);
                Left::Unix(listener.into_std()?)
            }
        })
    }
}

impl Bound {
    /// Has this thread's runtime watch it.
    pub(super) fn watched(self) -> io::Result<Socket> {
        Ok(match self {
            Self::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener, file) => Socket::Unix(UnixListener::from_std(listener)?, file),
        })
    }
}

/// A socket that is about to be closed.
pub(super) enum Left {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Left {
    /// Accepts those who wait, for the system has told them that they are connected; then closes. The system is asked itself: the
    /// runtime may not have heard of the latest.
    pub(super) async fn accept_the_last(
        self,
        bind: &Arc<Bind>,
        permits: &Arc<Semaphore>,
        threads: &Threads,
        log: &Log,
    ) {
        let _on_its_way = match &self {
            Self::Tcp(listener) => OnItsWay::new(listener),
            Self::Unix(listener) => OnItsWay::new(listener),
        };
        let end = Instant::now() + PATIENCE;
        while let Ok(Ok(permit)) = timeout_at(end, Arc::clone(permits).acquire_owned()).await {
            match self.accept() {
                Ok((socket, link)) => threads.hand_over(Raw::new(socket, link, permit, Arc::clone(bind))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => rest(&error, log).await,
            }
        }
        log.warn(format_args!("those who still waited at {} were turned away: max_connections are there", bind.url));
    }

    fn accept(&self) -> io::Result<(RawStream, ClientInfo)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(raw_tcp(stream, peer))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((RawStream::Unix(stream), ClientInfo::default()))
            }
        }
    }
}

//! Listening sockets that the program has opened itself.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::PathBuf;
use std::sync::Arc;

use nix::sys::socket::{getsockopt, sockopt::AcceptConn};
use socket2::{Socket, Type};

use crate::fork::OnItsWay;

/// A listening socket that the program hands over, for a `bind` that is not to open its own.
#[derive(Debug, Clone)]
pub enum HandedOver {
    /// The socket.
    Socket(ListeningSocket),
    /// The socket of the process before, whose place this one takes: a file that belongs to it is the server's own.
    Inherited(ListeningSocket),
    /// A socket that the program has closed since. It is only needed where the bind is not listening already.
    Closed,
}

/// A duplicate of a listening socket of the program, which may close its own at any time.
#[derive(Debug, Clone)]
pub struct ListeningSocket(Arc<Duplicate>);

#[derive(Debug)]
struct Duplicate {
    /// A child that is forked meanwhile does not get the socket.
    _on_its_way: OnItsWay,
    socket: Socket,
    address: LocalAddress,
}

/// Where a socket listens.
#[derive(Debug, Clone)]
pub(crate) enum LocalAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.as_fd()
    }
}

impl ListeningSocket {
    /// Duplicates a socket of the program.
    ///
    /// # Errors
    /// If it is no stream socket of TCP or with a path, or does not listen. The text goes on after the name of the
    /// socket.
    pub fn duplicate(socket: BorrowedFd<'_>) -> Result<Self, String> {
        let listens = getsockopt(&socket, AcceptConn).map_err(|error| match error {
            nix::Error::ENOTSOCK => "is no socket: write one that listens, such as a TCPServer".into(),
            error => format!("is unusable: {}", error.desc()),
        })?;
        let unusable = |error: io::Error| format!("is unusable: {error}");
        let (socket, on_its_way) =
            OnItsWay::open(|| socket.try_clone_to_owned().map(Socket::from)).map_err(unusable)?;
        if !listens || socket.r#type().map_err(unusable)? != Type::STREAM {
            return Err("does not listen: call listen first, or write one that listens, such as a TCPServer".into());
        }
        let local = socket.local_addr().map_err(unusable)?;
        let address = match (local.as_socket(), local.as_pathname()) {
            (Some(address), _) => LocalAddress::Tcp(address),
            (_, Some(path)) => LocalAddress::Unix(std::path::absolute(path).map_err(unusable)?),
            _ => return Err("has no path: write a TCP socket or a unix socket with a file".into()),
        };
        Ok(Self(Arc::new(Duplicate { _on_its_way: on_its_way, socket, address })))
    }

    /// URL of a bind without TLS for this socket: `http://127.0.0.1:8080` or `unix:///run/app.sock`.
    pub fn url(&self) -> String {
        match self.address() {
            LocalAddress::Tcp(address) => format!("http://{address}"),
            LocalAddress::Unix(path) => format!("unix://{}", path.display()),
        }
    }

    /// The number of its descriptor.
    pub fn number(&self) -> RawFd {
        self.0.socket.as_raw_fd()
    }

    pub(crate) fn address(&self) -> &LocalAddress {
        &self.0.address
    }

    /// Another duplicate, for the server. It does not block, nor does the program's own from now on: the two share that
    /// flag.
    pub(crate) fn for_server(&self) -> io::Result<(Socket, OnItsWay)> {
        let (socket, on_its_way) = OnItsWay::open(|| self.0.socket.try_clone())?;
        socket.set_nonblocking(true)?;
        Ok((socket, on_its_way))
    }
}

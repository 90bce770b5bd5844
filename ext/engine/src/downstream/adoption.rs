//! A client's connection that another server in this process accepted, such as a Ruby application server. It has read
//! the head of one request, and hands the connection over for the answer.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{BorrowedFd, OwnedFd};

use socket2::{SockRef, Socket};
use tokio::net::{TcpStream, UnixStream};

use crate::client::ClientInfo;
use crate::fork::OnItsWay;
use crate::stream::{AdoptedStream, BodyFile, Stream};

/// A connection that is handed over for one request.
#[derive(Debug)]
pub struct Adoption {
    /// The connected socket: TCP or unix, without TLS. Other descriptors of it may be closed but not shut down.
    pub socket: OwnedFd,
    /// What was read from the client already: the head of its request, and the body or the beginning of it. The head
    /// should have `Connection: close`, since the other server does not take the connection back.
    pub before: Vec<u8>,
    /// A file with the rest of the body, and how many of its bytes are meant, counted from its start. The socket's
    /// bytes come after them.
    pub file: Option<(File, u64)>,
    /// The sender of the request.
    pub client: AdoptedClient,
}

/// The sender of a request that another server has read.
#[derive(Debug, Clone)]
pub struct AdoptedClient(ClientInfo);

impl AdoptedClient {
    /// A client at the address `addr`, which asked by `https` if `tls`. Without an address, or with a text that is
    /// none, it is an unknown one, which no `trusted_proxies` trusts. `socket` is its connection, if that is known, and
    /// tells the ports.
    pub fn new(addr: Option<&str>, tls: bool, socket: Option<BorrowedFd<'_>>) -> Self {
        let ip = addr.and_then(|addr| addr.parse::<IpAddr>().ok()).map(|ip| ip.to_canonical());
        let socket = socket.as_ref().map(SockRef::from);
        let local = socket.as_ref().and_then(|socket| socket.local_addr().ok()?.as_socket());
        let peer = socket.as_ref().and_then(|socket| socket.peer_addr().ok()?.as_socket());
        Self(ClientInfo {
            addr: ip.map_or(String::new(), |ip| ip.to_string()).into(),
            ip,
            // The other server may have taken the address from a proxy in front of it, whose port means nothing.
            port: peer.filter(|peer| Some(canonical(peer)) == ip).map(|peer| peer.port()),
            local_ip: local.as_ref().map(canonical),
            local_port: local.map(|local| local.port()),
            tls,
            stranger: ip.is_none(),
            ..ClientInfo::default()
        })
    }

    pub(crate) fn info(&self) -> &ClientInfo {
        &self.0
    }
}

fn canonical(address: &SocketAddr) -> IpAddr {
    address.ip().to_canonical()
}

/// A connection on its way to an engine thread.
#[derive(Debug)]
pub(crate) struct AdoptedConnection {
    socket: Socket,
    before: Vec<u8>,
    file: Option<BodyFile>,
    client_info: ClientInfo,
    on_its_way: OnItsWay,
}

impl AdoptedConnection {
    pub(crate) fn new(adoption: Adoption) -> io::Result<Self> {
        let Adoption { socket, before, file, client } = adoption;
        let socket = Socket::from(socket);
        let on_its_way = OnItsWay::new(&socket);
        socket.set_nonblocking(true)?;
        let file = file.filter(|(_, length)| *length > 0).map(|(file, length)| BodyFile::new(file, length));
        Ok(Self { socket, before, file, client_info: client.0, on_its_way })
    }

    /// Binds the connection to this thread's runtime.
    pub(crate) fn accept(self) -> io::Result<(Stream, ClientInfo)> {
        let Self { socket, before, file, client_info, on_its_way } = self;
        let stream = if socket.local_addr()?.is_unix() {
            Stream::Unix(UnixStream::from_std(socket.into())?)
        } else {
            let _ = socket.set_tcp_nodelay(true);
            Stream::Tcp(TcpStream::from_std(socket.into())?)
        };
        drop(on_its_way);
        Ok((Stream::Adopted(Box::new(AdoptedStream::new(stream, before, file))), client_info))
    }
}

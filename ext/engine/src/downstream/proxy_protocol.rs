//! Receiving the PROXY header that a connection begins with.
//!
//! No byte behind the header is taken from the socket: it belongs to TLS or HTTP. So the bytes are peeked at first,
//! and taken once the length of the header is known.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::task::{ready, Context, Poll};

use nix::sys::socket::{recv, MsgFlags};
use proxy_http::proxy_protocol::{parse, MalformedHeader, Parsed, Whose};
use tokio::io::{AsyncReadExt, Interest};
use tokio::time::Instant;

use super::grace::{within, Cut};
use crate::client::ClientInfo;
use crate::listen::binds::Bind;
use crate::stream::Stream;
use crate::worker::{Registration, Worker};

/// Bytes of an ordinary header.
const USUAL: usize = 256;

/// Why a connection is not served.
#[derive(Debug)]
enum HeaderRefusal {
    /// It is not from a trusted proxy.
    Untrusted,
    /// It does not begin with a header.
    Malformed(MalformedHeader),
    /// The header was not complete in time.
    Late,
    /// The client sent nothing, such as a port check, or the server stops.
    Nothing,
    /// The connection broke.
    Io(io::Error),
}

/// Takes the header from the beginning of a connection. From then on `client_info` is the client that it names.
/// `false` if the connection is to be closed.
pub(super) async fn receive(
    worker: &Worker,
    registration: &Registration,
    bind: &Bind,
    stream: &mut Stream,
    client_info: &mut ClientInfo,
) -> bool {
    let (trusted, limit) = {
        let snapshot = worker.snapshot();
        (snapshot.globals.trusted.trusts(client_info), snapshot.globals.limits.handshake)
    };
    let received = match trusted {
        true => match within(worker, registration, Instant::now() + limit, header(stream)).await {
            Ok(received) => received,
            Err(Cut::Late) => Err(HeaderRefusal::Late),
            Err(Cut::Leaving) => Err(HeaderRefusal::Nothing),
        },
        false => Err(HeaderRefusal::Untrusted),
    };
    let why = match received {
        Ok(whose) => {
            introduce(client_info, whose);
            return true;
        }
        Err(HeaderRefusal::Nothing) => return false,
        Err(HeaderRefusal::Untrusted) => "it comes from nobody in trusted_proxies".into(),
        Err(HeaderRefusal::Malformed(why)) => why.to_string(),
        Err(HeaderRefusal::Late) => format!("its header of the PROXY protocol was not there within {limit:?}"),
        Err(HeaderRefusal::Io(error)) => error.to_string(),
    };
    let from = if client_info.addr.is_empty() { "a unix socket" } else { &*client_info.addr };
    worker.log.warn(format_args!("{}: a connection from {from} was refused: {why}", bind.url));
    false
}

async fn header(stream: &mut Stream) -> Result<Whose, HeaderRefusal> {
    let mut bytes = vec![0; USUAL];
    let mut taken = 0;
    loop {
        if taken == bytes.len() {
            bytes.resize(taken * 2, 0);
        }
        let seen = poll_fn(|cx| poll_peek(stream, cx, &mut bytes[taken..])).await.map_err(HeaderRefusal::Io)?;
        if seen == 0 {
            return Err(match taken {
                0 => HeaderRefusal::Nothing,
                _ => HeaderRefusal::Io(io::ErrorKind::UnexpectedEof.into()),
            });
        }
        let (end, whose) = match parse(&bytes[..taken + seen]).map_err(HeaderRefusal::Malformed)? {
            Parsed::Whole(end, whose) => (end, Some(whose)),
            Parsed::Part => (taken + seen, None),
        };
        stream.read_exact(&mut bytes[taken..end]).await.map_err(HeaderRefusal::Io)?;
        taken = end;
        if let Some(whose) = whose {
            return Ok(whose);
        }
    }
}

/// Peeks at the bytes in the socket.
fn poll_peek(stream: &Stream, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut peek = |socket: RawFd| Ok(recv(socket, buffer, MsgFlags::MSG_PEEK)?);
    loop {
        let seen = match stream {
            Stream::Tcp(socket) => {
                ready!(socket.poll_read_ready(cx))?;
                socket.try_io(Interest::READABLE, || peek(socket.as_raw_fd()))
            }
            Stream::Unix(socket) => {
                ready!(socket.poll_read_ready(cx))?;
                socket.try_io(Interest::READABLE, || peek(socket.as_raw_fd()))
            }
            // Bytes under TLS cannot be left in the socket.
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        match seen {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            seen => return Poll::Ready(seen),
        }
    }
}

/// Puts the client that the header names in the place of the proxy that sent it.
fn introduce(client_info: &mut ClientInfo, whose: Whose) {
    match whose {
        Whose::Own => {}
        Whose::Unknown => client_info.stranger = true,
        Whose::Unix => *client_info = ClientInfo { stranger: true, ..ClientInfo::default() },
        Whose::Client { source, destination } => {
            let ip = source.ip().to_canonical();
            *client_info = ClientInfo {
                addr: ip.to_string().into(),
                ip: Some(ip),
                port: Some(source.port()),
                local_ip: Some(destination.ip().to_canonical()),
                local_port: Some(destination.port()),
                ..ClientInfo::default()
            };
        }
    }
}

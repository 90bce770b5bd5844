//! Headers of the PROXY protocol, in front of everything else on a connection.
//!
//! Not a byte behind the header is taken from the socket: that is for whoever speaks next, TLS or HTTP. So what has come is looked at
//! first, and taken when it is known how much of it belongs to the header.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::task::{ready, Context, Poll};

use nix::sys::socket::{recv, MsgFlags};
use proxy_http::proxy_protocol::{parse, Malformed, Parsed, Whose};
use tokio::io::{AsyncReadExt, Interest};
use tokio::time::Instant;

use super::grace::{within, Cut};
use crate::client::ClientInfo;
use crate::engine::{Engine, Registration};
use crate::listen::binds::Bind;
use crate::stream::Stream;

/// Room for what usually comes.
const USUAL: usize = 256;

/// Why a connection is not served.
#[derive(Debug)]
enum Refusal {
    /// It is not from a trusted proxy.
    Untrusted,
    /// It begins with something else, or with nothing.
    Malformed(Malformed),
    /// Its header was not there in time.
    Late,
    /// Nothing ever came: somebody looked whether anybody listens, or the server is stopping.
    Nothing,
    /// It broke.
    Io(io::Error),
}

/// Takes the header from the beginning of a connection. From then on `link` is whom it speaks of. `false` if the connection is to be
/// closed.
pub(super) async fn receive(
    engine: &Engine,
    registration: &Registration,
    bind: &Bind,
    stream: &mut Stream,
    link: &mut ClientInfo,
) -> bool {
    let (trusted, limit) = {
        let snapshot = engine.snapshot();
        (snapshot.globals.trusted.trusts(link), snapshot.globals.limits.handshake)
    };
    let received = match trusted {
        true => match within(engine, registration, Instant::now() + limit, header(stream)).await {
            Ok(received) => received,
            Err(Cut::Late) => Err(Refusal::Late),
            Err(Cut::Leaving) => Err(Refusal::Nothing),
        },
        false => Err(Refusal::Untrusted),
    };
    let why = match received {
        Ok(whose) => {
            introduce(link, whose);
            return true;
        }
        Err(Refusal::Nothing) => return false,
        Err(Refusal::Untrusted) => "it comes from nobody in trusted_proxies".into(),
        Err(Refusal::Malformed(why)) => why.to_string(),
        Err(Refusal::Late) => format!("its header of the PROXY protocol was not there within {limit:?}"),
        Err(Refusal::Io(error)) => error.to_string(),
    };
    let from = if link.addr.is_empty() { "a unix socket" } else { &*link.addr };
    engine.log.warn(format_args!("{}: a connection from {from} was refused: {why}", bind.url));
    false
}

async fn header(stream: &mut Stream) -> Result<Whose, Refusal> {
    let mut bytes = vec![0; USUAL];
    let mut taken = 0;
    loop {
        if taken == bytes.len() {
            bytes.resize(taken * 2, 0);
        }
        let seen = poll_fn(|cx| poll_peek(stream, cx, &mut bytes[taken..])).await.map_err(Refusal::Io)?;
        if seen == 0 {
            return Err(match taken {
                0 => Refusal::Nothing,
                _ => Refusal::Io(io::ErrorKind::UnexpectedEof.into()),
            });
        }
        let (end, whose) = match parse(&bytes[..taken + seen]).map_err(Refusal::Malformed)? {
            Parsed::Whole(end, whose) => (end, Some(whose)),
            Parsed::Part => (taken + seen, None),
        };
        stream.read_exact(&mut bytes[taken..end]).await.map_err(Refusal::Io)?;
        taken = end;
        if let Some(whose) = whose {
            return Ok(whose);
        }
    }
}

/// Looks at what the socket holds, and leaves it there.
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
            // Nothing of what TLS holds could be left there.
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        match seen {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            seen => return Poll::Ready(seen),
        }
    }
}

/// Puts whom the header speaks of in the place of the proxy that sent it.
fn introduce(link: &mut ClientInfo, whose: Whose) {
    match whose {
        Whose::Own => {}
        Whose::Unknown => link.stranger = true,
        Whose::Unix => *link = ClientInfo { stranger: true, ..ClientInfo::default() },
        Whose::Client { source, destination } => {
            let ip = source.ip().to_canonical();
            *link = ClientInfo {
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

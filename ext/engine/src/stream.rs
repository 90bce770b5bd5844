//! One connected byte stream: TCP or unix socket, plain or with TLS.

mod adopted;
#[cfg(test)]
pub(crate) mod memory;
mod queued;
#[cfg(target_os = "linux")]
mod sending;

use std::future::Future;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{pin, Pin};
use std::task::{Context, Poll, Waker};

use proxy_http::transport::Transport;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server, TlsStream};

use crate::application::ApplicationStream;

pub(crate) use adopted::{AdoptedStream, BodyFile};

/// A connection to a client or to a backend.
///
/// When the socket is full, TLS keeps written bytes in its own buffer, so a writer must flush before it waits for the
/// answer. On plain sockets a flush does nothing.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    /// A connection to an application in this process.
    Application(Box<ApplicationStream>),
    Tls(Box<Secured<TcpStream>>),
    TlsUnix(Box<Secured<UnixStream>>),
    /// A client's connection that another server has read the beginning of.
    Adopted(Box<AdoptedStream>),
    /// No connection: it was moved elsewhere for a while.
    Gone(tokio::io::Empty),
    /// An in-memory pipe, in tests of this crate.
    #[cfg(test)]
    Memory(memory::Pipe),
    #[cfg(test)]
    TlsMemory(Box<Secured<memory::Pipe>>),
}

/// How the other side of a connection has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Departure {
    /// It has half-closed, and may still take what we send.
    Ended,
    /// The connection is gone.
    Reset,
}

/// A TLS connection: to a backend, with the name that its certificate was checked against, or from a client.
#[derive(Debug)]
pub(crate) struct Secured<S> {
    tls: TlsStream<S>,
    name: Option<ServerName<'static>>,
}

impl<S> Secured<S> {
    /// A connection to a backend. `name` is the server name of the handshake that made `tls`.
    pub(crate) fn new(tls: client::TlsStream<S>, name: ServerName<'static>) -> Box<Self> {
        Box::new(Self { tls: TlsStream::Client(tls), name: Some(name) })
    }

    /// A connection from a client.
    pub(crate) fn of_client(tls: server::TlsStream<S>) -> Box<Self> {
        Box::new(Self { tls: TlsStream::Server(tls), name: None })
    }
}

impl Stream {
    /// The name that the TLS handshake with a backend was made for; `None` for a plain connection.
    pub(crate) fn server_name(&self) -> Option<&ServerName<'static>> {
        match self {
            #[cfg(test)]
            Self::Memory(_) => None,
            #[cfg(test)]
            Self::TlsMemory(secured) => secured.name.as_ref(),
            Self::Tcp(_) | Self::Unix(_) | Self::Application(_) | Self::Adopted(_) | Self::Gone(_) => None,
            Self::Tls(secured) => secured.name.as_ref(),
            Self::TlsUnix(secured) => secured.name.as_ref(),
        }
    }

    /// The connection to an application.
    pub(crate) fn application(&mut self) -> Option<&mut ApplicationStream> {
        match self {
            Self::Application(stream) => Some(stream),
            _ => None,
        }
    }

    /// Whether the TLS handshake agreed on HTTP/2.
    pub(crate) fn agreed_on_http2(&self) -> bool {
        let session = match self {
            #[cfg(test)]
            Self::Memory(_) => return false,
            #[cfg(test)]
            Self::TlsMemory(secured) => secured.tls.get_ref().1,
            Self::Tcp(_) | Self::Unix(_) | Self::Application(_) | Self::Adopted(_) | Self::Gone(_) => return false,
            Self::Tls(secured) => secured.tls.get_ref().1,
            Self::TlsUnix(secured) => secured.tls.get_ref().1,
        };
        session.alpn_protocol() == Some(b"h2")
    }

    /// Makes the coming close a reset (RST instead of FIN), so that the peer sees that data is missing. Bytes that the
    /// peer has not yet read may be lost. Unix sockets have no reset.
    pub(crate) fn reset_on_close(&self) {
        #[cfg(test)]
        if let Some(pipe) = self.memory() {
            pipe.reset_on_close(true);
        }
        if let Some(tcp) = self.tcp() {
            let _ = socket2::SockRef::from(tcp).set_linger(Some(std::time::Duration::ZERO));
        }
    }

    /// Limits how long the system goes on sending after the connection is closed: after `limit` without progress it
    /// gives up. Without this the connection stays in the kernel for minutes, where nothing counts it. Only Linux
    /// supports it.
    pub(crate) fn give_up_after(&self, limit: std::time::Duration) {
        #[cfg(target_os = "linux")]
        if let Some(tcp) = self.tcp() {
            let _ = socket2::SockRef::from(tcp).set_tcp_user_timeout(Some(limit));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = limit;
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(secured) => Some(secured.tls.get_ref().0),
            Self::Adopted(adopted) => adopted.socket.tcp(),
            Self::Unix(_) | Self::TlsUnix(_) | Self::Application(_) | Self::Gone(_) => None,
            #[cfg(test)]
            Self::Memory(_) | Self::TlsMemory(_) => None,
        }
    }

    #[cfg(test)]
    fn memory(&self) -> Option<&memory::Pipe> {
        match self {
            Self::Memory(pipe) => Some(pipe),
            Self::TlsMemory(secured) => Some(secured.tls.get_ref().0),
            _ => None,
        }
    }

    /// Ends the connection in all processes that hold it: otherwise a process that was forked without
    /// [`fork`](crate::fork) noticing would keep the peer from seeing the end. TLS sends no `close_notify`, so that its
    /// peer sees that data is missing.
    pub(crate) fn cut(&self) {
        let socket = match self {
            Self::Tcp(stream) => socket2::SockRef::from(stream),
            Self::Unix(stream) => socket2::SockRef::from(stream),
            Self::Application(stream) => socket2::SockRef::from(stream.socket()),
            Self::Tls(secured) => socket2::SockRef::from(secured.tls.get_ref().0),
            Self::TlsUnix(secured) => socket2::SockRef::from(secured.tls.get_ref().0),
            Self::Adopted(adopted) => return adopted.socket.cut(),
            Self::Gone(_) => return,
            #[cfg(test)]
            Self::Memory(pipe) => return pipe.cut(),
            #[cfg(test)]
            Self::TlsMemory(secured) => return secured.tls.get_ref().0.cut(),
        };
        let _ = socket.shutdown(std::net::Shutdown::Both);
    }

    /// Whether the system holds received bytes that were not read. Closing such a connection sends a reset, which
    /// destroys sent bytes that the other side has not yet read. Costs one system call.
    pub(crate) fn has_unread(&self) -> bool {
        let socket = match self {
            Self::Tcp(stream) => socket2::SockRef::from(stream),
            Self::Unix(stream) => socket2::SockRef::from(stream),
            Self::Application(stream) => socket2::SockRef::from(stream.socket()),
            Self::Tls(secured) => socket2::SockRef::from(secured.tls.get_ref().0),
            Self::TlsUnix(secured) => socket2::SockRef::from(secured.tls.get_ref().0),
            Self::Adopted(adopted) => return adopted.socket.has_unread(),
            Self::Gone(_) => return false,
            #[cfg(test)]
            Self::Memory(pipe) => return pipe.has_unread(),
            #[cfg(test)]
            Self::TlsMemory(secured) => return secured.tls.get_ref().0.has_unread(),
        };
        socket.peek(&mut [std::mem::MaybeUninit::uninit()]).is_ok_and(|n| n > 0)
    }

    /// The socket of the connection. `None` if it has none.
    fn socket(&self) -> Option<BorrowedFd<'_>> {
        Some(match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
            Self::Application(stream) => stream.socket().as_fd(),
            Self::Tls(secured) => secured.tls.get_ref().0.as_fd(),
            Self::TlsUnix(secured) => secured.tls.get_ref().0.as_fd(),
            Self::Adopted(adopted) => return adopted.socket.socket(),
            Self::Gone(_) => return None,
            #[cfg(test)]
            Self::Memory(_) | Self::TlsMemory(_) => return None,
        })
    }

    /// Whether the other side has left, as far as the system knows, even if bytes before that have not been read. One
    /// system call.
    pub(crate) fn departure(&self) -> Option<Departure> {
        use rustix::event::{poll, PollFd, PollFlags, Timespec};
        // Other systems report a half-close only when everything before it was read.
        #[cfg(target_os = "linux")]
        const ENDED: PollFlags = PollFlags::RDHUP;
        #[cfg(not(target_os = "linux"))]
        const ENDED: PollFlags = PollFlags::empty();
        #[cfg(test)]
        match self {
            Self::Memory(pipe) => return pipe.departure(),
            Self::TlsMemory(secured) => return secured.tls.get_ref().0.departure(),
            _ => {}
        }
        let Some(socket) = self.socket() else { return Some(Departure::Reset) };
        let mut asked = [PollFd::from_borrowed_fd(socket, ENDED)];
        poll(&mut asked, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).ok()?;
        let told = asked[0].revents();
        if told.intersects(PollFlags::ERR | PollFlags::HUP) {
            Some(Departure::Reset)
        } else {
            told.intersects(ENDED).then_some(Departure::Ended)
        }
    }

    /// Whether the other end of a unix socket was closed: nobody reads what we send. Of TCP, only a failed write
    /// tells that.
    fn is_abandoned(&self) -> bool {
        matches!(self, Self::Unix(_)) && self.departure() == Some(Departure::Reset)
    }

    /// Whether the connection is open with nothing to read, as an idle one has to be: the other side has neither closed
    /// it nor sent a byte. If the last read found the socket empty, this costs no system call. Events that the runtime
    /// has not yet got from the kernel are not seen.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let read = std::future::poll_fn(|context| Pin::new(&mut *self).poll_read(context, &mut buffer));
        // Without this, a task that has used up tokio's budget would always get "nothing to read".
        let read = pin!(tokio::task::unconstrained(read));
        read.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }
}

impl Transport for Stream {
    fn buffers_writes(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) | Self::Application(_) | Self::Adopted(_) | Self::Gone(_) => false,
            Self::Tls(_) | Self::TlsUnix(_) => true,
            #[cfg(test)]
            Self::Memory(_) => false,
            #[cfg(test)]
            Self::TlsMemory(_) => true,
        }
    }
}

/// An HTTP/1.1 connection over a [`Stream`].
pub(crate) type Http1Connection = proxy_http::http1::Connection<Stream>;

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        Self::Tcp(stream)
    }
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

/// Calls one method on the stream of any variant.
macro_rules! delegate {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Tcp($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Unix($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            Stream::Application($stream) => {
                let $stream = Pin::new(&mut **$stream);
                $call
            }
            Stream::Tls(secured) => {
                let $stream = Pin::new(&mut secured.tls);
                $call
            }
            Stream::TlsUnix(secured) => {
                let $stream = Pin::new(&mut secured.tls);
                $call
            }
            Stream::Adopted(adopted) => {
                let $stream = Pin::new(&mut **adopted);
                $call
            }
            Stream::Gone($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            #[cfg(test)]
            Stream::Memory($stream) => {
                let $stream = Pin::new($stream);
                $call
            }
            #[cfg(test)]
            Stream::TlsMemory(secured) => {
                let $stream = Pin::new(&mut secured.tls);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        delegate!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Application(_) => false,
            Self::Tls(secured) => secured.tls.is_write_vectored(),
            Self::TlsUnix(secured) => secured.tls.is_write_vectored(),
            Self::Adopted(adopted) => adopted.is_write_vectored(),
            Self::Gone(nothing) => nothing.is_write_vectored(),
            #[cfg(test)]
            Self::Memory(pipe) => pipe.is_write_vectored(),
            #[cfg(test)]
            Self::TlsMemory(secured) => secured.tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        delegate!(self, stream => stream.poll_shutdown(cx))
    }
}

//! The TLS handshake of a client connection.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use rustls::server::{Accepted, Acceptor};
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;
use tokio_rustls::StartHandshake;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::grace::within;
use super::linger;
use crate::client::ClientInfo;
use crate::listen::binds::Bind;
use crate::listen::tls::{show, ShownSite, TlsDetails, TlsServer};
use crate::stream::{Secured, Stream};
use crate::worker::{Registration, Worker};

/// The record of a fatal alert `unrecognized_name` (RFC 8446, section 6; RFC 6066, section 3).
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// Why there is no TLS.
pub(crate) enum Refused {
    /// The client speaks no TLS. Its first bytes, which are text, were taken.
    Plain(Stream, Vec<u8>),
    /// The handshake failed; the client has its alert.
    Failed,
}

/// A socket under TLS.
trait PlainSocket: AsyncRead + AsyncWrite + Unpin + Sized {
    fn plain(self) -> Stream;
    fn secured(stream: TlsStream<Self>) -> Stream;
}

impl PlainSocket for TcpStream {
    fn plain(self) -> Stream {
        Stream::Tcp(self)
    }

    fn secured(stream: TlsStream<Self>) -> Stream {
        Stream::Tls(Secured::of_client(stream))
    }
}

impl PlainSocket for UnixStream {
    fn plain(self) -> Stream {
        Stream::Unix(self)
    }

    fn secured(stream: TlsStream<Self>) -> Stream {
        Stream::TlsUnix(Secured::of_client(stream))
    }
}

/// A failed handshake.
enum HandshakeFailure<S> {
    /// The client speaks no TLS. Its first bytes.
    Plain(S, Vec<u8>),
    /// The client sent nothing, such as a port check.
    Silent,
    /// It was an authority that checked a challenge, and has its answer.
    Answered,
    /// The client has its alert, if there still is a socket.
    Broken(io::Error, Option<S>),
}

impl<S> From<io::Error> for HandshakeFailure<S> {
    fn from(error: io::Error) -> Self {
        Self::Broken(error, None)
    }
}

/// Makes a TLS connection of a plain one, and notes its details in `client_info`. It takes at most
/// `handshake_timeout`, and the connection counts as idle until it is complete.
pub(crate) async fn shake_hands(
    worker: &Worker,
    registration: &Registration,
    stream: Stream,
    bind: &Bind,
    server: &Arc<TlsServer>,
    client_info: &mut ClientInfo,
) -> Result<Stream, Refused> {
    match stream {
        Stream::Tcp(socket) => secure(worker, registration, socket, bind, server, client_info).await,
        Stream::Unix(socket) => secure(worker, registration, socket, bind, server, client_info).await,
        secured => Ok(secured),
    }
}

async fn secure<S: PlainSocket>(
    worker: &Worker,
    registration: &Registration,
    socket: S,
    bind: &Bind,
    server: &Arc<TlsServer>,
    client_info: &mut ClientInfo,
) -> Result<Stream, Refused> {
    let until = Instant::now() + worker.snapshot().globals.limits.handshake;
    let late = |_| Err(HandshakeFailure::Broken(io::ErrorKind::TimedOut.into(), None));
    match within(worker, registration, until, handshake(server, socket)).await.unwrap_or_else(late) {
        Ok((stream, site)) => {
            let connection = stream.get_ref().1;
            let is_newest = connection.protocol_version() == Some(ProtocolVersion::TLSv1_3);
            let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
            worker.counters.handshake_succeeded(is_newest, resumed);
            client_info.tls = true;
            client_info.secured = Some(Arc::new(TlsDetails::new(&bind.key, server, site, stream.get_ref().1)));
            Ok(S::secured(stream))
        }
        Err(HandshakeFailure::Plain(socket, said)) => {
            note(worker, client_info, &"it does not speak TLS");
            Err(Refused::Plain(socket.plain(), said))
        }
        Err(HandshakeFailure::Silent) => Err(Refused::Failed),
        Err(HandshakeFailure::Answered) => {
            worker.log.debug(format_args!("answered a tls-alpn-01 challenge to {}", client_info.addr));
            Err(Refused::Failed)
        }
        Err(HandshakeFailure::Broken(error, socket)) => {
            note(worker, client_info, &error);
            if let Some(mut socket) = socket {
                let until = Instant::now() + linger::AFTER_HANDSHAKE;
                let _ = within(worker, registration, until, linger::after_handshake(&mut socket)).await;
            }
            Err(Refused::Failed)
        }
    }
}

/// The handshake itself, with the certificate for the name that the client asks for.
async fn handshake<S: PlainSocket>(
    server: &TlsServer,
    mut socket: S,
) -> Result<(TlsStream<S>, usize), HandshakeFailure<S>> {
    let accepted = match hello(&mut socket).await? {
        Hello::Accepted(accepted) => accepted,
        Hello::Plain(said) => return Err(HandshakeFailure::Plain(socket, said)),
        Hello::Silent => return Err(HandshakeFailure::Silent),
        Hello::Refused(error) => return Err(HandshakeFailure::Broken(error, Some(socket))),
    };
    let hello = accepted.client_hello();
    if let Some(config) = server.answer_to_challenge(&hello).await {
        return Err(Box::pin(answer_challenge(*accepted, socket, config)).await);
    }
    let Some(ShownSite { site, managed }) = server.choose(hello.server_name().map(str::as_bytes)).await else {
        let why =
            format!("there is no certificate for {}", hello.server_name().unwrap_or("a client that names no host"));
        socket.write_all(UNRECOGNIZED_NAME).await?;
        return Err(HandshakeFailure::Broken(io::Error::new(io::ErrorKind::NotFound, why), Some(socket)));
    };
    let config = Arc::clone(server.config(site));
    let begin = move || StartHandshake::from_parts(*accepted, socket).into_stream(config).into_fallible();
    let finished = match managed {
        Some(key) => show(key, async { begin().await }).await,
        None => begin().await,
    };
    match finished {
        Ok(stream) if is_outdated(stream.get_ref().1) => {
            // The client cannot be told to forget its ticket, and would try it again even with a new certificate.
            server.forget_tickets(site);
            let why = io::Error::new(
                io::ErrorKind::InvalidData,
                "the session's client certificate has expired since it began",
            );
            Err(HandshakeFailure::Broken(why, Some(stream.into_inner().0)))
        }
        Ok(stream) => Ok((stream, site)),
        Err((error, socket)) => Err(HandshakeFailure::Broken(error, Some(socket))),
    }
}

/// Shows an authority the certificate that it looks for.
async fn answer_challenge<S: PlainSocket>(
    accepted: Accepted,
    socket: S,
    config: Arc<ServerConfig>,
) -> HandshakeFailure<S> {
    match StartHandshake::from_parts(accepted, socket).into_stream(config).into_fallible().await {
        Ok(mut stream) => {
            let _ = stream.shutdown().await;
            HandshakeFailure::Answered
        }
        Err((error, socket)) => HandshakeFailure::Broken(error, Some(socket)),
    }
}

/// Whether a session was resumed whose client certificate has expired. Nobody else checks that certificate again, and
/// with a new ticket each time a session could go on for ever.
fn is_outdated(connection: &ServerConnection) -> bool {
    if connection.handshake_kind() != Some(HandshakeKind::Resumed) {
        return false;
    }
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let read = certificate.and_then(|certificate| X509Certificate::from_der(certificate).ok());
    read.is_some_and(|(_, certificate)| !certificate.validity().is_valid())
}

/// The first message of a client.
enum Hello {
    Accepted(Box<Accepted>),
    Plain(Vec<u8>),
    Silent,
    Refused(io::Error),
}

/// Reads the first message of a handshake.
async fn hello<S: PlainSocket>(socket: &mut S) -> io::Result<Hello> {
    let mut acceptor = Acceptor::default();
    let mut silent = true;
    loop {
        if let Some(said) = poll_fn(|cx| poll_hello(cx, socket, &mut acceptor, silent)).await? {
            return Ok(said);
        }
        silent = false;
        match acceptor.accept() {
            Ok(None) => {}
            Ok(Some(accepted)) => return Ok(Hello::Accepted(Box::new(accepted))),
            Err((error, mut alert)) => {
                let mut record = Vec::new();
                alert.write_all(&mut record)?;
                socket.write_all(&record).await?;
                return Ok(Hello::Refused(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
        }
    }
}

/// Gives the next bytes of the client to `acceptor`, or returns what was no TLS. The bytes are on the stack: memory of
/// the handshake's future would be touched by it and then kept by what takes its place.
fn poll_hello<S: PlainSocket>(
    cx: &mut Context<'_>,
    socket: &mut S,
    acceptor: &mut Acceptor,
    silent: bool,
) -> Poll<io::Result<Option<Hello>>> {
    // No more than rustls takes at once: what it does not take would be lost.
    let mut memory = [0; 4096];
    let mut buffer = ReadBuf::new(&mut memory);
    ready!(Pin::new(socket).poll_read(cx, &mut buffer))?;
    let mut bytes = buffer.filled();
    Poll::Ready(match bytes.first() {
        None if silent => Ok(Some(Hello::Silent)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
        // TLS begins with a small number, every method of HTTP with a letter.
        Some(first) if silent && first.is_ascii_alphabetic() => Ok(Some(Hello::Plain(bytes.to_vec()))),
        Some(_) => {
            while !bytes.is_empty() {
                acceptor.read_tls(&mut bytes)?;
            }
            Ok(None)
        }
    })
}

/// Counts a failure and says in the log what it was.
fn note(worker: &Worker, client_info: &ClientInfo, why: &dyn std::fmt::Display) {
    worker.counters.handshake_failed();
    let client = if client_info.addr.is_empty() { "a client" } else { &client_info.addr };
    worker.log.debug(format_args!("no TLS handshake with {client}: {why}"));
}

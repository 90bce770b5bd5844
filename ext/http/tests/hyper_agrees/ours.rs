//! How the engine reads.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use proxy_http::headers::{framing, hop_by_hop};
use proxy_http::http1::{write_request_head, Connection};
use proxy_http::message::{Framing, Method, Piece, ReadError, RequestHead, ResponseHead};
use proxy_http::transport::Transport;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;

use super::messages::Arriving;
use super::reading::{fields, Message, Reading, Stop};

const LIMIT: usize = 65_536;

/// A plain stream.
struct Socket(UnixStream);

impl Transport for Socket {
    fn buffers_writes(&self) -> bool {
        false
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A connection on which the bytes arrive, in their pieces.
fn connection(arriving: &Arriving) -> Connection<Socket> {
    let (ours, mut peer) = UnixStream::pair().expect("a pair of sockets");
    let pieces = arriving.pieces();
    tokio::spawn(async move {
        for piece in pieces {
            if peer.write_all(&piece).await.is_err() {
                return;
            }
            // Lets the reader see this piece alone.
            tokio::task::yield_now().await;
        }
    });
    Connection::new(Socket(ours))
}

fn stop(error: ReadError) -> Stop {
    match error {
        ReadError::Ended => Stop::Complete,
        ReadError::Truncated => Stop::Truncated,
        error => Stop::Refused(format!("{error:?}")),
    }
}

/// Reads the body into `message`.
async fn body(connection: &mut Connection<Socket>, message: &mut Message) -> Result<(), ReadError> {
    loop {
        match poll_fn(|cx| connection.poll_body(cx)).await? {
            Piece::Data(n) => {
                message.body.extend_from_slice(&connection.input.filled()[..n]);
                connection.consume_body(n);
            }
            Piece::End => {
                message.trailers = connection.reader.trailers().map(|list| fields(list.iter())).unwrap_or_default();
                message.complete = true;
                return Ok(());
            }
            Piece::More => unreachable!("a connection waits by itself"),
        }
    }
}

/// The target as hyper writes it. If it is absolute, its scheme is in small letters and it has a path.
fn target(head: &RequestHead) -> String {
    let target = head.target().escape_ascii().to_string();
    let authority = head.authority().escape_ascii().to_string();
    match target.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.strip_prefix(&authority)?))) {
        Some((scheme, rest)) => {
            let slash = if rest.starts_with('/') { "" } else { "/" };
            format!("{}://{authority}{slash}{rest}", scheme.to_ascii_lowercase())
        }
        None => target,
    }
}

pub(crate) async fn requests(arriving: &Arriving) -> Reading {
    let mut connection = connection(arriving);
    let mut messages = Vec::new();
    let mut head = RequestHead::default();
    let stop = loop {
        if let Err(error) = poll_fn(|cx| connection.poll_request_head(cx, &mut head, LIMIT)).await {
            break stop(error);
        }
        let framing = match framing::of_request(&head) {
            Ok(framing) => framing,
            Err(why) => break Stop::Refused(why.to_string()),
        };
        let start =
            format!("{} {} {}", head.method_text().escape_ascii(), head.authority().escape_ascii(), target(&head));
        let mut message = Message { start, fields: fields(head.fields.iter()), ..Message::default() };
        connection.begin_reading(framing);
        let read = body(&mut connection, &mut message).await;
        messages.push(message);
        if let Err(error) = read {
            break stop(error);
        }
        if !framing::keeps_alive(&head.fields, head.version) {
            break Stop::Complete;
        }
    };
    Reading { messages, stop }
}

/// Reads the first request and writes it as a backend is to get it: its bytes there, and the body that was read. `None`
/// if there is no complete request.
pub(crate) async fn forwarded(arriving: &Arriving) -> Option<(Vec<u8>, Message)> {
    let mut client = connection(arriving);
    let mut head = RequestHead::default();
    poll_fn(|cx| client.poll_request_head(cx, &mut head, LIMIT)).await.ok()?;
    let framing = framing::of_request(&head).ok()?;
    let mut message = Message::default();
    client.begin_reading(framing);
    body(&mut client, &mut message).await.ok()?;

    let chunked = framing == Framing::Chunked;
    hop_by_hop::clean_request(&mut head, &[], chunked, false);
    head.fields.set("Host", b"backend");
    let (ours, mut peer) = UnixStream::pair().expect("a pair of sockets");
    let mut backend = Connection::new(Socket(ours));
    let target = [head.path(), head.query()].concat();
    let out = backend.output();
    write_request_head(out, &head, &target);
    if chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    backend.begin_body(framing);
    let mut sent = 0;
    while sent < message.body.len() {
        sent += poll_fn(|cx| backend.poll_send(cx, &message.body[sent..])).await.expect("room for it");
    }
    backend.end_body(client.reader.trailers());
    poll_fn(|cx| backend.poll_flush(cx)).await.expect("room for it");
    drop(backend);
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes).await.expect("what was written");
    Some((bytes, message))
}

/// Reads the final response to a request with `method`, and says how many bytes were left behind it.
pub(crate) async fn response(arriving: &Arriving, method: Method) -> (Reading, usize) {
    let mut connection = connection(arriving);
    let mut head = ResponseHead::default();
    let refused = |stop| (Reading { messages: Vec::new(), stop }, 0);
    loop {
        if let Err(error) = poll_fn(|cx| connection.poll_response_head(cx, &mut head, LIMIT)).await {
            return refused(match error {
                ReadError::Ended => Stop::Truncated,
                error => stop(error),
            });
        }
        match head.status {
            // Nobody asked for it.
            101 => return refused(Stop::Refused("101".into())),
            100..=199 => {}
            _ => break,
        }
    }
    let framing = match framing::of_response(&head, method) {
        Ok(framing) => framing,
        Err(why) => return refused(Stop::Refused(why.to_string())),
    };
    let mut message = Message {
        start: head.status.to_string(),
        fields: fields(head.fields.iter()),
        until_close: framing == Framing::UntilClose,
        ..Message::default()
    };
    connection.begin_reading(framing);
    let stop = match body(&mut connection, &mut message).await {
        Ok(()) => Stop::Complete,
        Err(error) => stop(error),
    };
    let read = connection.total_read() as usize - connection.input.len();
    (Reading { messages: vec![message], stop }, arriving.bytes.len() - read)
}

//! One end of an exchange, to a client or to a backend: an HTTP/1.1 connection or an HTTP/2 stream.
//!
//! Code that moves heads and bodies is written once, over these methods.

mod coded;
mod file;
mod outflow;
mod passage;

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use proxy_http::headers::framing;
use proxy_http::http1::write_status_line;
use proxy_http::http2;
use proxy_http::message::{Fields, Known, Method, RequestHead, ResponseHead, Version};
use proxy_http::message::{Framing, Malformed, Piece, ReadError};

use self::coded::Coded;
pub(crate) use self::outflow::Outflow;
pub(crate) use self::passage::{Acknowledged, Passage};
use crate::stream::Http1Connection;

/// One end of an exchange.
// The large variant is not boxed: the common path needs no allocation. The kind has a byte of its own: it is looked at
// in every method, and hidden in another field it would have to be computed each time.
#[allow(clippy::large_enum_variant)]
#[derive(Debug)]
#[repr(u8)]
pub(crate) enum Channel {
    /// A connection, which may outlive the exchange.
    Http1(Http1Connection),
    /// A stream, which ends with the exchange.
    Http2(Box<http2::Stream>),
    /// A client's channel while the body of a response is coded on its way there.
    Coded(Box<Coded>),
}

/// Calls one method on the connection or the stream.
macro_rules! each {
    ($self:expr, $peer:ident => $call:expr) => {
        match $self {
            Channel::Http1($peer) => $call,
            Channel::Http2($peer) => $call,
            Channel::Coded($peer) => $call,
        }
    };
}

impl Channel {
    /// The connection of an HTTP/1.1 channel.
    pub(crate) fn http1(&mut self) -> Option<&mut Http1Connection> {
        match self {
            Self::Http1(connection) => Some(connection),
            Self::Http2(_) => None,
            Self::Coded(coded) => coded.http1(),
        }
    }

    /// Notes that the whole request was sent: an application in this process may now have it.
    #[inline]
    pub(crate) fn end_request(&mut self) {
        if let Self::Http1(connection) = self {
            if let Some(application) = connection.stream_mut().application() {
                application.deliver();
            }
        }
    }

    /// Bytes that were taken from us so far. While this number does not change, the peer has seen nothing.
    pub(crate) fn total_sent(&self) -> u64 {
        each!(self, peer => peer.total_sent())
    }

    /// Bytes that wait in our system for the peer's; 0 if ours does not say, and for an HTTP/2 stream. One system call.
    pub(crate) fn queued(&self) -> u64 {
        match self.plain() {
            Self::Http1(connection) => connection.stream().queued(),
            _ => 0,
        }
    }

    /// Bytes that the peer's system has taken so far. Within TLS those that wait are longer than those that were sent,
    /// so this is only good for a comparison.
    pub(crate) fn total_acknowledged(&self) -> u64 {
        self.total_sent().saturating_sub(self.queued())
    }

    /// Bytes of bodies and of tunnels that were taken from us, without heads, trailers and framing. Bytes that wait to
    /// be sent count as no body.
    pub(crate) fn body_sent(&self) -> u64 {
        each!(self, peer => peer.body_sent())
    }

    /// Bytes of bodies and of tunnels that the peer sent and that were taken, without heads, trailers and framing.
    pub(crate) fn body_read(&self) -> u64 {
        each!(self, peer => peer.body_read())
    }

    /// Bytes read so far.
    pub(crate) fn total_read(&self) -> u64 {
        each!(self, peer => peer.total_read())
    }

    /// Whether everything written was sent.
    pub(crate) fn is_flushed(&self) -> bool {
        each!(self, peer => peer.is_flushed())
    }

    /// Whether the peer has ended its side.
    pub(crate) fn peer_ended(&self) -> bool {
        each!(self, peer => peer.peer_ended())
    }

    /// Bytes that were read and not yet used. Only the front belongs to a body: [`Channel::poll_body`] says how many
    /// bytes.
    pub(crate) fn received(&self) -> &[u8] {
        match self {
            Self::Http1(connection) => connection.input.filled(),
            Self::Http2(stream) => stream.received(),
            Self::Coded(coded) => coded.received(),
        }
    }

    /// Whether the body that was being received was used to its end.
    pub(crate) fn is_read(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.reader.is_done(),
            Self::Http2(stream) => stream.is_read(),
            Self::Coded(coded) => coded.is_read(),
        }
    }

    /// Watches a client while nothing is expected from it. Ready only with an error: the client is gone.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        each!(self, peer => peer.poll_gone(cx))
    }

    /// Framing of the body of a request that was read from this channel.
    pub(crate) fn framing_of_request(&self, head: &RequestHead) -> Result<Framing, Malformed> {
        let framing = framing::of_request(head)?;
        Ok(match (self, framing) {
            // A body of unknown length.
            (Self::Http2(stream), Framing::None) if !stream.is_read() && !stream.is_tunnel() => Framing::Chunked,
            _ => framing,
        })
    }

    /// Framing of the body of a response that was read from this channel.
    #[inline(always)]
    pub(crate) fn framing_of_response(&self, head: &mut ResponseHead, method: Method) -> Result<Framing, Malformed> {
        let framing = framing::of_response(head, method)?;
        Ok(match (self, framing) {
            (Self::Http2(stream), Framing::UntilClose) if stream.is_read() => {
                // A client of HTTP/1.1 would wait for the end of the connection.
                head.fields.set(Known::ContentLength, b"0");
                Framing::Length(0)
            }
            (Self::Http2(_), Framing::UntilClose) => Framing::Chunked,
            _ => framing,
        })
    }

    /// Sets the framing of the body of the message whose head was just read.
    #[inline(always)]
    pub(crate) fn begin_reading(&mut self, framing: Framing) {
        match self {
            Self::Http1(connection) => connection.begin_reading(framing),
            // `h2` checks that a body has the announced length.
            Self::Http2(stream) if framing == Framing::None => stream.expect_no_body(),
            Self::Http2(_) => {}
            Self::Coded(coded) => coded.begin_reading(framing),
        }
    }

    /// Sets the limit of a body of which nothing was taken yet. A longer one is an error.
    pub(crate) fn limit_body(&mut self, bytes: u64) {
        each!(self, peer => peer.limit_body(bytes));
    }

    /// The next piece of the body that is being received: a number of bytes at the front of [`Channel::received`], or
    /// its end.
    pub(crate) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ReadError>> {
        each!(self, peer => peer.poll_body(cx))
    }

    /// Buffers small pieces of an HTTP/2 body while the data before them cannot be passed on: `h2` limits how many may
    /// wait.
    pub(crate) fn gather(&mut self, cx: &mut Context<'_>) {
        if let Self::Http2(stream) = self.plain_mut() {
            stream.gather(cx);
        }
    }

    /// Consumes `n` bytes of the body.
    pub(crate) fn consume_body(&mut self, n: usize) {
        match self {
            Self::Http1(connection) => connection.consume_body(n),
            Self::Http2(stream) => stream.consume(n),
            Self::Coded(coded) => coded.consume_body(n),
        }
    }

    /// The trailers of a body that was read to its end.
    pub(crate) fn trailers(&self) -> Option<&Fields> {
        match self {
            Self::Http1(connection) => connection.reader.trailers(),
            Self::Http2(stream) => stream.trailers(),
            Self::Coded(coded) => coded.trailers(),
        }
    }

    /// Drops the bytes of the body that have come. `true` if that was all of it.
    pub(crate) fn drop_body(&mut self) -> bool {
        match self {
            Self::Http1(connection) => loop {
                match connection.reader.next(&mut connection.input) {
                    Ok(Piece::End) => return true,
                    Ok(Piece::Data(n)) => connection.consume_body(n),
                    Ok(Piece::More) | Err(_) => return false,
                }
            },
            // The rest of it ends with its stream; the connection goes on.
            Self::Http2(_) => true,
            Self::Coded(coded) => coded.drop_body(),
        }
    }

    /// Takes data of the body and returns how many bytes were taken. Small pieces wait for [`Channel::poll_flush`].
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, peer => peer.poll_send(cx, data))
    }

    /// Writes a whole body of the proxy's own and ends the message. It leaves with the next flush.
    pub(crate) fn write_body(&mut self, body: &[u8]) {
        match self {
            Self::Http1(connection) => {
                connection.output().extend_from_slice(body);
                connection.end_body(None);
            }
            Self::Http2(stream) => stream.write_body(body),
            Self::Coded(coded) => coded.write_body(body),
        }
    }

    /// Ends the body, with trailers if there are any and the framing allows them.
    pub(crate) fn end_body(&mut self, trailers: Option<&Fields>) {
        each!(self, peer => peer.end_body(trailers));
    }

    /// Whether the body may end here: no piece of it is incomplete.
    pub(crate) fn may_end_body(&self) -> bool {
        match self {
            Self::Http1(connection) => connection.writer.may_end(),
            Self::Http2(_) => true,
            Self::Coded(coded) => coded.may_end_body(),
        }
    }

    /// Sends everything written so far.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, peer => peer.poll_flush(cx))
    }

    /// The stream of an HTTP/2 channel whose peer has not ended its side.
    pub(crate) fn still_sending(&mut self) -> Option<&mut http2::Stream> {
        match self.plain_mut() {
            Self::Http2(stream) if !stream.peer_ended() => Some(stream),
            _ => None,
        }
    }

    /// Makes the close a reset if bytes are left, so that the system does not go on sending them. A stream is reset
    /// when it is dropped.
    pub(crate) fn abandon(&self) {
        if let Self::Http1(connection) = self.plain() {
            connection.stream().reset_on_close();
        }
    }

    /// Limits how long the system goes on sending after the connection is closed.
    pub(crate) fn leave(&self, patience: Duration) {
        if let Self::Http1(connection) = self.plain() {
            connection.stream().give_up_after(patience);
        }
    }

    /// Reads the head of a response.
    pub(crate) fn poll_response_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
        limit: usize,
    ) -> Poll<Result<(), ReadError>> {
        match self {
            Self::Http1(connection) => connection.poll_response_head(cx, head, limit),
            Self::Http2(stream) => stream.poll_response_head(cx, head, limit),
            Self::Coded(coded) => coded.poll_response_head(cx, head, limit),
        }
    }

    /// Writes the head of an interim response.
    pub(crate) fn write_interim(&mut self, head: &ResponseHead) {
        match self {
            Self::Http1(connection) => {
                let out = connection.output();
                let before = out.len();
                write_status_line(out, head.status, head.reason());
                head.fields.write_to(out);
                out.extend_from_slice(b"\r\n");
                let written = out.len() - before;
                connection.note_overhead(written);
            }
            Self::Http2(stream) => stream.write_interim(head),
            Self::Coded(coded) => coded.write_interim(head),
        }
    }

    /// Writes the head of the final response, with a body framed as `framing`. `own` writes lines of the proxy's own
    /// behind the fields.
    #[inline(always)]
    pub(crate) fn write_response(&mut self, head: &mut ResponseHead, framing: Framing, own: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Http1(connection) => {
                let out = connection.output();
                let before = out.len();
                write_status_line(out, head.status, head.reason());
                head.fields.write_to(out);
                if framing == Framing::Chunked {
                    out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
                }
                own(out);
                out.extend_from_slice(b"\r\n");
                let written = out.len() - before;
                connection.note_overhead(written);
                connection.begin_body(framing);
            }
            Self::Http2(stream) => {
                let mut lines = Vec::new();
                own(&mut lines);
                head.fields.append_lines(&lines);
                stream.write_response(head, framing.is_empty());
            }
            Self::Coded(coded) => coded.write_response(head, framing, own),
        }
    }

    /// Reads the bytes that there are into [`Channel::received`], for a tunnel. 0 if the peer has ended its side.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        each!(self, peer => peer.poll_read(cx))
    }

    /// Consumes `n` bytes of [`Channel::received`], of a tunnel.
    pub(crate) fn consume(&mut self, n: usize) {
        match self {
            Self::Http1(connection) => connection.consume_tunnel(n),
            Self::Http2(stream) => stream.consume(n),
            Self::Coded(coded) => coded.consume(n),
        }
    }

    /// Sends bytes of a tunnel.
    pub(crate) fn poll_send_bytes(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Http1(connection) => connection.poll_send_bytes(cx, data),
            Self::Http2(stream) => stream.poll_send(cx, data),
            Self::Coded(coded) => coded.poll_send_bytes(cx, data),
        }
    }

    /// Half-closes a tunnel: ends our side.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, peer => peer.poll_shutdown(cx))
    }

    /// HTTP version of the channel. An HTTP/1.0 peer counts as HTTP/1.1.
    pub(crate) fn version(&self) -> Version {
        match self {
            Self::Http1(_) => Version::Http11,
            Self::Http2(_) => Version::Http2,
            Self::Coded(coded) => coded.version(),
        }
    }
}

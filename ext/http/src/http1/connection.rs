//! One HTTP/1.1 connection, to a client or to a backend: its stream, an input buffer and an output buffer.

mod heads;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use tokio::io::ReadBuf;

use super::output::Output;
use super::read::{self, HeadScan};
use super::write::write_chunk_size;
use super::{BodyReader, BodyWriter, Buffer};
use crate::message::{Fields, Framing, Piece, ReadError};
use crate::transport::Transport;

/// Data up to this size is copied into the output; longer data is sent from where it lies.
const COPY: usize = 4 * 1024;
/// Bytes that may wait in the output before no more data is taken (back-pressure).
const OUTPUT_LIMIT: usize = 16 * 1024;

/// A connection over a stream `S`.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    /// Bytes that were read and not yet used.
    pub input: Buffer,
    output: Output,
    /// Bytes of `output` that were sent.
    sent: usize,
    /// Whether the stream may hold records that it has not sent: TLS keeps what the system does not take.
    behind: bool,
    total_sent: u64,
    /// Bytes written that are no body.
    overhead: u64,
    /// Bytes of bodies and of tunnels that were taken from the input.
    body_read: u64,
    total_read: u64,
    ended: bool,
    /// Whether the last read filled its room completely, so that more bytes are likely.
    hungry: bool,
    scan: HeadScan,
    /// The body that is being received.
    pub reader: BodyReader,
    /// Bytes of the received body that may still come.
    allowed: u64,
    /// The body that is being sent.
    pub writer: BodyWriter,
}

impl<S: Transport> Connection<S> {
    /// A connection over `stream`.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            input: Buffer::default(),
            output: Output::default(),
            sent: 0,
            behind: false,
            total_sent: 0,
            overhead: 0,
            body_read: 0,
            total_read: 0,
            ended: false,
            hungry: false,
            scan: HeadScan::default(),
            reader: BodyReader::Done,
            allowed: u64::MAX,
            writer: BodyWriter::Done,
        }
    }

    /// The stream; buffered bytes are dropped. For a connection without a message in flight.
    pub fn into_stream(self) -> S {
        self.stream
    }

    /// The stream under the connection.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Mutable access to the stream, which bypasses the buffers.
    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Bytes that the system has taken from us so far. While this number does not change, the peer has seen nothing.
    pub fn total_sent(&self) -> u64 {
        self.total_sent
    }

    /// Bytes of bodies that the system has taken. Bytes that wait to be sent count as no body.
    pub fn body_sent(&self) -> u64 {
        self.total_sent.saturating_sub(self.overhead)
    }

    /// Records that `bytes` of what was written are no body.
    pub fn note_overhead(&mut self, bytes: usize) {
        self.overhead += bytes as u64;
    }

    /// Bytes of bodies and of tunnels that were taken, without heads, trailers and framing.
    pub fn body_read(&self) -> u64 {
        self.body_read
    }

    /// Bytes read from the stream so far.
    pub fn total_read(&self) -> u64 {
        self.total_read
    }

    /// Whether the peer has ended its side.
    pub fn peer_ended(&self) -> bool {
        self.ended
    }

    /// Whether everything written was sent.
    pub fn is_flushed(&self) -> bool {
        self.sent == self.output.len() && !self.behind
    }

    /// Reads what there is into [`Connection::input`]. 0 if the peer has ended its side or the buffer is full.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        let space = self.input.space();
        if space.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let mut buf = ReadBuf::new(space);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf))?;
        let n = buf.filled().len();
        self.hungry = buf.remaining() == 0;
        self.input.commit(n);
        self.total_read += n as u64;
        if n == 0 {
            self.ended = true;
        }
        Poll::Ready(Ok(n))
    }

    /// Ready only with an error: the client is gone. Bytes are kept; a half-close is no error (RFC 9112, section 9.6).
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        while !self.ended && !self.input.is_full() {
            match ready!(self.poll_read(cx)) {
                Ok(_) => {}
                Err(error) => return Poll::Ready(error),
            }
        }
        Poll::Pending
    }

    /// Buffer for a message to be sent. It leaves with [`Connection::poll_flush`].
    pub fn output(&mut self) -> &mut Vec<u8> {
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
        self.output.ready()
    }

    /// Drops what was written and not yet sent.
    pub fn discard_output(&mut self) {
        self.output.clear();
        self.sent = 0;
        self.writer = BodyWriter::Done;
    }

    /// Sends everything written so far.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.output.len() {
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.output[self.sent..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += n;
            self.total_sent += n as u64;
        }
        self.output.clear();
        self.sent = 0;
        // TLS buffers records itself.
        if self.stream.buffers_writes() {
            self.behind = true;
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.behind = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Bytes that were written and not yet sent.
    pub fn unsent(&self) -> &[u8] {
        &self.output[self.sent..]
    }

    /// Records that the first `n` of the bytes that were not yet sent were sent past this connection, straight on its
    /// stream.
    pub fn note_sent(&mut self, n: usize) {
        self.sent += n;
        self.total_sent += n as u64;
        if self.sent >= self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
    }

    /// Sets the framing of the body of the message that was just written.
    pub fn begin_body(&mut self, framing: Framing) {
        self.writer = BodyWriter::new(framing);
    }

    /// Takes data of the body and returns how many bytes were taken. Small pieces wait for [`Connection::poll_flush`].
    pub fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.output.len() - self.sent > OUTPUT_LIMIT {
            ready!(self.poll_flush(cx))?;
        }
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        match &mut self.writer {
            BodyWriter::Done => Poll::Ready(Ok(data.len())),
            BodyWriter::UntilClose => self.poll_send_bytes(cx, data),
            BodyWriter::Length(left) => {
                let n = data.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let n = ready!(self.poll_send_bytes(cx, &data[..n]))?;
                if let BodyWriter::Length(left) = &mut self.writer {
                    *left -= n as u64;
                }
                Poll::Ready(Ok(n))
            }
            BodyWriter::Chunked(left) => {
                if *left == 0 {
                    *left = data.len();
                    let size = data.len();
                    let out = self.output();
                    let before = out.len();
                    write_chunk_size(out, size);
                    // Includes the line break after the chunk.
                    let written = out.len() - before + 2;
                    self.note_overhead(written);
                }
                let BodyWriter::Chunked(left) = self.writer else { return Poll::Ready(Ok(0)) };
                let n = ready!(self.poll_send_bytes(cx, &data[..data.len().min(left)]))?;
                self.writer = BodyWriter::Chunked(left - n);
                if left == n {
                    self.output().extend_from_slice(b"\r\n");
                }
                Poll::Ready(Ok(n))
            }
        }
    }

    /// Sends bytes as they are, after the bytes that wait.
    pub fn poll_send_bytes(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if data.len() <= COPY {
            self.output().extend_from_slice(data);
            return Poll::Ready(Ok(data.len()));
        }
        loop {
            let waiting = self.output.len() - self.sent;
            let n = if waiting == 0 {
                ready!(Pin::new(&mut self.stream).poll_write(cx, data))?
            } else {
                let slices = [IoSlice::new(&self.output[self.sent..]), IoSlice::new(data)];
                ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices))?
            };
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.behind = self.stream.buffers_writes();
            self.total_sent += n as u64;
            if n >= waiting {
                self.output.clear();
                self.sent = 0;
                if n > waiting {
                    return Poll::Ready(Ok(n - waiting));
                }
            } else {
                self.sent += n;
            }
        }
    }

    /// Whether the system may send bytes of the body past this connection: it has no framing, and all that was written
    /// before was sent.
    pub fn may_bypass(&self) -> bool {
        self.is_flushed() && matches!(self.writer, BodyWriter::Length(_) | BodyWriter::UntilClose)
    }

    /// Records `bytes` of the body that were sent past this connection, straight on its stream.
    pub fn note_bypassed(&mut self, bytes: u64) {
        self.total_sent += bytes;
        if let BodyWriter::Length(left) = &mut self.writer {
            *left = left.saturating_sub(bytes);
        }
    }

    /// Ends the body, with trailers if it is chunked and there are any.
    pub fn end_body(&mut self, trailers: Option<&Fields>) {
        if let BodyWriter::Chunked(_) = self.writer {
            let output = self.output();
            let before = output.len();
            output.extend_from_slice(b"0\r\n");
            if let Some(trailers) = trailers {
                trailers.write_to(output);
            }
            output.extend_from_slice(b"\r\n");
            let written = output.len() - before;
            self.note_overhead(written);
        }
        self.writer = BodyWriter::Done;
    }

    /// Sets the framing of the body of the message whose head was just read.
    pub fn begin_reading(&mut self, framing: Framing) {
        self.reader = BodyReader::new(framing);
        self.allowed = u64::MAX;
    }

    /// Sets the limit of a body of which nothing was taken yet. A longer one is an error.
    pub fn limit_body(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// The next piece of the body that is being received: a number of bytes at the front of [`Connection::input`], or
    /// its end.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ReadError>> {
        loop {
            match self.reader.next(&mut self.input)? {
                Piece::More => {}
                Piece::Data(n) if n as u64 > self.allowed => return Poll::Ready(Err(ReadError::BodyTooLarge)),
                piece => return Poll::Ready(Ok(piece)),
            }
            if self.input.is_full() {
                // Only a trailer section or a chunk's size line can need more room, and both have far smaller limits.
                return Poll::Ready(Err(ReadError::TooLarge));
            }
            if self.hungry && self.input.is_empty() {
                self.input.grow_for_body();
            }
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(match self.reader.ended() {
                    Ok(()) => Ok(Piece::End),
                    Err(_) => Err(ReadError::Truncated),
                });
            }
        }
    }

    /// Removes `n` bytes of the body from the input.
    pub fn consume_body(&mut self, n: usize) {
        self.reader.consume(&mut self.input, n);
        self.allowed = self.allowed.saturating_sub(n as u64);
        self.body_read += n as u64;
    }

    /// Removes `n` bytes of a tunnel from the input.
    pub fn consume_tunnel(&mut self, n: usize) {
        self.input.consume(n);
        self.body_read += n as u64;
    }

    /// Ends our side of the connection, including TLS.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    /// Frees what is more than an ordinary message needs, before a pause that is probably short.
    #[inline]
    pub fn pause(&mut self) {
        if self.input.is_large() {
            self.rest();
        }
    }

    /// Frees memory before the connection becomes idle.
    pub fn rest(&mut self) {
        self.input.release();
        if self.output.is_empty() {
            self.output = Output::default();
        }
    }
}

#[cfg(test)]
mod tests;

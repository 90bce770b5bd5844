//! A client's connection that another server has accepted and read the beginning of.
//!
//! The bytes that it has read come first, then those of a file in which it keeps a long body, then the socket's.

use std::fs::File;
use std::future::Future;
use std::io::{self, IoSlice};
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;

use super::Stream;
use crate::fork::OnItsWay;

/// Bytes that are read from the file at a time.
const PIECE: usize = 64 * 1024;

/// A connection with bytes in front of those that the socket still has.
#[derive(Debug)]
pub(crate) struct AdoptedStream {
    pub(super) socket: Stream,
    before: BytesBefore,
    file: Option<BodyFile>,
}

/// Bytes, and how many of them were taken.
#[derive(Debug, Default)]
struct BytesBefore {
    bytes: Vec<u8>,
    taken: usize,
}

impl BytesBefore {
    fn of(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }

    fn is_empty(&self) -> bool {
        self.taken == self.bytes.len()
    }

    /// Moves what fits into `buffer`. The memory is freed with the last byte.
    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let left = &self.bytes[self.taken..];
        let n = left.len().min(buffer.remaining());
        buffer.put_slice(&left[..n]);
        self.taken += n;
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

/// A body, or the rest of one, in a file. It is read by threads that may wait for a disk.
#[derive(Debug)]
pub(crate) struct BodyFile {
    file: Arc<File>,
    offset: u64,
    left: u64,
    piece: BytesBefore,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
    /// A child of `fork` closes the file too.
    _on_its_way: OnItsWay,
}

impl BodyFile {
    /// The first `length` bytes of `file`, wherever its position is: others may share that.
    pub(crate) fn new(file: File, length: u64) -> Self {
        let on_its_way = OnItsWay::new(&file);
        Self {
            file: Arc::new(file),
            offset: 0,
            left: length,
            piece: BytesBefore::default(),
            reading: None,
            _on_its_way: on_its_way,
        }
    }

    /// Waits until there is a piece of the body. `false` at its end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.piece.is_empty() {
            if self.left == 0 {
                return Poll::Ready(Ok(false));
            }
            let (file, offset, most) = (&self.file, self.offset, self.left.min(PIECE as u64) as usize);
            let reading = self.reading.get_or_insert_with(|| {
                let file = Arc::clone(file);
                tokio::task::spawn_blocking(move || {
                    let mut bytes = vec![0; most];
                    let n = file.read_at(&mut bytes, offset)?;
                    bytes.truncate(n);
                    Ok(bytes)
                })
            });
            let read = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            let bytes = read.map_err(io::Error::other)??;
            if bytes.is_empty() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            self.offset += bytes.len() as u64;
            self.left -= bytes.len() as u64;
            self.piece = BytesBefore::of(bytes);
        }
        Poll::Ready(Ok(true))
    }
}

impl AdoptedStream {
    /// A connection over `socket`, TCP or unix without TLS, whose first bytes are `before` and then those of `file`.
    pub(crate) fn new(socket: Stream, before: Vec<u8>, file: Option<BodyFile>) -> Self {
        Self { socket, before: BytesBefore::of(before), file }
    }
}

impl AsyncRead for AdoptedStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.before.is_empty() {
            this.before.give(buffer);
            return Poll::Ready(Ok(()));
        }
        if let Some(file) = &mut this.file {
            if ready!(file.poll_piece(cx))? {
                file.piece.give(buffer);
                return Poll::Ready(Ok(()));
            }
            this.file = None;
        }
        let room = buffer.remaining();
        ready!(Pin::new(&mut this.socket).poll_read(cx, buffer))?;
        if buffer.remaining() == room && room > 0 && this.socket.is_abandoned() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AdoptedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

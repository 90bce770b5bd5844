//! The bytes of a connection to a backend, seen from outside: whether any come, and whether they are more than control
//! frames.
//!
//! `h2` answers every PING and every SETTINGS frame, and ignores what it does not know. None of it costs memory, but a
//! backend that sends nothing else keeps a processor busy for as long as its requests may wait.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use proxy_http::http2::frame::{kind, ACK};
use proxy_http::http2::{FloodBudget, FrameScanner, Sieve, Tally};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::stream::Stream;

/// Flood budget: control frames that may come at once.
const CONTROL_FRAMES: i64 = 10_000;
/// Bytes of useful frames, in either direction, that allow for one control frame more: gRPC servers measure a
/// connection with PINGs while data flows.
const BYTES_PER_FRAME: usize = 512;
/// Bytes before our first frame.
const PREFACE: usize = 24;

/// A stream whose bytes are counted as they come.
#[derive(Debug)]
pub(super) struct Watched {
    stream: Stream,
    read: Activity,
    incoming: Sieve,
    outgoing: FrameScanner,
    budget: FloodBudget,
    /// When the budget was last refilled for time.
    refilled: Instant,
    /// Whether the system took nothing at the last try.
    blocked: bool,
}

/// How many bytes have come so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Activity(Arc<AtomicU64>, Tally);

impl Activity {
    /// A number that has changed if anything has come.
    pub(super) fn mark(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// How many small pieces of its streams wait to be taken.
    pub(super) fn tally(&self) -> &Tally {
        &self.1
    }
}

impl Watched {
    pub(super) fn new(stream: Stream) -> (Self, Activity) {
        let read = Activity::default();
        let watched = Self {
            stream,
            incoming: Sieve::of_backend(read.tally().clone()),
            outgoing: FrameScanner::behind(PREFACE),
            read: read.clone(),
            budget: FloodBudget::new(CONTROL_FRAMES),
            refilled: Instant::now(),
            blocked: false,
        };
        (watched, read)
    }

    /// Looks at the bytes of `buffer` behind its first `before`, and lets the sieve change them.
    fn look(&mut self, buffer: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let Self { incoming, read, budget, refilled, .. } = self;
        read.0.fetch_add((buffer.filled().len() - before) as u64, Relaxed);
        incoming.sift(buffer, before, |frame| match frame.kind {
            // `h2` holds those to limits of their own.
            kind::DATA | kind::HEADERS | kind::WINDOW_UPDATE | kind::CONTINUATION => budget.earn(worth(frame.len)),
            // Answers to ours.
            kind::SETTINGS | kind::PING if frame.has(ACK) => {}
            kind::GOAWAY => {}
            _ => budget.spend(1, || {
                let now = Instant::now();
                now.duration_since(std::mem::replace(refilled, now))
            }),
        });
        match budget.is_flooded() {
            true => {
                let why = "it sends more control frames than a server has use for";
                Err(io::Error::new(io::ErrorKind::InvalidData, why))
            }
            false => Ok(()),
        }
    }

    fn wrote(&mut self, done: Poll<io::Result<usize>>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.blocked = done.is_pending();
        if let Poll::Ready(Ok(n)) = done {
            self.budget.earn(worth(n));
            let mut left = n;
            for slice in slices {
                let written = left.min(slice.len());
                self.outgoing.pass(&slice[..written], |_| ());
                left -= written;
            }
        }
        done
    }
}

/// Control frames that so many useful bytes allow for.
fn worth(bytes: usize) -> i64 {
    (bytes / BYTES_PER_FRAME) as i64
}

impl Drop for Watched {
    /// What a backend does not take goes with the connection.
    fn drop(&mut self) {
        if self.blocked {
            self.stream.reset_on_close();
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        let before = buffer.filled().len();
        loop {
            if me.incoming.release(cx) {
                me.incoming.give(buffer);
                return Poll::Ready(Ok(()));
            }
            ready!(Pin::new(&mut me.stream).poll_read(cx, buffer))?;
            if buffer.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            me.look(buffer, before)?;
            let _ = me.incoming.poll_repay(cx, &mut me.stream, &me.outgoing)?;
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        ready!(me.incoming.poll_repay(cx, &mut me.stream, &me.outgoing))?;
        let done = Pin::new(&mut me.stream).poll_write(cx, bytes);
        me.wrote(done, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        ready!(me.incoming.poll_repay(cx, &mut me.stream, &me.outgoing))?;
        let done = Pin::new(&mut me.stream).poll_write_vectored(cx, slices);
        me.wrote(done, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        ready!(me.incoming.poll_repay(cx, &mut me.stream, &me.outgoing))?;
        Pin::new(&mut me.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

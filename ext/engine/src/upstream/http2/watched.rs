//! What comes over a connection, seen from outside: whether anything does, and whether it is anything but noise.
//!
//! `h2` answers every PING and every SETTINGS frame, and ignores what it does not know. None of it costs memory, but a backend that
//! sends nothing else keeps a processor busy for as long as its requests may wait.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::http2::{Frames, Sieve, Tally};
use crate::stream::Stream;

/// Frames that mean nothing to a request which may come at once.
const NOISE: u32 = 10_000;
/// Bytes of anything else, in either direction, for which one more of them may come: gRPC servers measure a connection with PINGs
/// while data flows.
const PER_FRAME: usize = 512;
/// How many more may come with each second that passes.
const PER_SECOND: u64 = 100;
/// Bytes before our first frame.
const PREFACE: usize = 24;
/// Length of the head of a frame.
const HEAD: usize = 9;

/// A stream whose bytes are counted as they come.
#[derive(Debug)]
pub(super) struct Watched {
    stream: Stream,
    read: Activity,
    incoming: Sieve,
    outgoing: Frames,
    /// The head of the frame that has begun, as far as it is here.
    head: [u8; HEAD],
    have: usize,
    /// What is still to come of the payload.
    payload: usize,
    /// Whether that payload is of use to a request.
    useful: bool,
    /// Noise that may still come.
    allowed: u32,
    /// When seconds were last counted.
    since: Instant,
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
            outgoing: Frames::behind(PREFACE),
            read: read.clone(),
            head: [0; HEAD],
            have: 0,
            payload: 0,
            useful: false,
            allowed: NOISE,
            since: Instant::now(),
            blocked: false,
        };
        (watched, read)
    }

    /// Looks at bytes that have come.
    fn look(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.read.0.fetch_add(bytes.len() as u64, Relaxed);
        while !bytes.is_empty() {
            if self.payload > 0 {
                let n = self.payload.min(bytes.len());
                self.payload -= n;
                if self.useful {
                    self.earn(n);
                }
                bytes = &bytes[n..];
                continue;
            }
            let n = (HEAD - self.have).min(bytes.len());
            self.head[self.have..self.have + n].copy_from_slice(&bytes[..n]);
            self.have += n;
            bytes = &bytes[n..];
            if self.have == HEAD {
                self.have = 0;
                self.begin_frame()?;
            }
        }
        Ok(())
    }

    fn begin_frame(&mut self) -> io::Result<()> {
        let [a, b, c, kind, flags, ..] = self.head;
        self.payload = u32::from_be_bytes([0, a, b, c]) as usize;
        let is_ack = flags & 1 == 1;
        self.useful = match kind {
            // DATA, HEADERS, WINDOW_UPDATE and CONTINUATION: `h2` holds those to limits of their own.
            0x0 | 0x1 | 0x8 | 0x9 => true,
            // Answers to SETTINGS and PING of ours; GOAWAY.
            0x4 | 0x6 if is_ack => return Ok(()),
            0x7 => return Ok(()),
            _ => false,
        };
        if self.useful {
            return Ok(());
        }
        if self.allowed == 0 {
            let passed = self.since.elapsed().as_secs();
            if passed == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "it sends more control frames than a server has use for",
                ));
            }
            self.since = Instant::now();
            self.allowed = u32::try_from(passed * PER_SECOND).unwrap_or(NOISE).min(NOISE);
        }
        self.allowed -= 1;
        Ok(())
    }

    /// Allows for more noise after so many bytes of something else.
    fn earn(&mut self, bytes: usize) {
        self.allowed = self.allowed.saturating_add((bytes / PER_FRAME) as u32).min(NOISE);
    }

    fn wrote(&mut self, done: Poll<io::Result<usize>>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.blocked = done.is_pending();
        if let Poll::Ready(Ok(n)) = done {
            self.earn(n);
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
            me.look(&buffer.filled()[before..])?;
            me.incoming.sift(buffer, before, |_| ());
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

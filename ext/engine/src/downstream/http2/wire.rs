//! The byte stream under an HTTP/2 connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use proxy_http::http2::{FrameScanner, Sieve};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::meter::Meter;
use super::PREFACE;
use crate::downstream::linger::poll_discard;
use crate::stream::Stream;

/// The byte stream of a client, whose frames are metered and sifted.
#[derive(Debug)]
pub(super) struct Wire {
    /// What was read before it was known that HTTP/2 is spoken.
    received: Bytes,
    /// Has the stream too.
    meter: Rc<Meter>,
    incoming: Sieve,
    outgoing: FrameScanner,
    /// Time that the system goes on sending after the connection is closed.
    patience: Duration,
}

impl Wire {
    /// The byte stream that the outflow of `meter` has.
    pub(super) fn new(received: Vec<u8>, meter: Rc<Meter>, patience: Duration) -> Self {
        let incoming = Sieve::of_client(PREFACE.len(), meter.tally.clone());
        let outgoing = FrameScanner::behind(0);
        Self { received: received.into(), meter, incoming, outgoing, patience }
    }

    /// Writes, behind what the sieve has to say.
    fn poll_out<T>(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut Stream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let stream = &mut *self.meter.outflow.stream();
        ready!(self.incoming.poll_repay(cx, stream, &self.outgoing))?;
        write(Pin::new(stream), cx)
    }

    fn note_write(&mut self, result: &Poll<io::Result<usize>>, slices: &[IoSlice<'_>]) {
        match result {
            Poll::Ready(Ok(n)) => {
                self.meter.outflow.wrote(Some(*n));
                let mut left = *n;
                for slice in slices {
                    let written = left.min(slice.len());
                    self.outgoing.pass(&slice[..written], |frame| self.meter.sent(frame));
                    left -= written;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.meter.outflow.wrote(None),
        }
    }
}

impl Drop for Wire {
    /// Bytes that the client does not take go with the connection, or soon after it.
    fn drop(&mut self) {
        let Some(stream) = self.meter.outflow.take() else { return };
        match self.meter.outflow.is_blocked() {
            true => stream.reset_on_close(),
            false => stream.give_up_after(self.patience),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { received, meter, incoming, outgoing, .. } = self.get_mut();
        let stream = &mut *meter.outflow.stream();
        let before = buffer.filled().len();
        loop {
            // The connection's task sees that it is flooded before it sleeps.
            if meter.is_flooded() {
                return Poll::Pending;
            }
            if incoming.release(cx) {
                incoming.give(buffer);
                return Poll::Ready(Ok(()));
            }
            if received.is_empty() {
                ready!(Pin::new(&mut *stream).poll_read(cx, buffer))?;
            } else {
                let n = received.len().min(buffer.remaining());
                buffer.put_slice(&received[..n]);
                received.advance(n);
            }
            if buffer.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            incoming.sift(buffer, before, |frame| meter.received(frame));
            meter.received_part_of(incoming.incomplete());
            let _ = incoming.poll_repay(cx, stream, outgoing)?;
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let result = wire.poll_out(cx, |stream, cx| stream.poll_write(cx, bytes));
        wire.note_write(&result, &[IoSlice::new(bytes)]);
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        let result = wire.poll_out(cx, |stream, cx| stream.poll_write_vectored(cx, slices));
        wire.note_write(&result, slices);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.meter.outflow.stream().is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let result = wire.poll_out(cx, |stream, cx| stream.poll_flush(cx));
        wire.meter.outflow.wrote(result.is_ready().then_some(0));
        result
    }

    /// A lingering close. The session says how long it may take.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let meter = &self.get_mut().meter;
        let stream = &mut *meter.outflow.stream();
        if !meter.has_ended() {
            ready!(Pin::new(&mut *stream).poll_shutdown(cx))?;
            meter.end();
            if !meter.is_flooded() && !stream.has_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        poll_discard(stream, cx, |_| true).map(Ok)
    }
}

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
    stream: Stream,
    /// What was read before it was known that HTTP/2 is spoken.
    received: Bytes,
    meter: Rc<Meter>,
    incoming: Sieve,
    outgoing: FrameScanner,
    /// Time that the system goes on sending after the connection is closed.
    patience: Duration,
}

impl Wire {
    pub(super) fn new(stream: Stream, received: Vec<u8>, meter: Rc<Meter>, patience: Duration) -> Self {
        let incoming = Sieve::of_client(PREFACE.len(), meter.tally.clone());
        let outgoing = FrameScanner::behind(0);
        Self { stream, received: received.into(), meter, incoming, outgoing, patience }
    }

    fn note_write(&mut self, result: &Poll<io::Result<usize>>, slices: &[IoSlice<'_>]) {
        match result {
            Poll::Ready(Ok(n)) => {
                self.meter.wrote(Some(*n));
                let mut left = *n;
                for slice in slices {
                    let written = left.min(slice.len());
                    self.outgoing.pass(&slice[..written], |frame| self.meter.sent(frame));
                    left -= written;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.meter.wrote(None),
        }
    }
}

impl Drop for Wire {
    /// Bytes that the client does not take go with the connection, or soon after it.
    fn drop(&mut self) {
        match self.meter.is_blocked() {
            true => self.stream.reset_on_close(),
            false => self.stream.give_up_after(self.patience),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, received, meter, incoming, outgoing, .. } = self.get_mut();
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
        ready!(wire.incoming.poll_repay(cx, &mut wire.stream, &wire.outgoing))?;
        let result = Pin::new(&mut wire.stream).poll_write(cx, bytes);
        wire.note_write(&result, &[IoSlice::new(bytes)]);
        result
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        ready!(wire.incoming.poll_repay(cx, &mut wire.stream, &wire.outgoing))?;
        let result = Pin::new(&mut wire.stream).poll_write_vectored(cx, slices);
        wire.note_write(&result, slices);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        ready!(wire.incoming.poll_repay(cx, &mut wire.stream, &wire.outgoing))?;
        let result = Pin::new(&mut wire.stream).poll_flush(cx);
        wire.meter.wrote(result.is_ready().then_some(0));
        result
    }

    /// A lingering close. The session says how long it may take.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !wire.meter.has_ended() {
            ready!(Pin::new(&mut wire.stream).poll_shutdown(cx))?;
            wire.meter.end();
            if !wire.meter.is_flooded() && !wire.stream.has_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        poll_discard(&mut wire.stream, cx, |_| true).map(Ok)
    }
}

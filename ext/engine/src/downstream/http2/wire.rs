//! The byte stream under an HTTP/2 connection.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{ready, Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;
use super::meter::Meter;
use super::PREFACE;
use crate::stream::Stream;

/// A client's stream whose frames are looked at as they pass.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What was read before it was known that HTTP/2 is spoken.
    received: Bytes,
    meter: Rc<Meter>,
    incoming: Frames,
    outgoing: Frames,
}

impl Wire {
    pub(super) fn new(stream: Stream, received: Vec<u8>, meter: Rc<Meter>) -> Self {
        let (incoming, outgoing) = (Frames::behind(PREFACE.len()), Frames::behind(0));
        Self { stream, received: received.into(), meter, incoming, outgoing }
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

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        // The connection's task sees that it is flooded before it sleeps.
        if wire.meter.is_flooded() {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if wire.received.is_empty() {
            ready!(Pin::new(&mut wire.stream).poll_read(cx, buffer))?;
        } else {
            let n = wire.received.len().min(buffer.remaining());
            buffer.put_slice(&wire.received[..n]);
            wire.received.advance(n);
        }
        wire.incoming.pass(&buffer.filled()[before..], |frame| wire.meter.received(frame));
        wire.meter.received_part_of(wire.incoming.incomplete());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
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
        let result = Pin::new(&mut wire.stream).poll_write_vectored(cx, slices);
        wire.note_write(&result, slices);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let result = Pin::new(&mut wire.stream).poll_flush(cx);
        wire.meter.wrote(result.is_ready().then_some(0));
        result
    }

    /// Ends our side, and takes what the client is still sending: the system would answer it with a reset, which would destroy the
    /// last frames before the client has read them.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !wire.meter.has_ended() {
            ready!(Pin::new(&mut wire.stream).poll_shutdown(cx))?;
            wire.meter.end();
            if !wire.meter.is_flooded() && !wire.stream.has_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        let mut memory = [0; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut memory);
            match ready!(Pin::new(&mut wire.stream).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

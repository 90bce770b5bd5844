//! The way out of a client connection that speaks HTTP/2: what its streams have handed over, what our system has taken,
//! and what the client's.

use std::cell::{Cell, RefCell, RefMut};

use proxy_http::http2::HandedOver;
use proxy_http::transport::Transport;

use super::passage::Reach;
use crate::stream::Stream;

/// Bytes that TLS may keep while the system takes nothing.
const UNSENT_BY_TLS: u64 = 64 * 1024;
/// The largest frame that `h2` writes, unless a client has asked for larger ones.
const FRAME: u64 = 16 * 1024;

/// The socket of a connection, and how far its bytes have come.
#[derive(Debug)]
pub(crate) struct Outflow {
    stream: RefCell<Stream>,
    /// Bytes of bodies that the streams have handed over.
    pub(crate) handed_over: HandedOver,
    /// Those of them that do not wait for the system any more.
    gone: Cell<u64>,
    /// Bytes that the system has taken.
    written: Cell<u64>,
    /// Whether the last write was refused.
    blocked: Cell<bool>,
}

impl Outflow {
    pub(crate) fn of(stream: Stream) -> Self {
        Self {
            stream: RefCell::new(stream),
            handed_over: HandedOver::default(),
            gone: Cell::new(0),
            written: Cell::new(0),
            blocked: Cell::new(false),
        }
    }

    /// The socket. Nobody else has it while it is used.
    pub(crate) fn stream(&self) -> RefMut<'_, Stream> {
        self.stream.borrow_mut()
    }

    /// Takes the socket away: streams that have outlived their connection hold this, and are not to hold the socket.
    pub(crate) fn take(&self) -> Option<Stream> {
        let mut stream = self.stream.try_borrow_mut().ok()?;
        Some(std::mem::replace(&mut *stream, Stream::Gone(tokio::io::empty())))
    }

    /// Notes how much the system has taken; `None` if it takes no more.
    pub(crate) fn wrote(&self, n: Option<usize>) {
        self.blocked.set(n.is_none());
        self.written.set(self.written.get() + n.unwrap_or_default() as u64);
    }

    /// Bytes that the system has taken.
    pub(crate) fn written(&self) -> u64 {
        self.written.get()
    }

    /// Whether it took no more at the last try.
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.get()
    }

    /// Notes a frame with data that was begun to be written.
    pub(crate) fn wrote_data(&self, len: usize) {
        self.gone.set(self.handed_over.bytes().min(self.gone.get() + len as u64));
    }

    /// Notes that `h2` has written all that it could: if it was not refused, nothing waits. (What a stream that was
    /// reset had handed over was never written.)
    pub(crate) fn settle(&self) {
        if !self.is_blocked() {
            self.gone.set(self.handed_over.bytes());
        }
    }

    /// How far the bytes have come. The end is never too low, and what is acknowledged never too high. One system call.
    pub(crate) fn reached(&self) -> Reach {
        let blocked = self.is_blocked();
        let partial = if blocked { FRAME } else { 0 };
        let waiting = self.handed_over.bytes().saturating_sub(self.gone.get());
        Reach { acknowledged: self.acknowledged(), end: self.written() + waiting + partial }
    }

    /// Bytes that the client's system has taken; never too many. One system call.
    pub(crate) fn acknowledged(&self) -> u64 {
        let Ok(stream) = self.stream.try_borrow() else { return 0 };
        let unsent = if self.is_blocked() && stream.buffers_writes() { UNSENT_BY_TLS } else { 0 };
        // Within TLS, what the system holds is longer than what was written.
        self.written().saturating_sub(stream.queued() + unsent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outflow() -> Outflow {
        Outflow::of(Stream::Gone(tokio::io::empty()))
    }

    #[test]
    fn the_end_is_behind_all_that_waits() {
        let outflow = outflow();
        outflow.handed_over.add(40_000);
        assert_eq!(outflow.reached().end, 40_000);
        outflow.wrote(Some(16_393));
        outflow.wrote_data(16_384);
        assert_eq!((outflow.reached().end, outflow.acknowledged()), (16_393 + 23_616, 16_393));
        outflow.wrote(None);
        assert!(outflow.reached().end >= 16_393 + 23_616, "a frame may be written in part");
    }

    #[test]
    fn what_was_handed_over_and_reset_does_not_wait_for_ever() {
        let outflow = outflow();
        outflow.handed_over.add(40_000);
        outflow.wrote(None);
        outflow.settle();
        assert!(outflow.reached().end >= 40_000);
        outflow.wrote(Some(0));
        outflow.settle();
        assert_eq!(outflow.reached().end, 0);
    }
}

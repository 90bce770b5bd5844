//! A connection that exists in memory alone. A test decides when its bytes arrive, in what pieces, and when they do
//! not.
//!
//! It behaves like TCP: bytes come in order after a delay, a writer waits while the other side does not read, a close
//! with bytes unread is a reset, and so is a write to a side that has closed. All times are those of tokio's clock,
//! which a test may pause.

mod network;

pub(crate) use network::{Mood, Network};

use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{ready, Context, Poll, Waker};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{sleep_until, Instant, Sleep};

use super::Departure;

/// What a connection does with what is written to it.
#[derive(Debug, Clone)]
pub(crate) struct Manners {
    /// How long bytes are on their way at least, and at most.
    pub(crate) delay: (Duration, Duration),
    /// Bytes that wait to be read before a writer has to wait.
    pub(crate) capacity: usize,
    /// The most that one read or write moves.
    pub(crate) piece: usize,
    /// Whether what came before a reset can still be read, as on Linux, or is lost.
    pub(crate) keeps_unread: bool,
}

/// One end of a connection. The other end sees that it is dropped.
#[derive(Debug)]
pub(crate) struct Pipe {
    client_info: Arc<Mutex<Link>>,
    side: usize,
    /// Until something arrives.
    reading: Option<Pin<Box<Sleep>>>,
    /// Until a reset arrives.
    writing: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
struct Link {
    manners: Manners,
    dice: fastrand::Rng,
    sides: [PipeSide; 2],
    /// Ends that are held by somebody, of all connections of a network.
    open: Arc<AtomicUsize>,
}

/// What is on its way to one end, and what its owner has done.
#[derive(Debug, Default)]
struct PipeSide {
    /// Pieces and when they arrive.
    incoming: VecDeque<(Instant, Bytes)>,
    buffered: usize,
    /// When the last thing on its way arrives.
    latest: Option<Instant>,
    /// When the end of the other side arrives.
    end: Option<Instant>,
    /// When a reset arrives.
    reset: Option<Instant>,
    /// Whether its owner has ended what it sends.
    shut: bool,
    /// Whether its owner reads no more.
    deaf: bool,
    /// Whether its owner wants a reset in place of an end.
    abrupt: bool,
    closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    /// Two ends of one connection. `seed` decides what its manners leave open.
    pub(crate) fn pair(manners: Manners, seed: u64, open: &Arc<AtomicUsize>) -> (Self, Self) {
        open.fetch_add(2, Relaxed);
        let dice = fastrand::Rng::with_seed(seed);
        let client_info =
            Arc::new(Mutex::new(Link { manners, dice, sides: Default::default(), open: Arc::clone(open) }));
        let end = |side| Self { client_info: Arc::clone(&client_info), side, reading: None, writing: None };
        (end(0), end(1))
    }

    /// See [`Stream::reset_on_close`](super::Stream::reset_on_close).
    pub(crate) fn reset_on_close(&self, resets: bool) {
        self.client_info.lock().sides[self.side].abrupt = resets;
    }

    /// See [`Stream::cut`](super::Stream::cut).
    pub(super) fn cut(&self) {
        let mut client_info = self.client_info.lock();
        client_info.shut_down(self.side);
        let own = &mut client_info.sides[self.side];
        own.deaf = true;
        wake(&mut own.reader);
    }

    /// See [`Stream::has_unread`](super::Stream::has_unread).
    pub(super) fn has_unread(&self) -> bool {
        self.client_info.lock().sides[self.side].has_unread()
    }

    /// See [`Stream::departure`](super::Stream::departure).
    pub(super) fn departure(&self) -> Option<Departure> {
        let client_info = self.client_info.lock();
        let own = &client_info.sides[self.side];
        match (has_come(own.reset), has_come(own.end)) {
            (true, _) => Some(Departure::Reset),
            (false, ended) => ended.then_some(Departure::Ended),
        }
    }
}

/// Whether that moment is over.
fn has_come(moment: Option<Instant>) -> bool {
    moment.is_some_and(|moment| moment <= Instant::now())
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// The sooner of two moments.
fn sooner(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

/// Whether `moment` is over; if not, the task is woken then.
fn poll_until(sleep: &mut Option<Pin<Box<Sleep>>>, moment: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
    let Some(moment) = moment else { return Poll::Pending };
    let sleep = sleep.get_or_insert_with(|| Box::pin(sleep_until(moment)));
    if sleep.deadline() != moment {
        sleep.as_mut().reset(moment);
    }
    sleep.as_mut().poll(cx)
}

impl PipeSide {
    fn has_unread(&self) -> bool {
        self.incoming.front().is_some_and(|(at, _)| has_come(Some(*at)))
    }

    fn lose_unread(&mut self) {
        self.incoming.clear();
        self.buffered = 0;
    }
}

impl Link {
    /// When what is sent to an end at `sent` arrives: behind everything before it.
    fn arrival(&mut self, at: usize, sent: Instant) -> Instant {
        let (least, most) = self.manners.delay;
        let spread = (most - least).as_micros() as u64;
        let delay = least + Duration::from_micros(self.dice.u64(0..=spread));
        let side = &mut self.sides[at];
        let arrival = side.latest.map_or(sent + delay, |latest| latest.max(sent + delay));
        side.latest = Some(arrival);
        arrival
    }

    fn shut_down(&mut self, side: usize) {
        if !std::mem::replace(&mut self.sides[side].shut, true) {
            let other = 1 - side;
            self.sides[other].end = Some(self.arrival(other, Instant::now()));
            wake(&mut self.sides[other].reader);
        }
    }

    /// Sends a reset to an end at `sent`.
    fn reset(&mut self, at: usize, sent: Instant) {
        let arrival = self.arrival(at, sent);
        let side = &mut self.sides[at];
        side.reset = sooner(side.reset, Some(arrival));
        wake(&mut side.reader);
        wake(&mut side.writer);
    }

    /// Takes what its owner writes: how much of it.
    fn take(&mut self, side: usize, slices: &[IoSlice<'_>]) -> usize {
        let other = 1 - side;
        let room = self.manners.capacity.saturating_sub(self.sides[other].buffered);
        let piece = self.manners.piece;
        let most = room.min(self.dice.usize(1..=piece));
        let mut bytes = BytesMut::new();
        for slice in slices {
            bytes.extend_from_slice(&slice[..slice.len().min(most - bytes.len())]);
        }
        let n = bytes.len();
        if n == 0 {
            return 0;
        }
        let arrival = self.arrival(other, Instant::now());
        if self.sides[other].closed {
            // Nobody is there: the answer to it is a reset.
            self.reset(side, arrival);
        } else if !self.sides[other].deaf {
            self.sides[other].buffered += n;
            self.sides[other].incoming.push_back((arrival, bytes.freeze()));
            wake(&mut self.sides[other].reader);
        }
        n
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let me = self.get_mut();
        loop {
            let mut client_info = me.client_info.lock();
            let (piece, keeps) = (client_info.manners.piece, client_info.manners.keeps_unread);
            let most = client_info.dice.usize(1..=piece).min(buffer.remaining());
            let (own, other) = match &mut client_info.sides {
                [first, second] if me.side == 0 => (first, second),
                [first, second] => (second, first),
            };
            if own.deaf || most == 0 {
                return Poll::Ready(Ok(()));
            }
            if has_come(own.reset) && !keeps {
                own.lose_unread();
            }
            if own.has_unread() {
                let mut left = most;
                while left > 0 && own.has_unread() {
                    let Some((_, piece)) = own.incoming.front_mut() else { break };
                    let n = left.min(piece.len());
                    buffer.put_slice(&piece[..n]);
                    piece.advance(n);
                    left -= n;
                    own.buffered -= n;
                    if piece.is_empty() {
                        own.incoming.pop_front();
                    }
                }
                wake(&mut other.writer);
                return Poll::Ready(Ok(()));
            }
            if has_come(own.reset) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if own.incoming.is_empty() && has_come(own.end) {
                return Poll::Ready(Ok(()));
            }
            let next = own.incoming.front().map(|(at, _)| *at).or(own.end);
            let next = sooner(next, own.reset);
            own.reader = Some(cx.waker().clone());
            drop(client_info);
            ready!(poll_until(&mut me.reading, next, cx));
        }
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let me = self.get_mut();
        loop {
            let mut client_info = me.client_info.lock();
            let own = &client_info.sides[me.side];
            if has_come(own.reset) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if own.shut {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let n = client_info.take(me.side, slices);
            if n > 0 || slices.iter().all(|slice| slice.is_empty()) {
                return Poll::Ready(Ok(n));
            }
            let own = &mut client_info.sides[me.side];
            own.writer = Some(cx.waker().clone());
            let reset = own.reset;
            drop(client_info);
            ready!(poll_until(&mut me.writing, reset, cx));
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut client_info = self.client_info.lock();
        if has_come(client_info.sides[self.side].reset) {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        }
        client_info.shut_down(self.side);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let mut client_info = self.client_info.lock();
        client_info.open.fetch_sub(1, Relaxed);
        let other = 1 - self.side;
        let keeps = client_info.manners.keeps_unread;
        let own = &mut client_info.sides[self.side];
        own.closed = true;
        let (abrupt, unread) = (own.abrupt, own.has_unread());
        // What is still on its way here is answered by a reset when it comes.
        let late = own.incoming.back().map(|(at, _)| *at).filter(|_| !unread);
        own.lose_unread();
        if abrupt && !keeps {
            // What the system had not yet sent is given up, and with it an end behind it.
            client_info.sides[other].end.take_if(|end| *end > Instant::now());
            client_info.sides[other].incoming.retain(|(at, _)| *at <= Instant::now());
            client_info.sides[other].buffered =
                client_info.sides[other].incoming.iter().map(|(_, piece)| piece.len()).sum();
        }
        if !abrupt && !unread {
            client_info.shut_down(self.side);
        }
        if abrupt || unread {
            client_info.reset(other, Instant::now());
        } else if let Some(late) = late {
            client_info.reset(other, late);
        }
        wake(&mut client_info.sides[other].writer);
    }
}

#[cfg(test)]
mod tests;

//! A body that is too long to be stored: it comes as its fastest reader wants it, and slower ones get what they have
//! missed from an unnamed file.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{timeout, Instant};

use super::missed::{MissedPart, PATIENCE};
use super::{Appetite, Body, Growing, WINDOW};
use crate::relay::DiskRules;

/// Bytes in memory at most, while the disk takes what slow readers have still to read.
pub(super) const MOST: u64 = 4 * WINDOW;

/// Interval at which it is seen whether the others have waited long enough.
const LOOK: Duration = Duration::from_millis(200);

/// How long readers still wait for one that is too slow: for [`PATIENCE`], and for a tenth of the time in which they
/// did not wait. So readers whose pace is nearly the same stay together, and one that stands still costs the others
/// little.
#[derive(Debug, Default)]
pub(super) struct Indulgence {
    left: Duration,
    /// Since when they wait.
    waiting: Option<Instant>,
    /// Since when they do not wait any more.
    going: Option<Instant>,
}

impl Indulgence {
    fn new() -> Self {
        Self { left: PATIENCE, ..Self::default() }
    }

    /// Whether they wait for longer.
    fn bears(&mut self) -> bool {
        let now = Instant::now();
        if self.waiting.is_none() {
            let gone = self.going.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
            self.left = (self.left + gone / 10).min(PATIENCE);
        }
        now.saturating_duration_since(*self.waiting.get_or_insert(now)) < self.left
    }

    /// They go on.
    fn rest(&mut self) {
        if let Some(since) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
            self.going = Some(Instant::now());
        }
    }
}

/// How a body is read that is too long to be stored.
#[derive(Debug, Clone)]
pub(crate) struct LagRules {
    /// Where slow readers find what they have missed, and how much that may be.
    pub(crate) disk: DiskRules,
    /// Whether the body is taken in ahead of all readers, as far as the disk has room for it.
    pub(crate) takes_in: bool,
}

impl Body {
    /// Gives up storing the body, which is too long. Those who read it get the rest.
    pub(crate) fn pass(&self, rules: LagRules) {
        let mut growing = self.growing.lock();
        growing.passing = true;
        growing.takes_in = rules.takes_in;
        growing.missed = MissedPart::new(rules.disk);
        growing.indulgence = Indulgence::new();
        if let Some(spool) = &growing.spool {
            spool.give_up();
        }
    }

    /// Waits until there is room for another piece.
    pub(crate) async fn room(&self) -> Appetite {
        loop {
            match timeout(LOOK, poll_fn(|cx| self.poll_room(cx))).await {
                Ok(appetite) => return appetite,
                Err(_) => self.hurry(),
            }
        }
    }

    /// Ready when there is room for another piece. Has to be asked again after [`LOOK`].
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Appetite> {
        let growing = &mut *self.growing.lock();
        if !growing.passing {
            return Poll::Ready(Appetite::More);
        }
        let Some(fastest) = growing.fastest() else { return Poll::Ready(Appetite::Nobody) };
        // The disk is then like a reader that has everything.
        let pace = if growing.has_room_on_disk() { growing.length } else { fastest };
        growing.keep_for_the_slow(fastest, pace, cx);
        let has_room = growing.is_wanted(pace) && !growing.is_full();
        if has_room || !growing.is_wanted(pace) {
            growing.indulgence.rest();
        }
        if has_room {
            return Poll::Ready(Appetite::More);
        }
        growing.filler = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits no longer for a disk that does not answer.
    fn hurry(&self) {
        let growing = &mut *self.growing.lock();
        if growing.missed.as_ref().is_some_and(MissedPart::is_stuck) {
            growing.close_missed(io::ErrorKind::TimedOut.into());
        }
    }

    /// Why slow readers cannot be served any longer. It is told once.
    pub(crate) fn take_trouble(&self) -> Option<io::Error> {
        self.growing.lock().trouble.take()
    }
}

impl Growing {
    /// Position of the fastest reader. One that waits for what is far ahead counts only if nobody else reads.
    fn fastest(&self) -> Option<u64> {
        let positions = || self.readers.iter().flatten().copied();
        positions().filter(|position| *position <= self.length).max().or_else(|| positions().min())
    }

    /// Whether the body is taken in ahead of its readers, and the disk has room for more of it.
    fn has_room_on_disk(&self) -> bool {
        let Some(missed) = self.missed.as_ref().filter(|missed| self.takes_in && missed.is_open()) else {
            return false;
        };
        let slowest = self.readers.iter().flatten().min().copied().unwrap_or(self.length);
        let from = self.first_kept().max(slowest).max(missed.end());
        !missed.is_full(from, missed.room(from), slowest)
    }

    /// Whether the fastest reader has nearly all that has come.
    fn is_wanted(&self, fastest: u64) -> bool {
        self.length.saturating_sub(fastest) < WINDOW
    }

    /// Whether there is no more room in memory.
    fn is_full(&self) -> bool {
        self.length - self.first_kept() >= MOST
    }

    /// Whether the others still wait for readers who are too slow. Readers who differ by a little are not parted so.
    fn waits_for_the_slow(&mut self, fastest: u64) -> bool {
        if !self.is_full() || !self.is_wanted(fastest) {
            return true;
        }
        self.indulgence.bears()
    }

    /// Nothing more is written. What was written can still be read.
    fn close_missed(&mut self, why: io::Error) {
        if let Some(missed) = &mut self.missed {
            missed.close();
        }
        self.trouble = Some(why);
    }

    /// Drops what everybody has read, and moves to the disk what is far behind `pace`, which is the position of the
    /// fastest reader at least. Readers whose next bytes find no room there, far behind the fastest one, have lost
    /// their place.
    fn keep_for_the_slow(&mut self, fastest: u64, pace: u64, cx: &mut Context<'_>) {
        loop {
            let is_writing = match self.missed.as_mut().map(|missed| missed.poll_written(cx)) {
                Some(Poll::Ready(Err(why))) => {
                    self.close_missed(why);
                    false
                }
                written => written.is_some_and(|written| written.is_pending()),
            };
            let slowest = self.readers.iter().flatten().min().copied().unwrap_or(self.length);
            let on_disk = self.spool.as_ref().map_or(0, |spool| spool.written());
            let read = slowest.max(on_disk).max(self.missed.as_ref().map_or(0, MissedPart::end));
            self.drop_until(read);
            let from = self.first_kept().max(read);
            if is_writing || pace.saturating_sub(from) <= WINDOW {
                return;
            }
            let room = self.missed.as_ref().filter(|missed| missed.is_open()).map(|missed| missed.room(from));
            let fits = |missed: &MissedPart, most: usize| !missed.is_full(from, most, slowest);
            let costs_nobody = matches!((&self.missed, room), (Some(missed), Some(most)) if fits(missed, most));
            let is_slow = fastest.saturating_sub(from) > WINDOW;
            if !costs_nobody && (!is_slow || self.waits_for_the_slow(fastest)) {
                return;
            }
            match (self.missed.as_mut(), room) {
                (Some(missed), Some(most)) => {
                    let mut block = Vec::with_capacity(most);
                    for (at, piece) in &self.pieces {
                        let piece = &piece[(from.saturating_sub(*at) as usize).min(piece.len())..];
                        let left = most - block.len();
                        block.extend_from_slice(&piece[..piece.len().min(left)]);
                    }
                    missed.write(from, block, slowest);
                }
                _ => self.drop_until(fastest - WINDOW),
            }
            self.leave_behind();
        }
    }

    /// Drops pieces that end at `position` or before.
    fn drop_until(&mut self, position: u64) {
        let first = self.pieces.partition_point(|(at, piece)| at + piece.len() as u64 <= position);
        self.pieces.drain(..first);
    }

    /// Waits no longer for readers whose next bytes are gone.
    fn leave_behind(&mut self) {
        let mut readers = std::mem::take(&mut self.readers);
        for place in &mut readers {
            if place.is_some_and(|position| !self.has(position)) {
                *place = None;
                self.indulgence = Indulgence::new();
            }
        }
        self.readers = readers;
    }
}

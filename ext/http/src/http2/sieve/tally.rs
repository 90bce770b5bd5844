//! Small pieces of bodies that wait in `h2`.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Size below which `h2` counts a piece as small.
pub(super) const SMALL: usize = 256;
/// Streams in the tally before those that are not read any more are forgotten.
pub(super) const KNOWN: usize = 1024;
/// In place of a number of pieces: nothing reads the stream any more.
pub(super) const GONE: u32 = u32::MAX;

/// Small pieces that wait to be taken, by stream. One tally per connection, shared with its streams.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether there was ever a small piece; if not, the lock is not taken.
    used: AtomicBool,
    state: Mutex<StreamPieces>,
}

#[derive(Debug, Default)]
struct StreamPieces {
    waiting: FxHashMap<u32, u32>,
    /// Task that holds pieces back.
    holder: Option<Waker>,
}

impl Tally {
    /// Streams with fewer than `most` waiting pieces, and streams that are not read any more. `holder` is woken when
    /// there may be others.
    pub(super) fn free<'s>(&self, streams: impl Iterator<Item = &'s u32>, most: u32, holder: &Waker) -> Vec<u32> {
        let mut state = self.0.state.lock();
        let waiting = |stream: &u32| state.waiting.get(stream).copied().unwrap_or_default();
        let free = streams.copied().filter(|stream| waiting(stream) == GONE || waiting(stream) < most).collect();
        state.holder = Some(holder.clone());
        free
    }

    pub(super) fn waiting(&self, stream: u32) -> u32 {
        match self.0.used.load(Relaxed) {
            true => self.0.state.lock().waiting.get(&stream).copied().unwrap_or_default(),
            false => 0,
        }
    }

    pub(super) fn passed(&self, stream: u32) {
        self.0.used.store(true, Relaxed);
        let mut state = self.0.state.lock();
        let waiting = state.waiting.entry(stream).or_default();
        *waiting = waiting.saturating_add(1);
    }

    pub(super) fn forget(&self, stream: u32) {
        if self.0.used.load(Relaxed) {
            self.0.state.lock().waiting.remove(&stream);
        }
    }

    fn took(&self, stream: u32) {
        if !self.0.used.load(Relaxed) {
            return;
        }
        let mut state = self.0.state.lock();
        match state.waiting.get_mut(&stream) {
            Some(waiting) if *waiting != GONE => *waiting = waiting.saturating_sub(1),
            _ => return,
        }
        if let Some(holder) = state.holder.take() {
            holder.wake();
        }
    }

    fn leave(&self, stream: u32) {
        self.0.used.store(true, Relaxed);
        let mut state = self.0.state.lock();
        if state.waiting.len() > KNOWN {
            state.waiting.retain(|_, waiting| *waiting != GONE);
        }
        state.waiting.insert(stream, GONE);
        if let Some(holder) = state.holder.take() {
            holder.wake();
        }
    }
}

/// The small pieces of one stream, for the reader of the stream.
#[derive(Debug)]
pub struct Pieces {
    tally: Tally,
    stream: u32,
    ended: bool,
}

impl Pieces {
    /// The small pieces of `stream` on the connection of `tally`.
    pub fn new(tally: &Tally, stream: u32) -> Self {
        Self { tally: tally.clone(), stream, ended: false }
    }

    /// Records that a piece was taken.
    pub fn took(&self, len: usize) {
        if len < SMALL {
            self.tally.took(self.stream);
        }
    }

    /// Records that the stream is not read any more.
    pub fn end(&mut self) {
        self.ended = true;
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if !self.ended {
            self.tally.leave(self.stream);
        }
    }
}

//! Small pieces of bodies that nobody has taken yet.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// Below this `h2` takes a piece for a small one.
pub(super) const SMALL: usize = 256;
/// Streams that are known to the tally before those are forgotten that nobody reads.
pub(super) const KNOWN: usize = 1024;
/// In the place of a number of pieces: nobody will take any.
pub(super) const GONE: u32 = u32::MAX;

/// How many small pieces of each stream wait to be taken. One for each connection, shared by it and its streams.
#[derive(Debug, Clone, Default)]
pub struct Tally(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether there was ever a small piece: if not, nothing is looked up.
    used: AtomicBool,
    state: Mutex<StreamPieces>,
}

#[derive(Debug, Default)]
struct StreamPieces {
    waiting: FxHashMap<u32, u32>,
    /// Whoever holds pieces back.
    holder: Option<Waker>,
}

impl Tally {
    /// Those of the streams of which fewer than `most` pieces wait, or of which nobody will take any. `holder` is woken
    /// when there may be others.
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

/// The small pieces of one stream, from the side of whoever takes them.
#[derive(Debug)]
pub struct Pieces {
    tally: Tally,
    stream: u32,
    ended: bool,
}

impl Pieces {
    /// Those of one stream of the connection that `tally` is about.
    pub fn new(tally: &Tally, stream: u32) -> Self {
        Self { tally: tally.clone(), stream, ended: false }
    }

    /// Notes that a piece was taken.
    pub fn took(&self, len: usize) {
        if len < SMALL {
            self.tally.took(self.stream);
        }
    }

    /// Notes that there will be no more.
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

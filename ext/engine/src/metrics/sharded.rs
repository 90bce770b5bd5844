//! Counters with one writer each: every engine thread counts in a part of its own, which is made when it first counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::OnceLock;

/// Number of an engine thread, from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ThreadNumber(pub(crate) usize);

/// A `T` for each engine thread.
#[derive(Debug)]
pub(crate) struct Sharded<T> {
    parts: Box<[OnceLock<Box<T>>]>,
}

impl<T> Sharded<T> {
    /// Room for so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        Self { parts: (0..threads.max(1)).map(|_| OnceLock::new()).collect() }
    }

    /// The part of a thread. It belongs to that thread alone.
    #[inline]
    pub(crate) fn of(&self, thread: ThreadNumber, make: impl FnOnce() -> T) -> &T {
        // A reload starts no threads, so there is always a part.
        let number = thread.0.min(self.parts.len() - 1);
        self.parts[number].get_or_init(|| Box::new(make()))
    }

    /// The parts of the threads that have counted something.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().filter_map(OnceLock::get).map(|part| &**part)
    }
}

/// Adds to a counter that only this thread writes.
#[inline]
pub(crate) fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// Takes from a gauge that only this thread writes.
#[inline]
pub(crate) fn take(gauge: &AtomicU64, less: u64) {
    gauge.store(gauge.load(Relaxed).wrapping_sub(less), Relaxed);
}

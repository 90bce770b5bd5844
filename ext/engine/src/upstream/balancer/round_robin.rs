//! One after the other.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A counter that all engine threads share, so that the distribution is even over all of them together.
#[derive(Debug, Default)]
pub struct RoundRobin(AtomicUsize);

impl RoundRobin {
    /// The next of `count` places. `count` must not be 0.
    pub fn next(&self, count: usize) -> usize {
        self.0.fetch_add(1, Relaxed) % count
    }
}

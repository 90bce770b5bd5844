//! What the streams of a connection have handed over to `h2`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

/// Bytes of bodies that the streams of one connection have handed over to `h2` so far, written or not. Shared with the
/// streams. All of them live on one thread; the number is atomic because a stream that shares no connection may live on
/// any thread.
#[derive(Debug, Clone, Default)]
pub struct HandedOver(Arc<AtomicU64>);

impl HandedOver {
    /// Adds bytes.
    pub fn add(&self, bytes: usize) {
        self.0.store(self.bytes().wrapping_add(bytes as u64), Relaxed);
    }

    /// All bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

//! The flood budget of one HTTP/2 connection.
//!
//! A frame that asks for no answer, or for a trifle, costs its sender next to nothing and us some work. `h2` bounds the
//! memory of such frames; this budget bounds the work: each frame costs a part of it, and time and real work refill it.

use std::cell::Cell;
use std::time::Duration;

/// Refill per second.
const PER_SECOND: f64 = 100.0;

/// Work that the frames of a peer may still cause.
#[derive(Debug)]
pub struct FloodBudget {
    left: Cell<i64>,
    most: i64,
    flooded: Cell<bool>,
}

impl FloodBudget {
    /// A full budget of `most`, which is also its upper limit.
    pub fn new(most: i64) -> Self {
        Self { left: Cell::new(most), most, flooded: Cell::new(false) }
    }

    /// Charges the cost of a frame. When the budget is used up, it is refilled for the time since the last refill; only
    /// then is `passed` asked for that time. A budget that is still below 0 stays flooded.
    pub fn spend(&self, cost: i64, passed: impl FnOnce() -> Duration) {
        self.left.set(self.left.get() - cost);
        if self.left.get() < 0 {
            self.earn((passed().as_secs_f64() * PER_SECOND) as i64);
            self.flooded.set(self.flooded.get() || self.left.get() < 0);
        }
    }

    /// Refills the budget for real work of the peer.
    pub fn earn(&self, earned: i64) {
        self.left.set(self.left.get().saturating_add(earned).min(self.most));
    }

    /// Whether the peer has used up its budget.
    pub fn is_flooded(&self) -> bool {
        self.flooded.get()
    }
}

//! The flood budget of one HTTP/2 connection.
//!
//! A frame that asks for no answer, or for a trifle, costs its sender next to nothing and us some work. `h2` bounds the
//! memory that such frames take; this bounds the work: each frame costs something out of an allowance, which time and
//! real work refill.

use std::cell::Cell;
use std::time::Duration;

/// What a second adds to an allowance.
const PER_SECOND: f64 = 100.0;

/// What the frames of a peer may still cost.
#[derive(Debug)]
pub struct FloodBudget {
    left: Cell<i64>,
    most: i64,
    flooded: Cell<bool>,
}

impl FloodBudget {
    /// A budget of `most`, which is also the largest that it can be refilled to.
    pub fn new(most: i64) -> Self {
        Self { left: Cell::new(most), most, flooded: Cell::new(false) }
    }

    /// Takes the cost of a frame. Once the budget is used up, it is refilled for the time since it last was, which
    /// `passed` says; it is asked only then. A budget that is below 0 all the same is flooded for good.
    pub fn spend(&self, cost: i64, passed: impl FnOnce() -> Duration) {
        self.left.set(self.left.get() - cost);
        if self.left.get() < 0 {
            self.earn((passed().as_secs_f64() * PER_SECOND) as i64);
            self.flooded.set(self.flooded.get() || self.left.get() < 0);
        }
    }

    /// Refills for real work.
    pub fn earn(&self, earned: i64) {
        self.left.set(self.left.get().saturating_add(earned).min(self.most));
    }

    /// Whether the peer has sent more than it may.
    pub fn is_flooded(&self) -> bool {
        self.flooded.get()
    }
}

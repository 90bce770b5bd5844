//! One after the other.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::members::Rank;
use super::random;
use crate::upstream::backend::Backend;

/// Turns that a request takes in search of a backend before it leaves the matter to chance.
const PATIENCE: usize = 64;

/// A counter of turns that all engine threads share, so that the distribution is right over all of them together.
#[derive(Debug, Default)]
pub(super) struct Turns(AtomicUsize);

impl Turns {
    /// Turns that begin anywhere: many processes that start together are not to begin with the same backend.
    pub(super) fn anywhere() -> Self {
        Self(AtomicUsize::new(fastrand::u32(..) as usize))
    }

    /// The index of the next one that `can` take a request. The turns of those that cannot are left out, so that the others
    /// share what is theirs as their weights say.
    pub(super) fn next(&self, rank: &Rank, can: &impl Fn(&Backend) -> bool) -> Option<usize> {
        let (backends, schedule) = (rank.backends(), rank.schedule());
        let round = schedule.len();
        for turn in 0..PATIENCE.min(round) {
            let index = schedule.place(self.0.fetch_add(1, Relaxed) % round);
            let backend = backends.get(index)?;
            if can(backend) && takes_its_turn(backend) {
                return Some(index);
            }
            // Where nobody can, nobody's turns are used up.
            if turn == 0 && !backends.iter().any(|backend| can(backend)) {
                return None;
            }
        }
        random::one(backends, can)
    }
}

/// One that starts slowly lets turns go by, the more the newer it is.
fn takes_its_turn(backend: &Backend) -> bool {
    let traits = backend.settings();
    traits.slow_start.is_none() || {
        let (share, whole) = (u64::from(backend.share()), u64::from(traits.weight) * 256);
        share >= whole || fastrand::u64(..whole) < share
    }
}

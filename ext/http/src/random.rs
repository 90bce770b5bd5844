//! Random numbers that need not be secret: request ids, and the masks and keys of WebSockets.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use fastrand::Rng;

thread_local! {
    /// Two generators of 64 bits each, both seeded from the operating system, so that threads and restarts do not
    /// repeat each other's numbers.
    static GENERATORS: RefCell<(Rng, Rng)> = RefCell::new((seeded(), seeded()));
}

/// A generator with a random seed: `RandomState` takes its keys from the operating system.
fn seeded() -> Rng {
    Rng::with_seed(RandomState::new().hash_one(std::thread::current().id()))
}

/// A random number of 128 bits. It is not secret and must not be used as a secret.
pub fn number() -> u128 {
    GENERATORS.with_borrow_mut(|(high, low)| u128::from(high.u64(..)) << 64 | u128::from(low.u64(..)))
}

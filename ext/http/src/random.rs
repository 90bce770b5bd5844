//! Random numbers for what need not be secret: request ids, the masks and keys of WebSockets.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use fastrand::Rng;

thread_local! {
    /// Two generators of 64 bits each, both seeded from the operating system, so that neither threads nor restarts
    /// come near each other.
    static GENERATORS: RefCell<(Rng, Rng)> = RefCell::new((seeded(), seeded()));
}

/// `RandomState` takes its keys from the operating system.
fn seeded() -> Rng {
    Rng::with_seed(RandomState::new().hash_one(std::thread::current().id()))
}

/// A number of 128 random bits. It is no secret and must not be used as one.
pub fn number() -> u128 {
    GENERATORS.with_borrow_mut(|(high, low)| u128::from(high.u64(..)) << 64 | u128::from(low.u64(..)))
}

//! Keys whose answers are known not to be for others: requests for them do not wait for each other.

use quick_cache::sync::Cache;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::Millis;

/// Most keys.
const MOST_PASSES: usize = 10_000;
/// Time for which that is known, in milliseconds.
const PASS_TIME: Millis = 60_000;

/// Keys whose answers are known not to be for others, by a hash: two keys with one hash only wait less.
#[derive(Debug)]
pub(crate) struct Passes(Cache<u64, Millis>);

impl Default for Passes {
    fn default() -> Self {
        Self(Cache::new(MOST_PASSES))
    }
}

impl Passes {
    /// Whether the answers for a key are known not to be for others. `kind` tells apart requests that do not take each
    /// other's answers.
    pub(crate) fn has(&self, key: &[u8], kind: &[u8], now: Millis) -> bool {
        self.0.get(&hash(key, kind)).is_some_and(|until| now < until)
    }

    /// Notes that the answers for a key are not for others.
    pub(crate) fn add(&self, key: &[u8], kind: &[u8], now: Millis) {
        self.0.insert(hash(key, kind), now + PASS_TIME);
    }

    /// Notes that the answers for a key are for others after all.
    pub(crate) fn remove(&self, key: &[u8], kind: &[u8]) {
        self.0.remove(&hash(key, kind));
    }
}

fn hash(key: &[u8], kind: &[u8]) -> u64 {
    xxh3_64_with_seed(key, xxh3_64(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_forgotten_after_a_time() {
        let passes = Passes::default();
        passes.add(b"k", b"", 1000);
        assert!(passes.has(b"k", b"", 60_999) && !passes.has(b"k", b"", 61_000));
        assert!(!passes.has(b"x", b"", 1000) && !passes.has(b"k", b"x", 1000));
        passes.remove(b"k", b"");
        assert!(!passes.has(b"k", b"", 1000));
    }
}

//! The windows of all keys of one limit, shared by the engine threads.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::window::{Limit, Taken, Window};

/// Number of shards. Each has its own lock, so that threads seldom contend.
const SHARDS: usize = 16;
/// Number of keys from which sharding is worthwhile. With fewer, the shards would fill unevenly.
const WORTH_SHARDING: usize = 4096;

/// Counts by key, within bounded memory.
///
/// A key is kept as a number, hashed with a secret of this limit, so that an outsider cannot construct a second key
/// with an equal number. Each shard has two halves. A key that is seen goes to the young half. When that is full, or
/// the period has passed, the old half is dropped and the young half becomes the old one. So expired keys leave first,
/// and then the keys that were not seen for the longest time.
#[derive(Debug)]
pub(in crate::filter) struct Counts {
    pub(super) limit: Limit,
    pub(super) shards: Box<[Mutex<Shard>]>,
    /// Keys that a half of a shard holds.
    half: usize,
    /// Made with the first count, unless another process has told its own.
    pub(super) secret: OnceLock<(u64, u64)>,
    /// A period before the counts were made: the times of requests that another process has counted are no less.
    begin: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub(super) young: HashMap<u64, Window>,
    pub(super) old: HashMap<u64, Window>,
    /// When the halves were last swapped.
    pub(super) turned: u64,
}

impl Counts {
    /// Counts for up to `keys` keys.
    pub(super) fn new(limit: Limit, keys: usize) -> Self {
        let shards = if keys < WORTH_SHARDING { 1 } else { SHARDS };
        Self {
            limit,
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            half: (keys / shards / 2).max(1),
            secret: OnceLock::new(),
            begin: Instant::now().checked_sub(Duration::from_nanos(limit.span)).unwrap_or_else(Instant::now),
        }
    }

    /// Counts a request with this key, if it may pass.
    pub(super) fn take(&self, key: impl std::hash::Hash) -> Taken {
        self.take_at(self.number_of(key), self.now())
    }

    /// Nanoseconds since the begin.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// The number that stands for a key: SipHash with the secret.
    #[allow(deprecated, reason = "no other hash of the standard library takes the secret of another process")]
    fn number_of(&self, key: impl std::hash::Hash) -> u64 {
        let (first, second) = *self.secret();
        let mut hasher = std::hash::SipHasher::new_with_keys(first, second);
        key.hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn secret(&self) -> &(u64, u64) {
        let random = || RandomState::new().build_hasher().finish();
        self.secret.get_or_init(|| (random(), random()))
    }

    /// Keys that a half of a shard holds.
    pub(super) fn half(&self) -> usize {
        self.half
    }

    fn take_at(&self, key: u64, now: u64) -> Taken {
        let shard = &self.shards[key as usize % self.shards.len()];
        // Dropped only after the lock is released. The lock is held just for a look into two tables.
        let mut forgotten = [HashMap::new(), HashMap::new()];
        let mut shard = shard.lock();
        if now.saturating_sub(shard.turned) >= self.limit.span {
            forgotten[0] = shard.turn(now);
        }
        if !shard.young.contains_key(&key) {
            let window = shard.old.remove(&key).unwrap_or_default();
            if shard.young.len() >= self.half {
                forgotten[1] = shard.turn(now);
            }
            shard.young.insert(key, window);
        }
        shard.young.entry(key).or_default().take(self.limit, now)
    }
}

impl Shard {
    /// Makes the young half the old one, and returns the former old half.
    fn turn(&mut self, now: u64) -> HashMap<u64, Window> {
        self.turned = now;
        std::mem::replace(&mut self.old, std::mem::take(&mut self.young))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: u64 = 1600;

    fn counts(requests: u64, keys: usize) -> Counts {
        Counts::new(Limit { requests, span: SPAN }, keys)
    }

    fn held(counts: &Counts) -> usize {
        counts.shards.iter().map(|shard| shard.lock()).map(|shard| shard.young.len() + shard.old.len()).sum()
    }

    #[test]
    fn keys_count_apart() {
        let counts = counts(1, 100);
        assert!(counts.take_at(1, 0).passed);
        assert!(counts.take_at(2, 0).passed);
        assert!(!counts.take_at(1, 1).passed);
    }

    #[test]
    fn a_key_is_remembered_as_long_as_it_counts() {
        let counts = counts(1, 100);
        for begin in [0, 100, 1500, 1599] {
            let key = 7 + begin;
            assert!(counts.take_at(key, begin).passed);
            for now in (begin..begin + SPAN).step_by(50) {
                counts.take_at(1_000_000 + now, now);
            }
            assert!(!counts.take_at(key, begin + SPAN - 1).passed, "begun at {begin}");
            assert!(counts.take_at(key, begin + SPAN).passed, "begun at {begin}");
        }
    }

    #[test]
    fn expired_keys_leave_by_themselves() {
        let counts = counts(1, 10_000);
        (0..1000).for_each(|key| assert!(counts.take_at(key, 0).passed));
        assert_eq!(held(&counts), 1000);
        (0..160).for_each(|key| assert!(counts.take_at(key, SPAN).passed));
        (0..160).for_each(|key| assert!(counts.take_at(key, 2 * SPAN).passed));
        assert!(held(&counts) < 400, "{}", held(&counts));
    }

    #[test]
    fn memory_is_bounded_and_the_keys_idle_longest_are_forgotten() {
        let counts = counts(1, 1000);
        assert!(counts.take_at(0, 0).passed);
        for key in 1..100_000 {
            assert!(counts.take_at(key, 1).passed);
            // A key that is seen often is not forgotten.
            assert!(!counts.take_at(0, 1).passed, "after {key}");
            assert!(held(&counts) <= 1001);
        }
        assert!(!counts.take_at(99_900, 1).passed);
        assert!(counts.take_at(1, 1).passed, "it begins anew");
    }

    #[test]
    fn exactly_so_many_pass_whatever_the_number_of_threads() {
        let counts = Counts::new(Limit { requests: 500, span: 3_600_000_000_000 }, 10_000);
        let passed: usize = std::thread::scope(|scope| {
            let take = || (0..1000).filter(|_| counts.take("the key").passed).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a count")).sum()
        });
        assert_eq!(passed, 500);
    }
}

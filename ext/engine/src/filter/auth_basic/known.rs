//! A cache of credentials that were recently verified, so that a person's second request costs no hashing.

use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::{error::Unspecified, hmac, rand};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Credentials that are remembered, at most.
const CAPACITY: usize = 1024;
/// Time for which credentials are remembered.
const LIFETIME: Duration = Duration::from_secs(300);

/// Keyed digest of a user and a password: it reveals neither to anyone without the key.
pub(super) type CredentialsDigest = [u8; 32];

/// The cache of right credentials. Wrong ones are never remembered: their number has no limit.
#[derive(Debug)]
pub(super) struct KnownCredentials {
    /// Random key, only in memory.
    key: hmac::Key,
    expiries: Mutex<HashMap<CredentialsDigest, Instant>>,
}

impl KnownCredentials {
    /// An empty cache.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub(super) fn new() -> Result<Self, Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?;
        Ok(Self { key, expiries: Mutex::default() })
    }

    /// The digest of these credentials.
    pub(super) fn digest(&self, user: &[u8], password: &[u8]) -> CredentialsDigest {
        let mut context = hmac::Context::with_key(&self.key);
        // The length of the user is hashed too, so that the border between user and password counts.
        context.update(&(user.len() as u64).to_le_bytes());
        context.update(user);
        context.update(password);
        let mut digest = CredentialsDigest::default();
        for (byte, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *byte = *from;
        }
        digest
    }

    /// Whether these credentials were recently verified.
    pub(super) fn has(&self, digest: &CredentialsDigest, now: Instant) -> bool {
        self.expiries.lock().get(digest).is_some_and(|expiry| now < *expiry)
    }

    /// Remembers these credentials. When the cache is full, expired ones are dropped, or else the oldest.
    pub(super) fn add(&self, digest: CredentialsDigest, now: Instant) {
        let mut expiries = self.expiries.lock();
        if expiries.len() >= CAPACITY {
            expiries.retain(|_, expiry| now < *expiry);
        }
        if expiries.len() >= CAPACITY {
            let oldest = expiries.iter().min_by_key(|(_, expiry)| **expiry).map(|(digest, _)| *digest);
            oldest.map(|digest| expiries.remove(&digest));
        }
        expiries.insert(digest, now + LIFETIME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> KnownCredentials {
        KnownCredentials::new().expect("random numbers")
    }

    #[test]
    fn credentials_are_known_for_five_minutes_and_no_others_with_them() {
        let known = empty();
        let now = Instant::now();
        let digest = known.digest(b"ann", b"secret");
        assert!(!known.has(&digest, now));
        known.add(digest, now);
        assert!(known.has(&known.digest(b"ann", b"secret"), now + Duration::from_secs(299)));
        assert!(!known.has(&digest, now + Duration::from_secs(300)));
        for (user, password) in [("ann", "Secret"), ("anns", "ecret"), ("an", "nsecret"), ("", "annsecret")] {
            assert!(!known.has(&known.digest(user.as_bytes(), password.as_bytes()), now), "{user}:{password}");
        }
    }

    #[test]
    fn the_same_credentials_look_different_elsewhere() {
        assert_ne!(empty().digest(b"ann", b"secret"), empty().digest(b"ann", b"secret"));
    }

    #[test]
    fn the_oldest_leaves_a_full_memory() {
        let known = empty();
        let begin = Instant::now();
        let at = |i: usize| begin + Duration::from_millis(i as u64);
        let digest = |i: usize| known.digest(&i.to_le_bytes(), b"");
        for i in 0..=CAPACITY {
            known.add(digest(i), at(i));
        }
        assert_eq!(known.expiries.lock().len(), CAPACITY);
        assert!(!known.has(&digest(0), at(CAPACITY)));
        assert!(known.has(&digest(1), at(CAPACITY)) && known.has(&digest(CAPACITY), at(CAPACITY)));
    }
}

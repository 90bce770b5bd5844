//! The number that a request goes by in logs and in `X-Request-Id`.

use std::cell::RefCell;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use fastrand::Rng;

/// A random number of 128 bits, written as 32 hexadecimal digits. It tells requests apart; it is no secret and must not
/// be used as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RequestId(u128);

thread_local! {
    /// Two generators of 64 bits each, both seeded from the operating system, so that neither threads nor restarts
    /// come near each other.
    static GENERATORS: RefCell<(Rng, Rng)> = RefCell::new((seeded(), seeded()));
}

/// `RandomState` takes its keys from the operating system.
fn seeded() -> Rng {
    Rng::with_seed(RandomState::new().hash_one(std::thread::current().id()))
}

impl RequestId {
    /// Hexadecimal digits of the short form.
    pub const SHORT: usize = 12;

    /// A number that no request had before.
    pub fn random() -> Self {
        GENERATORS.with_borrow_mut(|(high, low)| Self(u128::from(high.u64(..)) << 64 | u128::from(low.u64(..))))
    }

    /// The number itself.
    pub(crate) fn number(self) -> u128 {
        self.0
    }

    /// All 32 digits, without allocating.
    pub fn full(self) -> [u8; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0.to_be_bytes()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        text
    }

    /// The first [`RequestId::SHORT`] digits, enough to find a request in a log.
    pub fn short(self) -> [u8; Self::SHORT] {
        let mut text = [0; Self::SHORT];
        text.copy_from_slice(&self.full()[..Self::SHORT]);
        text
    }
}

impl From<u128> for RequestId {
    fn from(number: u128) -> Self {
        Self(number)
    }
}

impl fmt::Display for RequestId {
    /// The full form.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.full()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_forms_agree() {
        let id = RequestId::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.to_string(), "0123456789abcdef0011223344556677");
        assert_eq!(&id.full(), b"0123456789abcdef0011223344556677");
        assert_eq!(&id.short(), b"0123456789ab");
    }

    #[test]
    fn threads_draw_different_numbers() {
        let draw = || std::thread::spawn(|| (0..1_000).map(|_| RequestId::random().short()).collect::<Vec<_>>());
        let threads: Vec<_> = (0..4).map(|_| draw()).collect();
        let ids: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect();
        assert_eq!(ids.len(), 4_000);
    }
}

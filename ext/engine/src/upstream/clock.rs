//! Time as a number that fits into an atomic.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Milliseconds since this process first asked, counted from 1: 0 is free to mean "never".
pub(super) fn now() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    millis(BEGIN.get_or_init(Instant::now).elapsed()).saturating_add(1)
}

/// A span of time in the same unit; one that is too long to be counted is as long as can be.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

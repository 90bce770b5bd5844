//! Time as a number that fits into an atomic: the time since this process first asked, equal for all threads.
//!
//! Every duration in the engine is measured by tokio's clock, so that a test which pauses that clock controls all of
//! them.

#[cfg(test)]
pub(crate) mod simulated;

#[cfg(not(test))]
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Milliseconds since the start of this clock, counted from 1: 0 is free to mean "never".
pub(crate) fn now() -> u64 {
    millis(since_begin(Instant::now())).saturating_add(1)
}

/// The time of day.
#[inline]
pub(crate) fn time_of_day() -> SystemTime {
    #[cfg(test)]
    if let Some(time) = simulated::time_of_day() {
        return time;
    }
    SystemTime::now()
}

/// A duration in milliseconds, at most `u64::MAX`.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Microseconds from the start of this clock until `at`, counted from 1.
pub(crate) fn micros(at: Instant) -> u64 {
    let since = since_begin(at);
    since.as_secs() * 1_000_000 + u64::from(since.subsec_micros()) + 1
}

fn since_begin(at: Instant) -> Duration {
    #[cfg(test)]
    return at.saturating_duration_since(simulated::begin());
    #[cfg(not(test))]
    {
        static BEGIN: OnceLock<Instant> = OnceLock::new();
        at.saturating_duration_since(*BEGIN.get_or_init(Instant::now))
    }
}

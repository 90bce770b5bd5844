//! Values as the engine takes them.

use std::time::Duration;

/// Longest time limit that is taken as it is written: ten years. Anything longer means the same.
const LONGEST: f64 = 315_360_000.0;

/// A number of seconds; `None` if it is negative or no number.
pub(crate) fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(LONGEST)).ok().filter(|_| !seconds.is_nan())
}

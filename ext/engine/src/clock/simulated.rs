//! The beginning of time where tests pause and move clocks.

use std::cell::Cell;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

thread_local! {
    static BEGIN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Lets time begin now on this thread, so that a simulated run finds the numbers of the last one.
pub(crate) fn begin_here() {
    BEGIN.set(Some(Instant::now()));
}

/// Ends that: other tests may follow on this thread.
pub(crate) fn end_here() {
    BEGIN.set(None);
}

/// The time of day in a simulated run, the same in all of them. `None` on threads that have none.
pub(super) fn time_of_day() -> Option<SystemTime> {
    const BEGIN_OF_RUN: Duration = Duration::from_secs(1_700_000_000);
    BEGIN.get().map(|begin| SystemTime::UNIX_EPOCH + BEGIN_OF_RUN + begin.elapsed())
}

/// Whether a simulated run has this thread.
pub(crate) fn is_here() -> bool {
    BEGIN.get().is_some()
}

/// When time began: on this thread, or else for the process. A clock that a test has moved, or that stands still, must
/// not be before that.
pub(super) fn begin() -> Instant {
    const BEFORE: Duration = Duration::from_secs(3600);
    static PROCESS: OnceLock<Instant> = OnceLock::new();
    let of_process = || *PROCESS.get_or_init(|| Instant::from_std(std_now()) - BEFORE);
    BEGIN.get().unwrap_or_else(of_process)
}

#[allow(clippy::disallowed_types, reason = "what a test does with its clock does not concern the others")]
fn std_now() -> std::time::Instant {
    std::time::Instant::now()
}

//! The wait for the first good check of a backend.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::futures::Notified;
use tokio::sync::Notify;

/// Wakes requests that wait for the first good check of a backend.
#[derive(Debug, Default)]
pub(crate) struct FirstCheck {
    waiting: AtomicUsize,
    happened: Notify,
}

/// A waiting request, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct FirstCheckWaiter<'a>(&'a FirstCheck);

impl FirstCheck {
    /// Counts one more waiting request. `limit` is the most there may be; 0 is no limit.
    pub(crate) fn enter(&self, limit: usize) -> Option<FirstCheckWaiter<'_>> {
        let one_more = |count| (limit == 0 || count < limit).then_some(count + 1);
        self.waiting.fetch_update(Relaxed, Relaxed, one_more).ok().map(|_| FirstCheckWaiter(self))
    }

    /// Requests that wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Wakes them all.
    pub(super) fn happened(&self) {
        self.happened.notify_waiters();
    }

    /// Waits for the next one.
    pub(crate) fn notified(&self) -> Notified<'_> {
        self.happened.notified()
    }
}

impl Drop for FirstCheckWaiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

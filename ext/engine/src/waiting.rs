//! What threads sleep at: a lock and a condition that survive a `fork`.
//!
//! parking_lot keeps every sleeping thread of the process in one table. A child of `fork` inherits that table, but not the threads:
//! the first thread of its own that touches such an entry reads memory that is gone. The standard library's lock and condition
//! keep nothing but a number each, so a server can be started in the child of a process that runs one. Locks that are held for
//! moments, where hardly ever a thread sleeps, may be parking_lot's.

use std::sync::{self, MutexGuard, PoisonError};

use tokio::time::Instant;

/// A lock that no panic makes unusable.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes those who wait for a change of what a [`Mutex`] guards.
#[derive(Debug, Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for the next change, or for none.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, no longer than until `deadline`. `true` if that was reached.
    pub(crate) fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, deadline: Instant) -> (MutexGuard<'a, T>, bool) {
        let left = deadline.saturating_duration_since(Instant::now());
        let (guard, result) = self.0.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner);
        (guard, result.timed_out())
    }
}

//! Lock and condition variable that survive a `fork`.
//!
//! Rule for locks in the engine: use parking_lot's `Mutex` if nothing under the lock may wait, neither for a system
//! call nor for another lock. Use the types of this module everywhere else. No lock is held across an `await`.
//!
//! The reason: parking_lot keeps all sleeping threads of the process in one table. A child of `fork` inherits the
//! table, but not the threads: its first thread that touches such an entry reads memory that is gone. The standard
//! library's types hold only a number each, so a server can be started in the child of a process that runs one. Where a
//! lock is held only for moments, threads hardly ever sleep.

use std::sync::{self, MutexGuard, PoisonError};

use tokio::time::Instant;

/// A lock that stays usable after a panic.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes threads that wait for a change of a [`Mutex`]'s content.
#[derive(Debug, Default)]
pub(crate) struct Condvar(sync::Condvar);

impl Condvar {
    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for the next change. May return without one.
    pub(crate) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
        self.0.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next change until `deadline`; may return without one. `true` if the deadline was reached.
    pub(crate) fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, deadline: Instant) -> (MutexGuard<'a, T>, bool) {
        let left = deadline.saturating_duration_since(Instant::now());
        let (guard, result) = self.0.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner);
        (guard, result.timed_out())
    }
}

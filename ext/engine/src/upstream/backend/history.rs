//! The state and the counters of a backend, which a reload carries over.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::status::{Ramp, Status};
use super::Backend;
use crate::latency::{Histogram, LatencyWindow};
use crate::upstream::backend::outlier::OutlierRecord;
use crate::upstream::backend::rise_fall::CheckRecord;

/// The state and the counters of a backend. A reload carries them over: requests of both configurations are then
/// counted together, and idle connections stay in the pools.
#[derive(Debug)]
pub(super) struct History {
    /// Key of its connections in the pools.
    pub(super) id: u64,
    /// Whether a request may wait for the end of another one.
    pub(super) limited: AtomicBool,
    pub(super) status: Status,
    /// Whether it was out of service when an event was last told of it.
    pub(super) is_out: AtomicBool,
    pub(super) ramp: Ramp,
    /// Whether its latest attempt failed.
    pub(super) failing: AtomicBool,
    /// Whether a connection probe runs.
    pub(super) probed: AtomicBool,
    /// Asks for a health check at once.
    pub(super) check_now: Arc<Notify>,
    /// Whether its last TLS handshake agreed on HTTP/1.1 although HTTP/2 was offered.
    pub(super) prefers_http1: AtomicBool,
    pub(super) in_flight: AtomicU64,
    /// Tunnels that are open there, or asked for.
    pub(super) tunnels: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
    /// Times until a response began, from the beginning of the attempt.
    pub(super) latency: Histogram,
    pub(super) recent: LatencyWindow,
    pub(super) checks: Mutex<CheckRecord>,
    pub(super) outlier: Mutex<OutlierRecord>,
}

/// A number that no other backend of this process has.
fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    #[cfg(test)]
    if let Some(id) = tests::NEXT_HERE.get() {
        tests::NEXT_HERE.set(Some(id + 1));
        return id;
    }
    NEXT.fetch_add(1, Relaxed)
}

impl History {
    /// The history of a new backend.
    pub(super) fn new() -> Self {
        Self {
            id: next_id(),
            limited: AtomicBool::new(false),
            status: Status::default(),
            is_out: AtomicBool::new(false),
            ramp: Ramp::default(),
            failing: AtomicBool::new(false),
            probed: AtomicBool::new(false),
            check_now: Arc::default(),
            prefers_http1: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            tunnels: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            latency: Histogram::default(),
            recent: LatencyWindow::default(),
            checks: Mutex::default(),
            outlier: Mutex::default(),
        }
    }
}

/// A weak reference to a backend, under this configuration or a later one.
#[derive(Debug, Clone)]
pub(crate) struct WeakBackend(Weak<History>);

impl WeakBackend {
    pub(super) fn of(history: &Arc<History>) -> Self {
        Self(Arc::downgrade(history))
    }

    /// Whether the backend is still there.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Backend {
    /// Carries the state of `before` over, if both are connected to in the same way. `false` if they are not.
    pub(in crate::upstream) fn carry_over(self: &mut Arc<Self>, before: &Self) -> bool {
        let name = |backend: &Self| backend.tls.as_ref().map(|tls| tls.name.clone());
        let same = self.label == before.label && self.address == before.address && name(self) == name(before);
        let same = same && self.protocol() == before.protocol();
        match Arc::get_mut(self).filter(|_| same) {
            Some(own) => {
                own.history = Arc::clone(&before.history);
                own.history.limited.fetch_or(own.settings.max_connections.is_some(), Relaxed);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// The next number on this thread, whose backends no other thread meets; `None`: that of the process.
        pub(super) static NEXT_HERE: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// Numbers the backends of this thread from 1, so that a simulated run finds the numbers of the last one.
    pub(crate) fn number_here() {
        NEXT_HERE.set(Some(1));
    }
}

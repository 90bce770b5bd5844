//! What happened at an endpoint, which outlives a configuration.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::status::{Ramp, Status};
use super::Endpoint;
use crate::upstream::health::{passive, rise_fall};

/// What happened at an endpoint so far. It is carried over a reload: requests of both configurations are then counted together, and idle
/// connections stay in the pools.
#[derive(Debug)]
pub(super) struct History {
    /// Whose connections in the pools are.
    pub(super) id: u64,
    /// Whether somebody may wait for one of its requests to end.
    pub(super) limited: AtomicBool,
    pub(super) status: Status,
    pub(super) ramp: Ramp,
    /// Whether its latest attempt failed.
    pub(super) failing: AtomicBool,
    /// Whether it did not agree to HTTP/2 where it might have.
    pub(super) prefers_http1: AtomicBool,
    pub(super) in_flight: AtomicU64,
    /// Tunnels that are open there, or asked for.
    pub(super) tunnels: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) checks: Mutex<rise_fall::Record>,
    pub(super) conduct: Mutex<passive::Record>,
}

impl History {
    /// Nothing has happened yet.
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self {
            id: NEXT.fetch_add(1, Relaxed),
            limited: AtomicBool::new(false),
            status: Status::default(),
            ramp: Ramp::default(),
            failing: AtomicBool::new(false),
            prefers_http1: AtomicBool::new(false),
            in_flight: AtomicU64::new(0),
            tunnels: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            checks: Mutex::default(),
            conduct: Mutex::default(),
        }
    }
}

/// Tells whether there is an endpoint of some id, under this configuration or a later one.
#[derive(Debug, Clone)]
pub(crate) struct Trace(Weak<History>);

impl Trace {
    pub(super) fn of(history: &Arc<History>) -> Self {
        Self(Arc::downgrade(history))
    }

    /// Whether there is one.
    pub(crate) fn is_alive(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Endpoint {
    /// Carries the state of `before` over, if both are connected to in the same way. `false` if they are not.
    pub(in crate::upstream) fn carry_over(self: &mut Arc<Self>, before: &Self) -> bool {
        let name = |endpoint: &Self| endpoint.tls.as_ref().map(|tls| tls.name.clone());
        let same = self.label == before.label && self.place == before.place && name(self) == name(before);
        let same = same && self.protocol() == before.protocol();
        match Arc::get_mut(self).filter(|_| same) {
            Some(own) => {
                own.history = Arc::clone(&before.history);
                own.history.limited.fetch_or(own.traits.max_connections.is_some(), Relaxed);
                true
            }
            None => false,
        }
    }
}

//! Counting what happens. Each engine thread counts for itself; whoever asks adds up.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use crate::server::{ConnectionStats, RequestStats};

/// The figures of one engine thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    accepted: AtomicU64,
    active: AtomicU64,
    handshakes_failed: AtomicU64,
    in_flight: AtomicU64,
    /// Answers by the first digit of their status, 1 to 5; 0 for anything else.
    classes: [AtomicU64; 6],
    client_closed: AtomicU64,
    upgraded: AtomicU64,
    tunnels: AtomicU64,
}

impl Counters {
    /// A connection was handed to the thread. Counted by the acceptor, so that the next one sees it.
    pub(crate) fn connection_opened(&self) {
        self.accepted.fetch_add(1, Relaxed);
        self.active.fetch_add(1, Relaxed);
    }

    /// A connection is over.
    pub(crate) fn connection_closed(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// A client's TLS handshake came to nothing.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// Connections of this thread.
    pub(crate) fn active(&self) -> u64 {
        self.active.load(Relaxed)
    }

    /// A request begins.
    pub(crate) fn request_began(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// A request is over.
    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// An answer is about to leave, so that whoever has it finds it counted. 499: there is nobody left to answer.
    pub(crate) fn answered(&self, status: u16) {
        if status == 499 {
            self.client_closed.fetch_add(1, Relaxed);
        }
        // A backend may answer with anything up to 999.
        let class = usize::from(status / 100);
        self.classes[if class < self.classes.len() { class } else { 0 }].fetch_add(1, Relaxed);
    }

    /// A tunnel begins, which lasts until what is returned is dropped.
    pub(crate) fn tunnel(self: &Arc<Self>) -> Tunnel {
        self.upgraded.fetch_add(1, Relaxed);
        self.tunnels.fetch_add(1, Relaxed);
        Tunnel(Arc::clone(self))
    }

    /// Adds this thread's figures.
    pub(crate) fn add_to(&self, connections: &mut ConnectionStats, requests: &mut RequestStats) {
        let class = |n: usize| self.classes[n].load(Relaxed);
        connections.accepted += self.accepted.load(Relaxed);
        connections.active += self.active.load(Relaxed);
        connections.handshakes_failed += self.handshakes_failed.load(Relaxed);
        requests.in_flight += self.in_flight.load(Relaxed);
        requests.total += (0..6).map(class).sum::<u64>();
        requests.status_1xx += class(1);
        requests.status_2xx += class(2);
        requests.status_3xx += class(3);
        requests.status_4xx += class(4);
        requests.status_5xx += class(5);
        requests.client_closed += self.client_closed.load(Relaxed);
        requests.upgraded += self.upgraded.load(Relaxed);
        requests.tunnels += self.tunnels.load(Relaxed);
    }
}

/// A connection that was upgraded, while it lasts: also one that is ended with the server.
#[derive(Debug)]
pub(crate) struct Tunnel(Arc<Counters>);

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.0.tunnels.fetch_sub(1, Relaxed);
    }
}

//! Counters of events. Each engine thread has its own counters; a reader adds them up.
//!
//! What is told apart by names, such as the requests of a route, is in the [`registry`], and only counted where
//! somebody can ask for it.

mod code;
mod exemplar;
mod exposition;
pub(crate) mod families;
mod histogram;
mod kept;
mod listener;
mod process;
mod registry;
mod request_counts;
mod requests;
mod route;
mod scrape;
mod sharded;
mod upstream;

pub(crate) use code::{class_index, CLASSES};
pub(crate) use exemplar::Exemplar;
pub(crate) use exposition::{Exposition, ExpositionForm};
pub(crate) use histogram::{Buckets, BUCKETS};
pub(crate) use listener::{ListenerSeries, OpenConnection, SpokenProtocol};
pub(crate) use process::ProcessFigures;
pub(crate) use registry::MetricsRegistry;
pub(crate) use request_counts::METHODS;
pub(crate) use requests::RequestMetrics;
pub(crate) use route::CountedRequest;
pub(crate) use scrape::ScrapeQuestion;
pub(crate) use sharded::ThreadNumber;
pub(crate) use upstream::{
    BackendFigures, BackendSeries, FailureReason, UpstreamFigures, UpstreamSeries, FAILURE_REASONS,
};

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::latency::LatencyHistogram;
use crate::stats::Stats;

/// Label of all things for which there are too many.
pub(crate) const OTHER: &str = "_other";

/// Exchanges that last until one side ends them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LongLivedKind {
    /// A connection, or a stream of one, that was upgraded.
    Tunnel,
    /// A response of server-sent events.
    EventStream,
}

/// Counters of one engine thread.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Counters {
    /// Number of the thread.
    thread: ThreadNumber,
    accepted: AtomicU64,
    active: AtomicU64,
    handshakes_failed: AtomicU64,
    /// TLS handshakes that succeeded, by [`HANDSHAKES`].
    handshakes: [AtomicU64; HANDSHAKES.len()],
    /// Bytes of request bodies and response bodies, where requests are counted.
    request_bytes: AtomicU64,
    response_bytes: AtomicU64,
    in_flight: AtomicU64,
    /// Responses by the first digit of their status, 1 to 5; 0 for anything else.
    classes: [AtomicU64; 6],
    client_closed: AtomicU64,
    upgraded: AtomicU64,
    tunnels: LongLivedCounts,
    event_streams: LongLivedCounts,
    /// Requests that were in flight when the server had to end.
    cut: AtomicU64,
    /// Times until a response began.
    latency: LatencyHistogram,
}

/// Version and result of TLS handshakes that succeeded.
pub(crate) const HANDSHAKES: [(&str, &str); 4] =
    [("1.2", "full"), ("1.2", "resumed"), ("1.3", "full"), ("1.3", "resumed")];

/// Counters of tunnels or event streams.
#[derive(Debug, Default)]
struct LongLivedCounts {
    open: AtomicU64,
    cut: AtomicU64,
}

impl Counters {
    /// Counters of the thread with this number.
    pub(crate) fn of(thread: ThreadNumber) -> Self {
        Self { thread, ..Self::default() }
    }

    /// Number of the thread.
    #[inline]
    pub(crate) fn thread(&self) -> ThreadNumber {
        self.thread
    }

    /// Counts a TLS handshake that succeeded.
    pub(crate) fn handshake_succeeded(&self, is_newest: bool, resumed: bool) {
        self.handshakes[usize::from(is_newest) * 2 + usize::from(resumed)].fetch_add(1, Relaxed);
    }

    /// TLS handshakes that succeeded, by [`HANDSHAKES`], and those that failed.
    pub(crate) fn handshakes(&self) -> ([u64; HANDSHAKES.len()], u64) {
        let mut counts = [0; HANDSHAKES.len()];
        for (count, handshakes) in counts.iter_mut().zip(&self.handshakes) {
            *count = handshakes.load(Relaxed);
        }
        (counts, self.handshakes_failed.load(Relaxed))
    }

    /// Counts the bodies of a request and of its response. Only the thread itself may call this.
    #[inline]
    pub(crate) fn moved(&self, request: u64, response: u64) {
        sharded::add(&self.request_bytes, request);
        sharded::add(&self.response_bytes, response);
    }

    /// Bytes of request bodies and of response bodies.
    pub(crate) fn bytes(&self) -> [u64; 2] {
        [self.request_bytes.load(Relaxed), self.response_bytes.load(Relaxed)]
    }

    /// Counts a connection that is handed to the thread. The acceptor calls this, so that its next choice includes it.
    pub(crate) fn connection_opened(&self) {
        self.accepted.fetch_add(1, Relaxed);
        self.active.fetch_add(1, Relaxed);
    }

    /// Counts the end of a connection.
    pub(crate) fn connection_closed(&self) {
        self.active.fetch_sub(1, Relaxed);
    }

    /// Counts a failed TLS handshake of a client.
    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Relaxed);
    }

    /// Open connections of this thread.
    pub(crate) fn active(&self) -> u64 {
        self.active.load(Relaxed)
    }

    /// Counts the beginning of a request.
    pub(crate) fn request_began(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// Counts the end of a request.
    pub(crate) fn request_ended(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Counts a response that is about to be sent, so that a client that has it finds it counted. 499: the client has
    /// gone.
    pub(crate) fn answered(&self, status: u16) {
        if status == 499 {
            self.client_closed.fetch_add(1, Relaxed);
        }
        // A backend may send any status up to 999.
        let class = usize::from(status / 100);
        self.classes[if class < self.classes.len() { class } else { 0 }].fetch_add(1, Relaxed);
    }

    /// Counts the time from the first byte of a request until its response begins.
    #[inline]
    pub(crate) fn responded(&self, took: Duration) {
        self.latency.add(took);
    }

    /// Times until a response began.
    pub(crate) fn latency(&self) -> &LatencyHistogram {
        &self.latency
    }

    /// Counts the beginning of a tunnel or an event stream.
    pub(crate) fn long_lived_began(&self, kind: LongLivedKind) {
        if kind == LongLivedKind::Tunnel {
            self.upgraded.fetch_add(1, Relaxed);
        }
        self.long_lived(kind).open.fetch_add(1, Relaxed);
    }

    /// Counts the end of a tunnel or an event stream. `cut`: the stop of the server has ended it.
    pub(crate) fn long_lived_ended(&self, kind: LongLivedKind, cut: bool) {
        self.long_lived(kind).open.fetch_sub(1, Relaxed);
        self.long_lived(kind).cut.fetch_add(u64::from(cut), Relaxed);
    }

    fn long_lived(&self, kind: LongLivedKind) -> &LongLivedCounts {
        match kind {
            LongLivedKind::Tunnel => &self.tunnels,
            LongLivedKind::EventStream => &self.event_streams,
        }
    }

    /// Counts the requests in flight as cut off.
    pub(crate) fn cut_off(&self) {
        let long_lived = self.tunnels.open.load(Relaxed) + self.event_streams.open.load(Relaxed);
        self.cut.store(self.in_flight.load(Relaxed).saturating_sub(long_lived), Relaxed);
    }

    /// Adds this thread's figures to `stats`.
    pub(crate) fn add_to(&self, stats: &mut Stats) {
        let Stats { connections, requests, cut, .. } = stats;
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
        requests.tunnels += self.tunnels.open.load(Relaxed);
        requests.event_streams += self.event_streams.open.load(Relaxed);
        cut.requests += self.cut.load(Relaxed);
        cut.tunnels += self.tunnels.cut.load(Relaxed);
        cut.event_streams += self.event_streams.cut.load(Relaxed);
    }
}

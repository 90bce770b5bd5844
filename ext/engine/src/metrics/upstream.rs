//! Figures of an upstream and its backends.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::code::CLASS_COUNT;
use super::exemplar::Exemplar;
use super::histogram::{Buckets, Distribution, Histogram};
use super::kept::Kept;
use super::sharded::{add, Sharded, ThreadNumber};
use super::OTHER;

/// Addresses of DNS that have figures of their own in one upstream, at most.
const MOST_RESOLVED: usize = 200;
/// Backends of one upstream of which those that are gone are forgotten although nobody has asked for figures.
const CROWD: usize = 1_024;

/// Reasons of a failed attempt, as labels.
pub(crate) const FAILURE_REASONS: [&str; 4] = ["backend_refused", "backend_timeout", "backend_cut", "backend_error"];

/// Why an attempt at a backend has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureReason {
    /// No connection could be made.
    Refused,
    /// It took too long.
    Timeout,
    /// The connection broke or ended too early.
    Cut,
    /// The answer was malformed, or its status counts as a failure.
    Error,
}

/// Figures of one upstream.
#[derive(Debug)]
pub(crate) struct UpstreamSeries {
    name: Arc<str>,
    threads: usize,
    buckets: Buckets,
    parts: Sharded<UpstreamPart>,
    retries: AtomicU64,
    backends: Mutex<BTreeMap<Arc<str>, Kept<BackendSeries>>>,
    /// Stands for the backends for which there are too many.
    others: Arc<BackendSeries>,
}

/// What one thread has measured.
#[derive(Debug)]
struct UpstreamPart {
    first_byte: Histogram,
    queue: Histogram,
}

impl Default for UpstreamSeries {
    fn default() -> Self {
        Self::new("".into(), 1, Buckets::default())
    }
}

impl UpstreamSeries {
    pub(super) fn new(name: Arc<str>, threads: usize, buckets: Buckets) -> Self {
        let (parts, others) = (Sharded::new(threads), Arc::new(BackendSeries::new(OTHER.into(), threads)));
        Self { name, threads, buckets, parts, retries: AtomicU64::new(0), backends: Mutex::default(), others }
    }

    /// The label.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn part(&self, thread: ThreadNumber) -> &UpstreamPart {
        let histogram = || Histogram::new(&self.buckets);
        self.parts.of(thread, || UpstreamPart { first_byte: histogram(), queue: histogram() })
    }

    /// Counts the time that a request has waited for a backend, and the time from its begin to the head of the
    /// response, if there was one.
    #[inline]
    pub(crate) fn waited(&self, thread: ThreadNumber, queue: Duration, first_byte: Option<Duration>) {
        let part = self.part(thread);
        part.queue.observe(queue);
        if let Some(first_byte) = first_byte {
            part.first_byte.observe(first_byte);
        }
    }

    /// Notes the trace of a request, with the time from its begin to the head of the response.
    pub(crate) fn exemplify(&self, thread: ThreadNumber, first_byte: Exemplar) {
        self.part(thread).first_byte.exemplify(first_byte);
    }

    /// Counts further attempts of a request.
    #[cold]
    pub(crate) fn retried(&self, times: u32) {
        self.retries.fetch_add(u64::from(times), Relaxed);
    }

    /// Figures of the backend with that label. `resolved`: DNS has named it, so that there may be any number of them.
    pub(crate) fn backend(&self, label: &str, resolved: bool) -> Arc<BackendSeries> {
        if &*self.name == OTHER {
            return Arc::clone(&self.others);
        }
        let mut backends = self.backends.lock();
        if let Some(known) = backends.get(label) {
            return Arc::clone(known);
        }
        let most = if resolved { MOST_RESOLVED } else { CROWD };
        if backends.len() >= most {
            backends.retain(|_, kept| kept.is_in_use());
        }
        if resolved && backends.len() >= MOST_RESOLVED {
            return Arc::clone(&self.others);
        }
        let series = Arc::new(BackendSeries::new(label.into(), self.threads));
        backends.insert(Arc::clone(&series.label), Kept::new(Arc::clone(&series)));
        series
    }

    /// Labels of the backends that have figures of their own.
    pub(crate) fn labels(&self) -> Vec<Arc<str>> {
        self.backends.lock().keys().cloned().collect()
    }

    /// The figures of all threads together. Backends that are gone are forgotten after two calls.
    pub(crate) fn figures(&self) -> UpstreamFigures {
        let mut backends: Vec<_> = {
            let mut kept = self.backends.lock();
            kept.retain(|_, kept| kept.is_shown());
            kept.values().map(|kept| Arc::clone(kept)).collect()
        };
        backends.push(Arc::clone(&self.others));
        let (mut first_byte, mut queue) = (Distribution::default(), Distribution::default());
        for part in self.parts.iter() {
            first_byte.add(&part.first_byte);
            queue.add(&part.queue);
        }
        UpstreamFigures { first_byte, queue, retries: self.retries.load(Relaxed), backends }
    }
}

/// The figures of an upstream at one moment.
#[derive(Debug)]
pub(crate) struct UpstreamFigures {
    pub(crate) first_byte: Distribution,
    pub(crate) queue: Distribution,
    pub(crate) retries: u64,
    pub(crate) backends: Vec<Arc<BackendSeries>>,
}

/// Figures of one backend.
#[derive(Debug)]
pub(crate) struct BackendSeries {
    label: Arc<str>,
    parts: Sharded<BackendPart>,
    /// By reason.
    failures: [AtomicU64; FAILURE_REASONS.len()],
}

/// What one thread has counted.
#[derive(Debug, Default)]
struct BackendPart {
    /// Answers by class of the status.
    answers: [AtomicU64; CLASS_COUNT],
    opened: AtomicU64,
    reused: AtomicU64,
    /// Idle connections of HTTP/1.1, as of the last look.
    idle: AtomicU64,
    /// Connections of HTTP/2 without and with requests, as of the last look.
    shared_idle: AtomicU64,
    shared_used: AtomicU64,
}

/// The counts of a backend at one moment.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct BackendFigures {
    pub(crate) answers: [u64; CLASS_COUNT],
    pub(crate) opened: u64,
    pub(crate) reused: u64,
    /// Idle connections of HTTP/1.1.
    pub(crate) idle: u64,
    /// Connections of HTTP/2 without and with requests.
    pub(crate) shared_idle: u64,
    pub(crate) shared_used: u64,
    pub(crate) failures: [u64; FAILURE_REASONS.len()],
}

impl BackendSeries {
    pub(super) fn new(label: Arc<str>, threads: usize) -> Self {
        Self { label, parts: Sharded::new(threads), failures: Default::default() }
    }

    /// The label: the backend's address, or one that stands for many.
    pub(crate) fn label(&self) -> &Arc<str> {
        &self.label
    }

    fn part(&self, thread: ThreadNumber) -> &BackendPart {
        self.parts.of(thread, BackendPart::default)
    }

    /// Counts an answer, by the class of its status.
    #[inline]
    pub(crate) fn answered(&self, thread: ThreadNumber, class: usize) {
        if let Some(count) = self.part(thread).answers.get(class) {
            add(count, 1);
        }
    }

    /// Counts a connection that a request has got: one that was there, or a new one.
    #[inline]
    pub(crate) fn connected(&self, thread: ThreadNumber, reused: bool) {
        let part = self.part(thread);
        add(if reused { &part.reused } else { &part.opened }, 1);
    }

    /// Counts a failed attempt.
    #[cold]
    pub(crate) fn failed(&self, reason: FailureReason) {
        self.failures[reason as usize].fetch_add(1, Relaxed);
    }

    /// Notes how many connections of HTTP/1.1 are idle on a thread.
    pub(crate) fn note_idle(&self, thread: ThreadNumber, idle: usize) {
        self.part(thread).idle.store(idle as u64, Relaxed);
    }

    /// Notes how many connections of HTTP/2 on a thread have no request, and how many have one or more.
    pub(crate) fn note_shared(&self, thread: ThreadNumber, idle: usize, used: usize) {
        let part = self.part(thread);
        part.shared_idle.store(idle as u64, Relaxed);
        part.shared_used.store(used as u64, Relaxed);
    }

    /// The counts of all threads together.
    pub(crate) fn figures(&self) -> BackendFigures {
        let mut sum = BackendFigures::default();
        for (count, failures) in sum.failures.iter_mut().zip(&self.failures) {
            *count = failures.load(Relaxed);
        }
        for part in self.parts.iter() {
            for (count, answers) in sum.answers.iter_mut().zip(&part.answers) {
                *count += answers.load(Relaxed);
            }
            sum.opened += part.opened.load(Relaxed);
            sum.reused += part.reused.load(Relaxed);
            sum.idle += part.idle.load(Relaxed);
            sum.shared_idle += part.shared_idle.load(Relaxed);
            sum.shared_used += part.shared_used.load(Relaxed);
        }
        sum
    }
}

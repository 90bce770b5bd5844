//! Figures of the requests of one route.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::code::CLASS_COUNT;
use super::exemplar::Exemplar;
use super::histogram::{Buckets, Distribution, Histogram};
use super::request_counts::{RequestCounts, RequestLabels};
use super::sharded::{add, take, Sharded, ThreadNumber};

/// Figures of one route, or of all for which there are too many.
#[derive(Debug)]
pub(crate) struct RouteSeries {
    name: Arc<str>,
    buckets: Buckets,
    parts: Sharded<RoutePart>,
    /// Requests that a `rate_limit` refused.
    rate_limited: AtomicU64,
}

/// What one thread has counted.
#[derive(Debug, Default)]
struct RoutePart {
    in_flight: AtomicU64,
    requests: RequestCounts,
    /// Times by class of the status, each made at its first request.
    durations: [OnceLock<Box<Histogram>>; CLASS_COUNT],
}

impl RouteSeries {
    pub(super) fn new(name: Arc<str>, threads: usize, buckets: Buckets) -> Self {
        Self { name, buckets, parts: Sharded::new(threads), rate_limited: AtomicU64::new(0) }
    }

    /// The label.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    fn part(&self, thread: ThreadNumber) -> &RoutePart {
        self.parts.of(thread, RoutePart::default)
    }

    /// Counts a request with its result: `class` is that of the status, `time` from its begin to its end.
    pub(crate) fn answered(&self, thread: ThreadNumber, labels: RequestLabels, class: usize, time: Duration) {
        self.part(thread).answered(labels, class, time, &self.buckets);
    }

    /// Notes the trace of a request that was counted.
    pub(crate) fn exemplify(&self, thread: ThreadNumber, class: usize, exemplar: Exemplar) {
        self.part(thread).exemplify(class, exemplar);
    }

    /// Counts a request that a `rate_limit` has refused.
    #[cold]
    pub(crate) fn rate_limited(&self) {
        self.rate_limited.fetch_add(1, Relaxed);
    }

    /// The figures of all threads together. `by_host`: requests are told apart by their hosts too.
    pub(crate) fn figures(&self, by_host: bool) -> RouteFigures {
        let mut figures = RouteFigures { rate_limited: self.rate_limited.load(Relaxed), ..RouteFigures::default() };
        for part in self.parts.iter() {
            figures.is_used = true;
            figures.in_flight = figures.in_flight.wrapping_add(part.in_flight.load(Relaxed));
            part.requests.each(&mut |mut labels, count| {
                if !by_host {
                    labels.host = 0;
                }
                *figures.requests.entry(labels).or_default() += count;
            });
            for (sum, histogram) in figures.durations.iter_mut().zip(&part.durations) {
                if let Some(histogram) = histogram.get() {
                    sum.add(histogram);
                }
            }
        }
        figures
    }
}

impl RoutePart {
    #[inline]
    fn answered(&self, labels: RequestLabels, class: usize, time: Duration, buckets: &Buckets) {
        self.requests.count(labels, class);
        if let Some(histogram) = self.durations.get(class) {
            histogram.get_or_init(|| Box::new(Histogram::new(buckets))).observe(time);
        }
    }

    fn exemplify(&self, class: usize, exemplar: Exemplar) {
        if let Some(histogram) = self.durations.get(class).and_then(OnceLock::get) {
            histogram.exemplify(exemplar);
        }
    }
}

/// The figures of a route at one moment.
#[derive(Debug, Default)]
pub(crate) struct RouteFigures {
    /// Whether it has had a request.
    pub(crate) is_used: bool,
    pub(crate) in_flight: u64,
    pub(crate) requests: FxHashMap<RequestLabels, u64>,
    /// By class of the status.
    pub(crate) durations: [Distribution; CLASS_COUNT],
    pub(crate) rate_limited: u64,
}

/// A request that counts as in flight in its route, until this is dropped.
#[derive(Debug)]
pub(crate) struct CountedRequest<'a> {
    series: &'a RouteSeries,
    part: &'a RoutePart,
    thread: ThreadNumber,
}

impl<'a> CountedRequest<'a> {
    /// Counts the beginning.
    #[inline]
    pub(crate) fn begin(series: &'a RouteSeries, thread: ThreadNumber) -> Self {
        let part = series.part(thread);
        add(&part.in_flight, 1);
        Self { series, part, thread }
    }

    /// Counts its result: `class` is that of the status, `time` from its begin to its end.
    #[inline]
    pub(super) fn answered(&self, labels: RequestLabels, class: usize, time: Duration) {
        self.part.answered(labels, class, time, &self.series.buckets);
    }

    /// Notes the trace of the request, which was counted.
    pub(super) fn exemplify(&self, class: usize, exemplar: Exemplar) {
        self.part.exemplify(class, exemplar);
    }

    /// The thread that counts it.
    pub(crate) fn thread(&self) -> ThreadNumber {
        self.thread
    }

    /// Figures of its route.
    pub(crate) fn series(&self) -> &'a RouteSeries {
        self.series
    }
}

impl Drop for CountedRequest<'_> {
    #[inline]
    fn drop(&mut self) {
        take(&self.part.in_flight, 1);
    }
}

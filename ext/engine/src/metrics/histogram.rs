//! Histograms of times.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::exemplar::{Exemplar, ExemplarSlot};
use super::sharded::add;

/// Upper bounds of the buckets, in seconds, if the configuration has none of its own.
pub(crate) const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Upper bounds of the buckets of a histogram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Buckets {
    /// In nanoseconds, ascending; the last bucket has no bound.
    bounds: Arc<[u64]>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self::new(&BUCKETS)
    }
}

impl Buckets {
    /// Buckets with these bounds in seconds, which ascend.
    pub(crate) fn new(seconds: &[f64]) -> Self {
        Self { bounds: seconds.iter().map(|bound| (bound * 1e9).round() as u64).collect() }
    }

    /// Number of the bucket for that time in nanoseconds.
    #[inline]
    fn place(&self, nanos: u64) -> usize {
        self.bounds.iter().position(|bound| nanos <= *bound).unwrap_or(self.bounds.len())
    }

    /// The bounds in seconds, without that of the last bucket, which is infinite.
    pub(crate) fn seconds(&self) -> impl Iterator<Item = f64> + '_ {
        self.bounds.iter().map(|bound| *bound as f64 / 1e9)
    }
}

/// A histogram that one thread writes.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Buckets,
    /// Observations by bucket, not cumulative.
    counts: Box<[AtomicU64]>,
    /// Sum of all observations, in nanoseconds.
    sum: AtomicU64,
    /// Exemplars by bucket, made with the first: without `tracing` there are none.
    exemplars: OnceLock<Box<[ExemplarSlot]>>,
}

impl Histogram {
    /// A histogram without an observation.
    pub(crate) fn new(buckets: &Buckets) -> Self {
        let counts = (0..=buckets.bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { buckets: buckets.clone(), counts, sum: AtomicU64::new(0), exemplars: OnceLock::new() }
    }

    /// Adds an observation.
    #[inline]
    pub(crate) fn observe(&self, time: Duration) {
        if time.is_zero() {
            // As of most waits. It is below every bound.
            if let Some(count) = self.counts.first() {
                add(count, 1);
            }
            return;
        }
        // Wraps after five centuries.
        let nanos = time.as_secs().wrapping_mul(1_000_000_000).wrapping_add(u64::from(time.subsec_nanos()));
        if let Some(count) = self.counts.get(self.buckets.place(nanos)) {
            add(count, 1);
        }
        add(&self.sum, nanos);
    }

    /// Notes a recorded trace with an observation of it. Only the thread of the histogram may call this.
    pub(crate) fn exemplify(&self, exemplar: Exemplar) {
        let slots = self.exemplars.get_or_init(|| self.counts.iter().map(|_| ExemplarSlot::default()).collect());
        let nanos = u64::try_from(exemplar.value.as_nanos()).unwrap_or(u64::MAX);
        if let Some(slot) = slots.get(self.buckets.place(nanos)) {
            slot.write(exemplar);
        }
    }
}

/// The observations of all threads together.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Distribution {
    /// Observations by bucket, not cumulative.
    pub(crate) counts: Vec<u64>,
    /// Sum in seconds.
    pub(crate) sum: f64,
    /// The latest exemplar of each bucket; empty if no request was traced.
    pub(crate) exemplars: Vec<Option<Exemplar>>,
}

impl Distribution {
    /// Adds what one thread has observed.
    pub(crate) fn add(&mut self, histogram: &Histogram) {
        self.counts.resize(histogram.counts.len().max(self.counts.len()), 0);
        for (sum, count) in self.counts.iter_mut().zip(&histogram.counts) {
            *sum += count.load(Relaxed);
        }
        self.sum += histogram.sum.load(Relaxed) as f64 / 1e9;
        let Some(slots) = histogram.exemplars.get() else { return };
        self.exemplars.resize(slots.len().max(self.exemplars.len()), None);
        for (latest, slot) in self.exemplars.iter_mut().zip(slots) {
            *latest = latest.take().into_iter().chain(slot.read()).max_by_key(|exemplar| exemplar.at);
        }
    }

    /// Whether nothing was observed.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

//! How long answers take: a histogram, and quantiles of the last minute.
//!
//! A time is counted in one of 208 buckets, eight for each doubling, so that a quantile is right within an eighth.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::stats::LatencyStats;

/// Buckets of each doubling, as an exponent of 2.
const FINENESS: u32 = 3;
const PER_DOUBLING: usize = 1 << FINENESS;
/// Buckets up to 134 seconds. Longer times are in the last one.
const BUCKETS: usize = 26 * PER_DOUBLING;
/// Time between two calls of [`LatencyWindow::turn`], half of the longest time that quantiles look back.
pub(crate) const TURN: Duration = Duration::from_secs(30);

/// Counts of one moment. They may go over their maximum and begin anew: only differences count.
pub(crate) type BucketCounts = Box<[u32; BUCKETS]>;

/// Times, counted. One writer adds without waiting for others.
#[derive(Debug)]
pub(crate) struct LatencyHistogram([AtomicU32; BUCKETS]);

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(0)))
    }
}

impl LatencyHistogram {
    /// Counts a time.
    #[inline]
    pub(crate) fn add(&self, time: Duration) {
        let micros = time.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(time.subsec_micros()));
        self.0[bucket(micros)].fetch_add(1, Relaxed);
    }

    fn add_to(&self, counts: &mut [u32; BUCKETS]) {
        for (sum, count) in counts.iter_mut().zip(&self.0) {
            *sum = sum.wrapping_add(count.load(Relaxed));
        }
    }
}

/// What was counted before the last minute or so, to leave it out.
#[derive(Debug, Default)]
pub(crate) struct LatencyWindow(Mutex<[Option<BucketCounts>; 2]>);

impl LatencyWindow {
    /// Moves the window on; called every [`TURN`].
    pub(crate) fn turn<'a>(&self, histograms: impl Iterator<Item = &'a LatencyHistogram>) {
        let counts = sum(histograms);
        let mut before = self.0.lock();
        before.swap(0, 1);
        before[1] = Some(counts);
    }

    /// Quantiles of the last 30 to 60 seconds. `None` if nothing was counted.
    pub(crate) fn quantiles<'a>(&self, histograms: impl Iterator<Item = &'a LatencyHistogram>) -> Option<LatencyStats> {
        quantiles(&self.recent(histograms))
    }

    /// Counts of the last 30 to 60 seconds.
    pub(crate) fn recent<'a>(&self, histograms: impl Iterator<Item = &'a LatencyHistogram>) -> BucketCounts {
        let mut counts = sum(histograms);
        if let Some(before) = &self.0.lock()[0] {
            for (count, before) in counts.iter_mut().zip(before.iter()) {
                *count = count.wrapping_sub(*before);
            }
        }
        counts
    }
}

/// Quantiles of what several windows have counted, together. `None` if that is nothing.
pub(crate) fn quantiles_of(windows: impl Iterator<Item = BucketCounts>) -> Option<LatencyStats> {
    let mut all = Box::new([0u32; BUCKETS]);
    for counts in windows {
        all.iter_mut().zip(counts.iter()).for_each(|(sum, count)| *sum = sum.saturating_add(*count));
    }
    quantiles(&all)
}

fn quantiles(counts: &[u32; BUCKETS]) -> Option<LatencyStats> {
    let total: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let at = |part: f64| quantile(counts, total as f64 * part);
    (total > 0).then(|| LatencyStats { p50: at(0.5), p95: at(0.95), p99: at(0.99) })
}

fn sum<'a>(histograms: impl Iterator<Item = &'a LatencyHistogram>) -> BucketCounts {
    let mut counts = Box::new([0; BUCKETS]);
    histograms.for_each(|histogram| histogram.add_to(&mut counts));
    counts
}

#[inline]
fn bucket(micros: u64) -> usize {
    if micros < PER_DOUBLING as u64 {
        return micros as usize;
    }
    let exponent = 63 - micros.leading_zeros();
    let part = (micros >> (exponent - FINENESS)) as usize % PER_DOUBLING;
    ((exponent - FINENESS + 1) as usize * PER_DOUBLING + part).min(BUCKETS - 1)
}

/// Begin and width of a bucket, in microseconds.
fn extent(bucket: usize) -> (u64, u64) {
    if bucket < PER_DOUBLING {
        return (bucket as u64, 1);
    }
    let shift = bucket / PER_DOUBLING - 1;
    (((PER_DOUBLING + bucket % PER_DOUBLING) as u64) << shift, 1 << shift)
}

/// The time, in seconds, that so many of the counted ones do not exceed.
fn quantile(counts: &[u32; BUCKETS], rank: f64) -> f64 {
    let mut below = 0.0;
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = f64::from(*count);
        if below + count >= rank {
            let (begin, width) = extent(index);
            return (begin as f64 + width as f64 * ((rank - below) / count)) / 1e6;
        }
        below += count;
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        let mut end = 0;
        for index in 0..BUCKETS {
            let (begin, width) = extent(index);
            assert_eq!(begin, end, "bucket {index}");
            end = begin + width;
            assert_eq!((bucket(begin), bucket(end - 1)), (index, index));
        }
        assert_eq!((end, bucket(end), bucket(u64::MAX)), (1 << 28, BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn quantiles_are_right_within_an_eighth() {
        let (histogram, window) = (LatencyHistogram::default(), LatencyWindow::default());
        assert_eq!(window.quantiles([&histogram].into_iter()), None);
        for millis in 1..=1000 {
            histogram.add(Duration::from_millis(millis));
        }
        let found = window.quantiles([&histogram].into_iter()).expect("it has counted");
        for (found, right) in [(found.p50, 0.5), (found.p95, 0.95), (found.p99, 0.99)] {
            assert!((found / right - 1.0).abs() < 0.125, "{found} for {right}");
        }
    }

    #[test]
    fn what_was_counted_two_turns_ago_is_left_out() {
        let (first, second, window) =
            (LatencyHistogram::default(), LatencyHistogram::default(), LatencyWindow::default());
        let both = || [&first, &second].into_iter();
        first.add(Duration::from_secs(1));
        window.turn(both());
        second.add(Duration::from_millis(1));
        window.turn(both());
        let found = window.quantiles(both()).expect("a count");
        assert!(found.p99 < 0.01, "{found:?}");
        window.turn(both());
        assert_eq!(window.quantiles(both()), None);
    }
}

//! Outlier ejection (passive health checks), a circuit breaker for each backend.
//!
//! `max_fails` failed attempts within `fail_timeout` eject a backend for `fail_timeout` (the circuit is open).
//! Successful attempts in between do not reset the count. After that time one request probes the backend (half-open).
//! If it succeeds the backend is back. If it fails the next ejection begins, twice as long as the last one and at most
//! ten times `fail_timeout`. A backend that has served for ten times `fail_timeout` since it came back begins with the
//! shortest ejection again.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::millis;

/// Multiple of `fail_timeout`: the longest ejection, and the time of good service after which former ejections are
/// forgotten.
const MOST: u32 = 10;

/// Options `max_fails` and `fail_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutlierRules {
    /// Failed attempts that eject a backend. At least 1.
    pub max_fails: usize,
    /// Time in which failures are counted, and the shortest ejection.
    pub fail_timeout: Duration,
}

/// Failures and ejections of one backend. Times are in milliseconds of this process's clock.
#[derive(Debug, Default)]
pub(in crate::upstream) struct OutlierRecord {
    /// Times of the latest failures, oldest first.
    failures: VecDeque<u64>,
    /// Ejections in a row.
    ejections: u32,
    /// End of the last ejection.
    returned: Option<u64>,
}

impl OutlierRecord {
    /// Notes a failed attempt. `true` if the backend is to be ejected.
    pub(in crate::upstream) fn failed(&mut self, rules: OutlierRules, now: u64) -> bool {
        let window = millis(rules.fail_timeout);
        while self.failures.front().is_some_and(|at| now.saturating_sub(*at) >= window) {
            self.failures.pop_front();
        }
        if self.failures.len() >= rules.max_fails {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        self.failures.len() >= rules.max_fails
    }

    /// Begins an ejection, and returns its length.
    pub(in crate::upstream) fn eject(&mut self, rules: OutlierRules, now: u64) -> Duration {
        let quiet = millis(rules.fail_timeout.saturating_mul(MOST));
        if self.returned.take().is_some_and(|returned| now.saturating_sub(returned) >= quiet) {
            self.ejections = 0;
        }
        self.failures.clear();
        self.ejections = self.ejections.saturating_add(1);
        let factor = 1u32.checked_shl(self.ejections - 1).unwrap_or(MOST).min(MOST);
        rules.fail_timeout.saturating_mul(factor)
    }

    /// Ends the ejection.
    pub(in crate::upstream) fn returned(&mut self, now: u64) {
        self.returned = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: OutlierRules = OutlierRules { max_fails: 3, fail_timeout: Duration::from_secs(10) };

    fn seconds(ejection: Duration) -> u64 {
        ejection.as_secs()
    }

    #[test]
    fn max_fails_within_fail_timeout_are_too_many() {
        let mut record = OutlierRecord::default();
        assert_eq!([0, 5_000, 9_999].map(|now| record.failed(RULES, now)), [false, false, true]);
        assert!(record.failed(RULES, 10_500), "the first one no longer counts, but the last three do");
        let mut record = OutlierRecord::default();
        assert_eq!([0, 5_000, 10_000].map(|now| record.failed(RULES, now)), [false, false, false]);
    }

    #[test]
    fn a_single_failure_is_too_many_with_max_fails_of_1() {
        let rules = OutlierRules { max_fails: 1, ..RULES };
        let mut record = OutlierRecord::default();
        assert!(record.failed(rules, 1));
        assert!(record.failed(rules, 20_000));
    }

    #[test]
    fn each_ejection_in_a_row_is_twice_as_long_up_to_ten_times() {
        let mut record = OutlierRecord::default();
        let mut now = 0;
        let lengths: Vec<_> = (0..40)
            .map(|_| {
                let length = record.eject(RULES, now);
                now += millis(length);
                // Its probe succeeds, and it fails again before long.
                record.returned(now);
                now += 1_000;
                seconds(length)
            })
            .collect();
        assert_eq!(lengths[..6], [10, 20, 40, 80, 100, 100]);
        assert_eq!(lengths[39], 100);
    }

    #[test]
    fn a_probe_that_fails_makes_it_longer_too() {
        let mut record = OutlierRecord::default();
        assert_eq!([0, 10_000, 30_000, 1_000_000].map(|now| seconds(record.eject(RULES, now))), [10, 20, 40, 80]);
    }

    #[test]
    fn a_quiet_time_is_believed() {
        let mut record = OutlierRecord::default();
        record.eject(RULES, 0);
        record.returned(10_000);
        assert_eq!(seconds(record.eject(RULES, 109_999)), 20);
        record.returned(200_000);
        assert_eq!(seconds(record.eject(RULES, 300_000)), 10);
    }

    #[test]
    fn failures_before_an_ejection_do_not_count_after_it() {
        let mut record = OutlierRecord::default();
        for now in [0, 1, 2] {
            record.failed(RULES, now);
        }
        record.eject(RULES, 2);
        record.returned(3);
        assert_eq!([4, 5, 6].map(|now| record.failed(RULES, now)), [false, false, true]);
    }
}

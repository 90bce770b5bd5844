//! Options that the backends of one upstream share.

use std::time::Duration;

use super::outlier::OutlierRules;
use crate::compile::Report;
use crate::config::PoolConfig;
use crate::upstream::health::Check;

/// Largest `max_fails`: each failed attempt is remembered for a while.
const MOST_FAILS: i64 = 10_000;
/// Largest `queue`, in requests.
const MOST_WAITING: i64 = 1_000_000;

/// Health checks, outlier ejection and wait queue of an upstream.
#[derive(Debug, Default)]
pub(crate) struct GroupRules {
    /// Active checks.
    pub check: Option<Check>,
    /// Outlier ejection.
    pub outlier: Option<OutlierRules>,
    /// Requests that may wait in the queue.
    pub queue: usize,
    /// Time that a request may wait in the queue.
    pub queue_timeout: Duration,
    /// Whether requests wait while no backend can take them.
    pub hold: bool,
}

impl GroupRules {
    /// Checks and compiles `health_check`, `max_fails`, `fail_timeout`, `queue`, `queue_timeout` and `hold`.
    pub(in crate::upstream) fn compile(pool: &PoolConfig, report: &mut Report<'_>) -> Self {
        let usual = PoolConfig::default();
        // A wrong time has its own error. A default that is written out gets no warning.
        let chosen = |time: f64, usual: f64| time > 0.0 && time.to_bits() != usual.to_bits();
        if pool.max_fails == 0 && chosen(pool.fail_timeout, usual.fail_timeout) {
            report.within("fail_timeout").warning("no failures are counted: add max_fails: 3, or leave it out");
        }
        if pool.queue == 0 && chosen(pool.queue_timeout, usual.queue_timeout) {
            report.within("queue_timeout").warning("no request ever waits: add queue: 100, or leave it out");
        }
        if pool.hold && pool.queue == 0 {
            report.within("hold").warning("requests wait in the queue, which has no place: add queue: 1024");
        }
        let fail_timeout = report.within("fail_timeout").seconds(pool.fail_timeout);
        let max_fails = report.within("max_fails").count(pool.max_fails, 0..=MOST_FAILS) as usize;
        Self {
            check: pool.health_check.as_ref().map(|spec| Check::compile(spec, &mut report.within("health_check"))),
            outlier: (max_fails > 0).then_some(OutlierRules { max_fails, fail_timeout }),
            queue: report.within("queue").count(pool.queue, 0..=MOST_WAITING) as usize,
            queue_timeout: report.within("queue_timeout").seconds(pool.queue_timeout),
            hold: pool.hold,
        }
    }
}

//! Health of backends: active checks on a schedule ([`check`], [`schedule`]), and outlier ejection based on the results
//! of requests ([`super::backend::outlier`]).

mod ask;
mod check;
mod grpc;
pub(super) mod schedule;

use std::time::Duration;

pub(crate) use check::Check;

use crate::compile::Report;
use crate::config::PoolConfig;
use crate::upstream::backend::outlier::OutlierRules;

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
    /// Requests that may wait while every backend is busy.
    pub queue: usize,
    /// Time that a request may wait in the queue.
    pub queue_timeout: Duration,
}

impl GroupRules {
    /// Checks and compiles `health_check`, `max_fails`, `fail_timeout`, `queue` and `queue_timeout`.
    pub(super) fn compile(pool: &PoolConfig, report: &mut Report<'_>) -> Self {
        let usual = PoolConfig::default();
        // A wrong time has its own error. A default that is written out gets no warning.
        let chosen = |time: f64, usual: f64| time > 0.0 && time.to_bits() != usual.to_bits();
        if pool.max_fails == 0 && chosen(pool.fail_timeout, usual.fail_timeout) {
            report.within("fail_timeout").warning("no failures are counted: add max_fails: 3, or leave it out");
        }
        if pool.queue == 0 && chosen(pool.queue_timeout, usual.queue_timeout) {
            report.within("queue_timeout").warning("no request ever waits: add queue: 100, or leave it out");
        }
        let fail_timeout = report.within("fail_timeout").seconds(pool.fail_timeout);
        let max_fails = report.within("max_fails").count(pool.max_fails, 0..=MOST_FAILS) as usize;
        Self {
            check: pool.health_check.as_ref().map(|spec| Check::compile(spec, &mut report.within("health_check"))),
            outlier: (max_fails > 0).then_some(OutlierRules { max_fails, fail_timeout }),
            queue: report.within("queue").count(pool.queue, 0..=MOST_WAITING) as usize,
            queue_timeout: report.within("queue_timeout").seconds(pool.queue_timeout),
        }
    }
}

#[cfg(test)]
mod tests;

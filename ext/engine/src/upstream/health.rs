//! Knowing which backends are well: from checks of our own ([`check`], on a schedule of the control runtime: [`schedule`]) and
//! from what becomes of requests ([`passive`]).

mod ask;
mod check;
mod grpc;
pub(super) mod passive;
pub(super) mod rise_fall;
pub(super) mod schedule;

use std::time::Duration;

pub use check::Check;
pub use passive::Passive;

use crate::compile::seconds;
use crate::config::Pool;

/// Failed attempts that can be asked for: each is remembered for a while.
const MOST_FAILS: i64 = 10_000;
/// Requests that can be made to wait.
const MOST_WAITING: i64 = 1_000_000;

/// What holds for all backends of an upstream.
#[derive(Debug, Default)]
pub struct Rules {
    /// Active checks.
    pub check: Option<Check>,
    /// Passive checks.
    pub passive: Option<Passive>,
    /// Requests that may wait while every backend is busy.
    pub queue: usize,
    /// How long each of them may.
    pub queue_timeout: Duration,
}

impl Rules {
    /// Checks and compiles `health_check`, `max_fails`, `fail_timeout`, `queue` and `queue_timeout`. What is wrong goes to
    /// `report`.
    pub fn compile(pool: &Pool, report: &mut dyn FnMut(String)) -> Self {
        let fail_timeout = time("fail_timeout", pool.fail_timeout, report);
        let max_fails = count("max_fails", pool.max_fails, MOST_FAILS, report);
        Self {
            check: pool.health_check.as_ref().map(|spec| Check::compile(spec, report)),
            passive: (max_fails > 0).then_some(Passive { max_fails, fail_timeout }),
            queue: count("queue", pool.queue, MOST_WAITING, report),
            queue_timeout: time("queue_timeout", pool.queue_timeout, report),
        }
    }
}

/// A span of time, which must be more than nothing.
fn time(option: &str, written: f64, report: &mut dyn FnMut(String)) -> Duration {
    match seconds(written) {
        Some(time) if !time.is_zero() => time,
        _ => {
            report(format!("{option}: {written} is not a valid time: write seconds greater than 0, as in 10 or 0.5"));
            Duration::from_secs(1)
        }
    }
}

fn count(option: &str, written: i64, most: i64, report: &mut dyn FnMut(String)) -> usize {
    if !(0..=most).contains(&written) {
        report(format!("{option}: {written} is out of range: write a number from 0 to {most}"));
    }
    written.clamp(0, most) as usize
}

#[cfg(test)]
mod tests;

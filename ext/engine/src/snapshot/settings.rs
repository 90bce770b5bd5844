//! Reading of the server's settings.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::compile::Report;
use crate::config::{Problem, Setting};

/// A report for the server's directive `word`.
pub(super) fn check<'a, T>(word: &'a str, setting: &'a Setting<T>, problems: &'a mut Vec<Problem>) -> Report<'a> {
    Report::new(word, setting.at.as_ref(), problems)
}

pub(super) fn time_limit(word: &str, setting: &Setting<f64>, problems: &mut Vec<Problem>) -> Duration {
    check(word, setting, problems).seconds(setting.value)
}

/// Reads a time that may be 0, which means to stop at once.
pub(super) fn time_to_stop(word: &str, setting: &Setting<f64>, problems: &mut Vec<Problem>) -> Duration {
    check(word, setting, problems).seconds_or_zero(setting.value)
}

pub(super) fn number(
    word: &str,
    setting: &Setting<i64>,
    range: RangeInclusive<i64>,
    problems: &mut Vec<Problem>,
) -> usize {
    check(word, setting, problems).count(setting.value, range) as usize
}

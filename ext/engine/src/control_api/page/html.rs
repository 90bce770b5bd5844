//! Values as a person reads them. The script of the page writes them in the same way.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::civil_time::CivilTime;
use crate::clock::time_of_day;

/// `1,234,567`
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `0.4 ms`, `12 ms`, `1.2 s`, `12 s`
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 0.01 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 10.0 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}

/// The three quantiles, such as `0.4 / 12 / 40 ms`, or a dash. A unit that all have is written once.
pub(super) fn latency(quantiles: &Value) -> String {
    let quantile = |name: &str| quantiles[name].as_f64().map(time);
    let (Some(p50), Some(p95), Some(p99)) = (quantile("p50"), quantile("p95"), quantile("p99")) else {
        return "–".into();
    };
    let number_of = |time: &str| time.split_once(' ').map(|(number, unit)| (number.to_owned(), unit.to_owned()));
    match (number_of(&p50), number_of(&p95), number_of(&p99)) {
        (Some((p50, first)), Some((p95, second)), Some((p99, third))) if first == second && second == third => {
            format!("{p50} / {p95} / {p99} {third}")
        }
        _ => format!("{p50} / {p95} / {p99}"),
    }
}

/// `1.2 %`
pub(super) fn share(part: u64, of: u64) -> String {
    match part as f64 / of as f64 {
        _ if of == 0 => "–".into(),
        _ if part == 0 => "0 %".into(),
        share if share < 0.0005 => "< 0.1 %".into(),
        share => format!("{:.1} %", share * 100.0),
    }
}

/// `12 s`, `3 min`, `4 h`, `5 days`
pub(super) fn age(seconds: f64) -> String {
    let seconds = seconds.max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Now, in seconds since 1970.
pub(super) fn now() -> f64 {
    time_of_day().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Seconds since a moment.
pub(super) fn since(moment: Option<f64>) -> f64 {
    now() - moment.unwrap_or_else(now)
}

/// A moment as `2026-01-31 12:00:00 UTC`.
pub(super) fn stamp(moment: f64) -> String {
    let moment = UNIX_EPOCH + Duration::try_from_secs_f64(moment.max(0.0)).unwrap_or_default();
    let CivilTime { year, month, day, hour, minute, second, .. } = CivilTime::of(moment);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

//! Checks of single values, one for each kind. Each returns a usable value even after a mistake, so that all mistakes
//! are found at once.

use std::ops::RangeInclusive;
use std::time::Duration;

use proxy_http::headers::CONNECTION_FIELDS;
use proxy_http::message::{FieldName, Known};

use super::Report;
use crate::files;
use crate::suggestion::did_you_mean;

/// Longest time that is used as written, in seconds: ten years. Anything longer is treated as this.
pub(crate) const TEN_YEARS: f64 = 315_360_000.0;

/// A number of seconds; `None` if it is negative or not a number.
fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.min(TEN_YEARS)).ok().filter(|_| !seconds.is_nan())
}

impl Report<'_> {
    /// A time in seconds, greater than zero.
    pub(crate) fn seconds(&mut self, seconds: f64) -> Duration {
        match duration(seconds) {
            Some(duration) if !duration.is_zero() => duration,
            _ => {
                self.error(format!("{seconds} is not a valid time: write seconds greater than 0, as in 30 or 0.5"));
                Duration::from_secs(1)
            }
        }
    }

    /// A time in seconds, or 0, which means "at once".
    pub(crate) fn seconds_or_zero(&mut self, seconds: f64) -> Duration {
        duration(seconds).unwrap_or_else(|| {
            self.error(format!("{seconds} is not a valid time: write seconds, 0 or more"));
            Duration::ZERO
        })
    }

    /// A time in seconds, or 0. `false` in the configuration means "no limit".
    pub(crate) fn seconds_or_false(&mut self, seconds: f64) -> Option<Duration> {
        let limit = duration(seconds);
        if limit.is_none() {
            self.error(format!("{seconds} is not a valid time: write seconds, 0 or more, or false for none"));
        }
        limit
    }

    /// A time in seconds within bounds.
    pub(crate) fn seconds_within(&mut self, seconds: f64, range: RangeInclusive<f64>) -> f64 {
        let (least, most) = (*range.start(), *range.end());
        if !range.contains(&seconds) {
            self.error(format!("{seconds} is out of range: write seconds from {least} to {most}"));
        }
        // A NaN becomes the least.
        seconds.max(least).min(most)
    }

    /// A number within bounds.
    pub(crate) fn count(&mut self, number: i64, range: RangeInclusive<i64>) -> i64 {
        let (least, most) = (*range.start(), *range.end());
        if !range.contains(&number) {
            self.error(format!("{number} is out of range: write a number from {least} to {most}"));
        }
        number.clamp(least, most)
    }

    /// A number without an upper bound.
    pub(crate) fn unbounded(&mut self, number: i64) -> u64 {
        u64::try_from(number).unwrap_or_else(|_| {
            self.error(format!("{number} is negative: write 0 or more"));
            0
        })
    }

    /// A TCP port.
    pub(crate) fn port(&mut self, port: i64) -> Option<u16> {
        let number = u16::try_from(port).ok().filter(|port| *port > 0);
        if number.is_none() {
            self.error(format!("{port} is not a valid port: write a number from 1 to 65535"));
        }
        number
    }

    /// A percentage.
    pub(crate) fn percent(&mut self, percent: f64) -> f64 {
        if !(0.0..=100.0).contains(&percent) {
            self.error(format!("{percent} is out of range: write per cent from 0 to 100, such as 20"));
        }
        percent
    }

    /// One of several names. `what` completes the message, as in "is not a type of redirect".
    pub(crate) fn one_of<T: Copy>(&mut self, text: &str, what: &str, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            self.error(format!("{text:?} {what} {}", did_you_mean(text, &names)));
        }
        found
    }

    /// Name of a field.
    pub(crate) fn field_name(&mut self, text: &str) -> Option<FieldName> {
        let name = FieldName::new(text);
        if name.is_none() {
            self.error(format!("{text:?} is not a valid header name: use letters, digits and hyphens"));
        }
        name
    }

    /// Name of a field that the configuration may set or remove: not a field that controls the connection.
    pub(crate) fn own_field(&mut self, text: &str) -> Option<FieldName> {
        let name = self.field_name(text)?;
        if name.known().is_some_and(|known| CONNECTION_FIELDS.contains(&known)) {
            self.error(format!("{text:?} is set by the proxy itself: leave it out"));
            return None;
        }
        Some(name)
    }

    /// Name of a field that a filter may set on a request.
    pub(crate) fn request_field(&mut self, text: &str) -> Option<FieldName> {
        let name = self.own_field(text)?;
        if name.known() == Some(Known::Host) {
            self.error(format!("{text:?} is set by the proxy itself: leave it out"));
            return None;
        }
        if text.contains(['_', '.']) {
            self.error(format!(
                "{text:?} would not be passed on, since backends cannot tell `_` and `.` from `-`: write {:?}",
                text.replace(['_', '.'], "-")
            ));
            return None;
        }
        Some(name)
    }

    /// Whether the value of a field can be sent.
    pub(crate) fn field_value(&mut self, name: &FieldName, value: &str) -> bool {
        let is_sound = !value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t');
        if !is_sound {
            // The value may be a secret.
            self.error(format!("the value of {:?} holds a control character: leave it out", name.as_str()));
        }
        is_sound
    }

    /// Contents of a file, which is read once, at load.
    pub(crate) fn file(&mut self, path: &str) -> Option<Vec<u8>> {
        match files::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                self.error(format!("cannot read {path:?} ({error}): write the path of a readable file"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;

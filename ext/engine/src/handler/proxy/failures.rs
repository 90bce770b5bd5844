//! Failures of the attempts of one request, in one line of the log.

use std::fmt::{Arguments, Write};

use crate::request::Exchange;

/// Length of the longest line, in bytes.
const LONGEST: usize = 1024;

impl Exchange<'_> {
    /// Notes a failure of an attempt, for [`Exchange::tell_failures`]. Equal failures are noted once.
    #[cold]
    pub(super) fn add_failure(&mut self, what: Arguments<'_>) {
        let failures = &mut self.work.failures;
        let before = failures.len();
        if before >= LONGEST {
            return;
        }
        if before > 0 {
            failures.push_str("; ");
        }
        let start = failures.len();
        let _ = write!(failures, "{what}");
        if failures[..before].contains(&failures[start..]) {
            failures.truncate(before);
        }
    }

    /// Logs the failures, and how the request ended.
    #[inline]
    pub(super) fn tell_failures(&mut self, end: &str, who: &str) {
        if !self.work.failures.is_empty() {
            self.tell_noted(end, who);
        }
    }

    #[cold]
    fn tell_noted(&mut self, end: &str, who: &str) {
        let failures = std::mem::take(&mut self.work.failures);
        let comma = if end.is_empty() { "" } else { "; " };
        let space = if who.is_empty() { "" } else { " " };
        self.warn(format_args!("{failures}{comma}{end}{space}{who}"));
    }
}

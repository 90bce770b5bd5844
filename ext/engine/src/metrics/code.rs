//! Statuses as labels. A backend may send any of 900 statuses, so that only the usual ones and the first few others are
//! labels; of the rest their class is.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// Statuses that are labels, at most.
const MOST_CODES: usize = 100;

/// The statuses with a meaning (RFC 9110, section 16.2.1, and the registry), and 499 for a client that has gone.
const USUAL: [u16; 63] = [
    100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308, 400,
    401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425,
    426, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
];

/// A status, or a class of statuses, in a few bits: 1,000 and more are classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CodeLabel(u16);

impl CodeLabel {
    pub(super) fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The label of a class, by its place among [`CLASSES`].
    pub(super) fn of_class(class: usize) -> Self {
        Self(1_000 + class as u16 + 1)
    }

    pub(super) fn bits(self) -> u16 {
        self.0
    }

    /// The text of the label: `200`, or `2xx`.
    pub(crate) fn write(self, out: &mut String) {
        match self.0.checked_sub(1_000) {
            Some(class) => out.push_str(CLASSES[class_index(class.saturating_mul(100))]),
            None => {
                use std::fmt::Write;
                let _ = write!(out, "{:03}", self.0);
            }
        }
    }
}

/// Number of classes: 1xx to 5xx, and any other.
pub(crate) const CLASS_COUNT: usize = 6;
/// Labels of the classes.
pub(crate) const CLASSES: [&str; CLASS_COUNT] = ["1xx", "2xx", "3xx", "4xx", "5xx", "other"];

/// Place of a status among [`CLASSES`].
#[inline]
pub(crate) fn class_index(status: u16) -> usize {
    // A backend may send any status up to 999.
    (usize::from(status) / 100).wrapping_sub(1).min(CLASS_COUNT - 1)
}

/// The statuses that are labels.
#[derive(Debug)]
pub(crate) struct KnownCodes {
    /// Bit set by status.
    known: [AtomicU64; 16],
    others: AtomicUsize,
}

impl Default for KnownCodes {
    fn default() -> Self {
        let codes = Self { known: Default::default(), others: AtomicUsize::new(0) };
        for status in USUAL {
            codes.mark(status);
        }
        codes
    }
}

impl KnownCodes {
    /// The label of a status.
    #[inline]
    pub(crate) fn label(&self, status: u16) -> CodeLabel {
        let place = usize::from(status) / 64;
        match self.known.get(place) {
            Some(word) if word.load(Relaxed) >> (status % 64) & 1 == 1 => CodeLabel(status),
            _ => self.learn(status),
        }
    }

    #[cold]
    fn learn(&self, status: u16) -> CodeLabel {
        let room = |count: usize| (count < MOST_CODES - USUAL.len()).then_some(count + 1);
        if status < 1_000 && self.others.fetch_update(Relaxed, Relaxed, room).is_ok() {
            self.mark(status);
            return CodeLabel(status);
        }
        CodeLabel::of_class(class_index(status))
    }

    fn mark(&self, status: u16) {
        self.known[usize::from(status) / 64].fetch_or(1 << (status % 64), Relaxed);
    }
}

#[cfg(test)]
mod tests;

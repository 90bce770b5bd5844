//! Series that outlive what they are about, for a while.

use std::ops::Deref;
use std::sync::Arc;

/// Times that figures show a series of something that is gone.
const SHOWN_AFTERWARDS: u32 = 2;

/// A series, for as long as something counts in it, and for two more looks at the figures: whoever looks every few
/// seconds sees the last counts.
#[derive(Debug)]
pub(super) struct Kept<T> {
    series: Arc<T>,
    shown: u32,
}

impl<T> Kept<T> {
    pub(super) fn new(series: Arc<T>) -> Self {
        Self { series, shown: 0 }
    }

    /// Whether anything still counts in it.
    pub(super) fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.series) > 1
    }

    /// Whether one more look at the figures shows it.
    pub(super) fn is_shown(&mut self) -> bool {
        self.shown = if self.is_in_use() { 0 } else { self.shown + 1 };
        self.shown <= SHOWN_AFTERWARDS
    }
}

impl<T> Deref for Kept<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.series
    }
}

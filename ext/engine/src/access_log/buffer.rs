//! Lines of one engine thread on their way to the log.

use std::sync::Arc;

use super::AccessLog;
use crate::rewrite::RequestValues;

/// Bytes at which a buffer is handed on without waiting.
const BATCH: usize = 32 * 1024;
/// Largest size of a buffer that cannot be handed on, in bytes; beyond it lines are lost.
pub(super) const MOST: usize = 1024 * 1024;

/// Lines of one engine thread that were not handed on yet.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    log: Option<Arc<AccessLog>>,
    lines: Vec<u8>,
    /// Number of lines in `lines`.
    count: u64,
    /// Lost lines that were not reported yet.
    lost: u64,
    /// Whether the owner knows that there is something to flush.
    pending: bool,
}

impl Buffer {
    /// Writes the line of a request that has its response, if the log wants it. `true` for the first line after a
    /// flush: a flush is then due soon.
    pub(crate) fn push(&mut self, log: &Arc<AccessLog>, scope: &RequestValues<'_>) -> bool {
        let Some(rate) = log.selection.choose(scope) else { return false };
        if !self.log.as_ref().is_some_and(|current| Arc::ptr_eq(current, log)) {
            self.flush();
            self.give_up();
            self.lost = 0;
            self.log = Some(Arc::clone(log));
        }
        log.write_line(scope, rate, &mut self.lines);
        self.count += 1;
        if self.lines.len() >= BATCH && !self.flush() && self.lines.len() >= MOST {
            self.give_up();
        }
        !self.lines.is_empty() && !std::mem::replace(&mut self.pending, true)
    }

    /// Bytes of the lines that were not handed on yet.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.lines.len()
    }

    /// Releases the log, unless it is `current` or lines for it are left.
    pub(crate) fn forget_all_but(&mut self, current: Option<&Arc<AccessLog>>) {
        let is_current = self.log.as_ref().zip(current).is_some_and(|(log, current)| Arc::ptr_eq(log, current));
        if !is_current && self.flush() {
            self.log = None;
        }
    }

    /// Hands the lines on. `false` if the log is behind: the lines are kept, and the caller has to try again.
    pub(crate) fn flush(&mut self) -> bool {
        self.hand_on(false)
    }

    fn hand_on(&mut self, in_any_case: bool) -> bool {
        self.pending = false;
        let Some(log) = &self.log else { return true };
        if self.lines.is_empty() && self.lost == 0 {
            return true;
        }
        let end = self.lines.len();
        if self.lost > 0 {
            log.write_lost(self.lost, &mut self.lines);
        }
        if !log.queue().push(&mut self.lines, in_any_case) {
            self.lines.truncate(end);
            return false;
        }
        self.count = 0;
        self.lost = 0;
        true
    }

    /// Drops lines that cannot be handed on.
    fn give_up(&mut self) {
        if self.count == 0 {
            return;
        }
        if let Some(log) = &self.log {
            log.note_lost(self.count, self.lost == 0);
        }
        self.lost += self.count;
        self.count = 0;
        self.lines.clear();
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.hand_on(true);
    }
}

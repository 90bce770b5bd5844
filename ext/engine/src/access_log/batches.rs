//! Lines of the access log on their way to a Ruby block, many in one call.
//!
//! A block that is slow, or has stopped, holds nobody up: so many batches wait for it, then lines are lost and counted.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::blocks::{Block, BlockArgument};

/// Lines of one batch, at most.
const MOST_LINES: u64 = 1000;
/// Bytes of one batch at which it goes on, so that long lines take no more memory than short ones.
const MOST_BYTES: usize = 256 * 1024;
/// Batches that wait for the block, at most.
pub(super) const MOST_BATCHES: usize = 64;
/// Longest time that a line waits for a full batch.
const PATIENCE: Duration = Duration::from_millis(100);

/// Makes batches of lines, and calls a block with each.
#[derive(Debug)]
pub(super) struct Batches {
    block: Block,
    lines: Vec<u8>,
    /// Number of lines in `lines`.
    count: u64,
    due: Option<Instant>,
    /// Lines that were lost since the block has fallen behind.
    lost: u64,
    /// Lines that were lost since the server has started, in all of its access logs.
    all_lost: Arc<AtomicU64>,
}

impl Batches {
    pub(super) fn new(block: Block, all_lost: Arc<AtomicU64>) -> Self {
        Self { block, lines: Vec::new(), count: 0, due: None, lost: 0, all_lost }
    }

    /// Time at which the lines that wait have to go on. `None` if none wait.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Takes whole lines, and passes every batch on that is full or due.
    pub(super) fn push(&mut self, lines: &[u8]) {
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.due.get_or_insert_with(|| Instant::now() + PATIENCE);
            self.lines.extend_from_slice(line);
            self.count += 1;
            if self.count >= MOST_LINES || self.lines.len() >= MOST_BYTES {
                self.hand_on();
            }
        }
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.hand_on();
        }
    }

    /// Passes the lines on that wait. The log says once that the block does not keep up, and how many lines were lost
    /// when it does again.
    pub(super) fn hand_on(&mut self) {
        self.due = None;
        let count = std::mem::take(&mut self.count);
        if count == 0 {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        if !self.block.notify(BlockArgument::Bytes(lines), None) {
            if self.lost == 0 {
                self.block.warn(format_args!("{MOST_BATCHES} batches of lines wait for the block, more are lost"));
            }
            self.lost += count;
            self.all_lost.fetch_add(count, Relaxed);
        } else if self.lost > 0 {
            let lost = std::mem::take(&mut self.lost);
            self.block.warn(format_args!("the block takes lines again; lines that were lost: {lost}"));
        }
    }
}

#[cfg(test)]
mod tests;

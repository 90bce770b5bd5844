//! What slow readers of a body that is not stored have still to read, in an unnamed file: the others do not wait for
//! them.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::relay::DiskRules;
use crate::unnamed_file::{FileDone, FileJob, BLOCK};

/// Time for which readers wait for the disk to write a block, and in all for readers who are too slow.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The latest part of a body that is on the disk. The file is a ring: a byte stands at its position in the body modulo
/// the most bytes of the file, so that a body of any length needs no more.
#[derive(Debug)]
pub(super) struct MissedPart {
    rules: DiskRules,
    file: Option<Arc<File>>,
    /// The part, as positions in the body.
    kept: Range<u64>,
    /// A block that is being written behind it, where it ends, and since when.
    writing: Option<(u64, Instant, FileJob)>,
    /// Whether nothing more is written.
    is_closed: bool,
}

impl MissedPart {
    /// A part of no bytes. `None` if the rules leave no room for a block.
    pub(super) fn new(rules: DiskRules) -> Option<Self> {
        (rules.most >= BLOCK as u64).then(|| Self { rules, file: None, kept: 0..0, writing: None, is_closed: false })
    }

    /// Whether it has the byte at `position`.
    pub(super) fn has(&self, position: u64) -> bool {
        self.kept.contains(&position)
    }

    /// Where the part ends; 0 if nothing was written.
    pub(super) fn end(&self) -> u64 {
        self.kept.end
    }

    /// Reads at most `most` bytes from `position` on. `None` if they are not there.
    pub(super) fn read(&self, position: u64, most: u64) -> Option<FileJob> {
        let file = self.file.as_ref().filter(|_| self.has(position))?;
        let (offset, left) = self.place(position);
        let most = most.min(left).min(self.kept.end - position).min(BLOCK as u64);
        Some(FileJob::read(&self.rules.threads, file, most as usize, offset))
    }

    /// Bytes that can be written at `position` at once.
    pub(super) fn room(&self, position: u64) -> usize {
        self.place(position).1.min(BLOCK as u64) as usize
    }

    /// Where a byte stands in the file, and how many can stand from there on.
    fn place(&self, position: u64) -> (u64, u64) {
        let offset = position % self.rules.most;
        (offset, self.rules.most - offset)
    }

    /// Whether there is room for `bytes` behind `position` only in place of what stands at `needed`.
    pub(super) fn is_full(&self, position: u64, bytes: usize, needed: u64) -> bool {
        (position + bytes as u64).saturating_sub(self.rules.most) > needed
    }

    /// Begins to write a block whose first byte has the given position, behind the part. What is before `needed` is
    /// no longer wanted; what then finds no room is lost.
    pub(super) fn write(&mut self, position: u64, block: Vec<u8>, needed: u64) {
        let end = position + block.len() as u64;
        if self.kept.end != position {
            // Everybody has read what was there.
            self.kept = position..position;
        }
        let oldest = end.saturating_sub(self.rules.most).max(needed);
        self.kept.start = self.kept.start.max(oldest).min(position);
        let DiskRules { folder, threads, .. } = &self.rules;
        let job = FileJob::write(threads, folder, self.file.as_ref(), block, self.place(position).0);
        self.writing = Some((end, Instant::now(), job));
    }

    /// Ready when nothing is being written. An error if the last block is not on the disk.
    pub(super) fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some((end, _, job)) = &mut self.writing else { return Poll::Ready(Ok(())) };
        let (done, end) = (ready!(job.poll(cx)), *end);
        self.writing = None;
        let FileDone { file, .. } = done?;
        self.file = Some(file?);
        self.kept.end = end;
        Poll::Ready(Ok(()))
    }

    /// Writes nothing more. What was written can still be read.
    pub(super) fn close(&mut self) {
        self.writing = None;
        self.is_closed = true;
    }

    /// Whether more can be written.
    pub(super) fn is_open(&self) -> bool {
        !self.is_closed
    }

    /// Whether the disk takes longer than it may.
    pub(super) fn is_stuck(&self) -> bool {
        self.writing.as_ref().is_some_and(|(_, since, _)| since.elapsed() >= PATIENCE)
    }
}

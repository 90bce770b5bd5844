//! The part of a request's body that was taken in and did not fit into memory.

use std::fs::File;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use crate::channel::Channel;
use crate::relay::memory_budget::{MemoryBudget, MemoryShare};
use crate::relay::DiskRules;
use crate::unnamed_file::{FileDone, FileJob};

/// Bytes in an unnamed file, and behind them fewer than a block in memory. They can be sent any number of times.
#[derive(Debug)]
pub(super) struct StoredBody {
    rules: DiskRules,
    /// The memory of the part before.
    pub(super) share: MemoryShare,
    file: Option<Arc<File>>,
    /// Bytes of the file.
    written: u64,
    tail: Vec<u8>,
    /// The memory of the tail, also while it is written.
    tail_share: MemoryShare,
    job: Option<FileJob>,
    /// Bytes that this attempt has sent.
    sent: u64,
    /// Bytes of the file that were read, and their place in it.
    window: Vec<u8>,
    window_start: u64,
    /// The memory of the window.
    window_share: MemoryShare,
    failure: Option<io::Error>,
}

impl StoredBody {
    pub(super) fn new(rules: DiskRules, budget: &Rc<MemoryBudget>) -> Self {
        Self {
            rules,
            share: MemoryShare::of(budget),
            file: None,
            written: 0,
            tail: Vec::new(),
            tail_share: MemoryShare::of(budget),
            job: None,
            sent: 0,
            window: Vec::new(),
            window_start: 0,
            window_share: MemoryShare::of(budget),
            failure: None,
        }
    }

    /// Length of this part, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    /// Whether the disk is waited for.
    pub(super) fn is_busy(&self) -> bool {
        self.job.is_some()
    }

    /// Bytes that may be added while the disk is not waited for. 0: the file is as long as it may be.
    pub(super) fn room(&self) -> usize {
        let left = usize::try_from(self.rules.most.saturating_sub(self.len())).unwrap_or(usize::MAX);
        self.share.block().saturating_sub(self.tail.len()).min(left)
    }

    /// Adds bytes, no more than there is room for.
    pub(super) fn keep(&mut self, data: &[u8]) {
        self.tail.extend_from_slice(data);
        self.tail_share.take(data.len());
    }

    /// Writes whole blocks. Ready once the disk is not waited for.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some(job) = &mut self.job {
                let FileDone { block, file } = ready!(job.poll(cx))?;
                self.job = None;
                self.tail_share.give_back(block.len());
                self.file = Some(file?);
                self.written += block.len() as u64;
            }
            if self.tail.len() < self.share.block() {
                return Poll::Ready(Ok(()));
            }
            let block = std::mem::take(&mut self.tail);
            let DiskRules { folder, threads, .. } = &self.rules;
            self.job = Some(FileJob::write(threads, folder, self.file.as_ref(), block, self.written));
        }
    }

    /// Begins another attempt.
    pub(super) fn rewind(&mut self) {
        self.sent = 0;
        // What it reads is for the attempt before.
        self.job = None;
    }

    /// Whether this attempt has sent all of it.
    pub(super) fn is_sent(&self) -> bool {
        self.sent == self.len()
    }

    /// Sends what this attempt has not sent. Pending also after a failure of the disk:
    /// [`StoredBody::take_failure`] tells it.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, backend: &mut Channel) -> Poll<io::Result<()>> {
        while !self.is_sent() {
            if self.sent >= self.written {
                let start = (self.sent - self.written) as usize;
                self.sent += ready!(backend.poll_send(cx, &self.tail[start..]))? as u64;
                continue;
            }
            let ahead = self.sent.checked_sub(self.window_start).and_then(|start| usize::try_from(start).ok());
            if let Some(unsent) = ahead.and_then(|start| self.window.get(start..)).filter(|unsent| !unsent.is_empty()) {
                self.sent += ready!(backend.poll_send(cx, unsent))? as u64;
                continue;
            }
            match ready!(self.poll_read(cx)) {
                Ok(()) => {}
                Err(error) => {
                    self.failure = Some(error);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the next block of the file.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(file) = &self.file else { return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())) };
        let n = usize::try_from(self.written - self.sent).unwrap_or(usize::MAX).min(self.share.block());
        let (threads, sent) = (&self.rules.threads, self.sent);
        let job = self.job.get_or_insert_with(|| FileJob::read(threads, file, n, sent));
        let done = ready!(job.poll(cx));
        self.job = None;
        let FileDone { block, file } = done?;
        file?;
        self.window_share.give_back(self.window.len());
        self.window_share.take(block.len());
        self.window = block;
        self.window_start = self.sent;
        Poll::Ready(Ok(()))
    }

    /// Why the disk has failed. Only the first call tells it.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }
}

#[cfg(test)]
mod tests;

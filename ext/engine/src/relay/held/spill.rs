//! The part of a response that waits on the disk, behind the part in memory.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::DiskRules;
use crate::unnamed_file::{FileDone, FileJob};

/// Bytes in an unnamed file, and behind them a block that is not written yet. The first to come is the first to leave.
#[derive(Debug)]
pub(super) struct Spill {
    rules: DiskRules,
    file: Option<Arc<File>>,
    /// Bytes of the file that were written.
    written: u64,
    /// Bytes of the file that were read.
    read: u64,
    block: Vec<u8>,
    job: Option<(FileWork, FileJob)>,
    /// Why nothing more is written.
    trouble: Option<io::Error>,
    is_full: bool,
}

/// Work on the file.
#[derive(Debug, Clone, Copy)]
enum FileWork {
    /// Writes so many bytes.
    Writing(u64),
    Reading,
}

impl Spill {
    pub(super) fn new(rules: DiskRules) -> Self {
        Self { rules, file: None, written: 0, read: 0, block: Vec::new(), job: None, trouble: None, is_full: false }
    }

    /// Whether no byte waits here.
    pub(super) fn is_empty(&self) -> bool {
        self.read == self.written && self.block.is_empty() && self.job.is_none()
    }

    /// Bytes that may be added now. None once the disk has taken no more. `most`: bytes that are written at once.
    pub(super) fn room(&self, most: usize) -> usize {
        if self.is_full {
            return 0;
        }
        let writing = match self.job {
            Some((FileWork::Writing(bytes), _)) => bytes,
            _ => 0,
        };
        let used = self.written + writing + self.block.len() as u64;
        let left = usize::try_from(self.rules.most.saturating_sub(used)).unwrap_or(usize::MAX);
        most.saturating_sub(self.block.len()).min(left)
    }

    /// Adds bytes, no more than there is room for.
    pub(super) fn keep(&mut self, data: &[u8]) {
        self.block.extend_from_slice(data);
    }

    /// Writes and reads. `hungry`: memory has room for the next piece, which is returned. An error if bytes are lost;
    /// those that the disk does not take stay in memory. `most`: bytes that are written or read at once.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, hungry: bool, most: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some((work, job)) = &mut self.job {
                let Poll::Ready(done) = job.poll(cx) else { return Ok(None) };
                let work = *work;
                self.job = None;
                let FileDone { block, file } = done?;
                match (work, file) {
                    (FileWork::Writing(_), Ok(file)) => {
                        self.written += block.len() as u64;
                        self.file = Some(file);
                    }
                    (FileWork::Writing(_), Err(error)) => {
                        self.trouble = Some(error);
                        self.is_full = true;
                        let behind = std::mem::replace(&mut self.block, block);
                        self.block.extend_from_slice(&behind);
                    }
                    (FileWork::Reading, Ok(_)) => {
                        self.read += block.len() as u64;
                        if self.read == self.written {
                            (self.read, self.written) = (0, 0);
                        }
                        return Ok(Some(block));
                    }
                    (FileWork::Reading, Err(error)) => return Err(error),
                }
            }
            let waiting = usize::try_from(self.written - self.read).unwrap_or(usize::MAX);
            match &self.file {
                Some(file) if hungry && waiting > 0 => {
                    let job = FileJob::read(&self.rules.threads, file, waiting.min(most), self.read);
                    self.job = Some((FileWork::Reading, job));
                }
                _ if hungry && !self.block.is_empty() => return Ok(Some(std::mem::take(&mut self.block))),
                _ if self.block.len() >= most && !self.is_full => {
                    let block = std::mem::take(&mut self.block);
                    let bytes = block.len() as u64;
                    let DiskRules { folder, threads, .. } = &self.rules;
                    let job = FileJob::write(threads, folder, self.file.as_ref(), block, self.written);
                    self.job = Some((FileWork::Writing(bytes), job));
                }
                _ => return Ok(None),
            }
        }
    }

    pub(super) fn take_trouble(&mut self) -> Option<io::Error> {
        self.trouble.take()
    }
}

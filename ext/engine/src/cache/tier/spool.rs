//! A body that is written to a file while it comes, because it is too long for the memory.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use xxhash_rust::xxh3::Xxh3;

use super::keeper::TierJob;
use super::layout::body_start;
use super::TierState;
use crate::unnamed_file::FileJob;

/// A file that grows. It is removed with its last holder, unless it gets its name.
pub(crate) struct Spool {
    state: Arc<TierState>,
    jobs: Sender<TierJob>,
    pub(super) path: PathBuf,
    /// Bytes of each place for a head.
    pub(super) capacity: u64,
    file: OnceLock<Arc<File>>,
    /// Bytes of the body that are in the file.
    written: AtomicU64,
    given_up: AtomicBool,
    pub(super) is_named: AtomicBool,
    /// Only the thread that writes uses it.
    pub(super) sum: Mutex<Xxh3>,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool").field("path", &self.path).field("written", &self.written).finish_non_exhaustive()
    }
}

impl Spool {
    pub(super) fn new(state: &Arc<TierState>, jobs: &Sender<TierJob>, capacity: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Arc::clone(state),
            jobs: jobs.clone(),
            path: state.folder.new_path(),
            capacity,
            file: OnceLock::new(),
            written: AtomicU64::new(0),
            given_up: AtomicBool::new(false),
            is_named: AtomicBool::new(false),
            sum: Mutex::new(Xxh3::new()),
        })
    }

    /// Has a piece of the body written, after the others. `false`: the disk is too slow, or has failed.
    pub(crate) fn push(self: &Arc<Self>, piece: Bytes) -> bool {
        let bytes = piece.len() as u64;
        if self.is_given_up() || !self.state.reserve(bytes) {
            return false;
        }
        let sent = self.jobs.send(TierJob::Write { spool: Arc::clone(self), piece });
        if sent.is_err() {
            self.state.release(bytes);
        }
        sent.is_ok()
    }

    /// Writes nothing more.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Relaxed);
    }

    /// Whether nothing more is written.
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Relaxed)
    }

    /// Bytes of the body that are in the file.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Acquire)
    }

    /// The file, and where the body begins in it. `None` before the first byte is written.
    fn file(&self) -> Option<(&Arc<File>, u64)> {
        self.file.get().map(|file| (file, body_start(self.capacity)))
    }

    /// Reads at most `most` bytes of the body from `position` on. `None` if the file is not there yet.
    pub(crate) fn read(&self, position: u64, most: usize) -> Option<FileJob> {
        let (file, start) = self.file()?;
        Some(FileJob::read(&self.state.threads, file, most, start + position))
    }

    /// The file, for the thread that writes.
    pub(super) fn opened(&self) -> std::io::Result<&Arc<File>> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = Arc::new(self.state.folder.create(&self.path)?);
        Ok(self.file.get_or_init(|| file))
    }

    pub(super) fn has_written(&self, bytes: u64) {
        self.written.store(self.written.load(Relaxed) + bytes, Release);
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if self.file.get().is_some() && !self.is_named.load(Relaxed) {
            let _ = self.jobs.send(TierJob::Sweep(std::mem::take(&mut self.path)));
        }
    }
}

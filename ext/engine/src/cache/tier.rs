//! The disk tier of a zone: responses in files, which outlive the process.
//!
//! A response is written by a thread of the tier, into a file that gets its name when it is whole. It is looked up by
//! threads that may wait for a disk. The engine threads only look into the index, which is in memory.

mod folder;
mod index;
mod keeper;
mod layout;
mod name;
mod scan;
mod spool;

pub(crate) use spool::Spool;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{channel, sync_channel, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use proxy_http::message::Fields;
use tokio::sync::{oneshot, Semaphore};
use xxhash_rust::xxh3::xxh3_64;

use super::entry::{AnswerPlace, CacheEntry};
use super::purge::Purge;
use crate::disk_threads::DiskThreads;
use crate::log::Log;
use folder::TierFolder;
use index::TierIndex;
use keeper::{TierJob, TierKeeper};
use name::StoredName;

/// Bytes that wait to be written, at most. What is more is not stored.
const MOST_PENDING: u64 = 32 * 1024 * 1024;
/// Look-ups at one time. Each may read a body into memory.
const MOST_LOOK_UPS: usize = 32;
/// Time for which nothing is stored after a failure, in milliseconds.
const PAUSE: u64 = 10_000;
/// Tags of a response that are kept in memory. One with so many is looked into.
const MOST_TAGS: usize = 64;

/// Limits of a tier, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TierLimits {
    pub(crate) size: u64,
    /// Largest body.
    pub(crate) max_object: u64,
}

/// What the threads share.
#[derive(Debug)]
struct TierState {
    folder: TierFolder,
    size: AtomicU64,
    max_object: AtomicU64,
    index: Mutex<TierIndex>,
    /// Whether all files are in the index.
    is_scanned: AtomicBool,
    /// Whether another process uses the folder too.
    shared: AtomicBool,
    stopping: AtomicBool,
    /// Changes whenever something is removed or called outdated.
    generation: AtomicU64,
    pending: AtomicU64,
    evictions: AtomicU64,
    failing: AtomicBool,
    paused_until: AtomicU64,
    log: OnceLock<Arc<Log>>,
    /// Threads that read what clients get.
    threads: DiskThreads,
}

impl TierState {
    /// Whether what is stored now is written.
    fn accepts(&self) -> bool {
        crate::clock::now() >= self.paused_until.load(Relaxed)
    }

    fn knows_all(&self) -> bool {
        self.is_scanned.load(Acquire) && !self.shared.load(Relaxed)
    }

    fn reserve(&self, bytes: u64) -> bool {
        let more = |used: u64| Some(used + bytes).filter(|sum| *sum <= MOST_PENDING);
        self.pending.fetch_update(Relaxed, Relaxed, more).is_ok()
    }

    fn release(&self, bytes: u64) {
        self.pending.fetch_sub(bytes, Relaxed);
    }

    fn log(&self, write: impl FnOnce(&Log, std::path::Display<'_>)) {
        if let Some(log) = self.log.get() {
            write(log, self.folder.root().display());
        }
    }
}

/// A tier.
#[derive(Debug)]
pub(crate) struct DiskTier {
    path: PathBuf,
    state: Arc<TierState>,
    jobs: Sender<TierJob>,
    /// The other end, until the thread has it.
    unstarted: Mutex<Option<Receiver<TierJob>>>,
    look_ups: Semaphore,
}

/// What was purged on a disk.
#[derive(Debug, Default)]
pub(crate) struct PurgedFiles(HashSet<StoredName>);

impl PurgedFiles {
    /// Number of responses.
    pub(crate) fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// Whether this response is among them.
    pub(crate) fn has(&self, key: &[u8], entry: &CacheEntry) -> bool {
        !self.0.is_empty() && self.0.contains(&StoredName::of(key, entry))
    }
}

impl DiskTier {
    /// A tier in the folder at `path`, which is made if it is not there.
    pub(crate) fn open(path: &Path, limits: TierLimits) -> io::Result<Arc<Self>> {
        let (jobs, unstarted) = channel();
        let state = Arc::new(TierState {
            folder: TierFolder::open(path)?,
            size: limits.size.into(),
            max_object: limits.max_object.into(),
            index: Mutex::default(),
            is_scanned: AtomicBool::new(false),
            shared: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            pending: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            paused_until: AtomicU64::new(0),
            log: OnceLock::new(),
            threads: DiskThreads::default(),
        });
        let (unstarted, look_ups) = (Mutex::new(Some(unstarted)), Semaphore::new(MOST_LOOK_UPS));
        Ok(Arc::new(Self { path: settled(path), state, jobs, unstarted, look_ups }))
    }

    /// The path of its folder, without links.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts its thread, if it has none yet, and takes other limits. What is then too much goes.
    pub(crate) fn start(&self, limits: TierLimits, log: &Arc<Log>) {
        self.state.max_object.store(limits.max_object, Relaxed);
        let before = self.state.size.swap(limits.size, Relaxed);
        if let Some(jobs) = self.unstarted.lock().take() {
            let _ = self.state.log.set(Arc::clone(log));
            let keeper = TierKeeper { state: Arc::downgrade(&self.state), jobs };
            let started = std::thread::Builder::new().name("proxy cache".into()).spawn(move || keeper.run());
            self.state.note(started);
        } else if before != limits.size {
            let _ = self.jobs.send(TierJob::Limit);
        }
    }

    /// Bytes of the largest body that is stored at the moment. 0: none.
    pub(crate) fn max_object(&self) -> u64 {
        if self.state.accepts() {
            self.state.max_object.load(Relaxed).min(self.state.size.load(Relaxed) / 4)
        } else {
            0
        }
    }

    /// Bytes, files, and files that were removed to make room.
    pub(crate) fn figures(&self) -> [u64; 3] {
        let index = self.state.index.lock();
        [index.bytes(), index.count() as u64, self.state.evictions.load(Relaxed)]
    }

    /// Whether it may have a response for a key. Does not ask the disk.
    pub(crate) fn may_have(&self, key: &[u8]) -> bool {
        let number = name::hash(key);
        let index = self.state.index.lock();
        !index.doomed.contains_key(&number) && (!index.of_key(number).is_empty() || !self.state.knows_all())
    }

    /// Number that changes whenever something is removed or called outdated.
    pub(crate) fn generation(&self) -> u64 {
        self.state.generation.load(SeqCst)
    }

    /// Looks a request up. A body of at most `most` bytes comes into memory.
    pub(crate) async fn find(
        &self,
        key: Box<[u8]>,
        place: AnswerPlace,
        fields: Fields,
        most: u64,
    ) -> Option<Arc<CacheEntry>> {
        let _turn = self.look_ups.acquire().await.ok()?;
        let state = Arc::clone(&self.state);
        let found = tokio::task::spawn_blocking(move || state.look_up(&key, &place, &fields, most)).await;
        found.ok().flatten()
    }

    /// Keeps a whole response, or the new head of one that it has.
    pub(crate) fn keep(&self, key: &[u8], entry: &Arc<CacheEntry>) {
        let reserved = key.len() as u64 + entry.size();
        if !self.state.accepts() || !self.state.reserve(reserved) {
            return;
        }
        let kept = TierJob::Keep { key: key.into(), entry: Arc::clone(entry), reserved };
        if self.jobs.send(kept).is_err() {
            self.state.release(reserved);
        }
    }

    /// Begins a file for a body that is on its way. `None`: it cannot be stored.
    pub(crate) fn record(&self, key: &[u8], entry: &CacheEntry) -> Option<Arc<Spool>> {
        let capacity = layout::capacity_for(&layout::record(key, entry)).filter(|_| self.state.accepts())?;
        Some(Spool::new(&self.state, &self.jobs, capacity))
    }

    /// Stores a response whose body is in a file. Tells whether it is stored.
    pub(crate) fn name(
        &self,
        spool: Arc<Spool>,
        key: &[u8],
        entry: &Arc<CacheEntry>,
    ) -> Option<oneshot::Receiver<bool>> {
        let (done, named) = oneshot::channel();
        // An invalidation sees that something is pending.
        let reserved = key.len() as u64;
        if !self.state.reserve(reserved) {
            return None;
        }
        let job = TierJob::Name { spool, key: key.into(), entry: Arc::clone(entry), done };
        if self.jobs.send(job).is_err() {
            self.state.release(reserved);
        }
        Some(named)
    }

    fn doom(&self, key: u64, job: TierJob) {
        *self.state.index.lock().doomed.entry(key).or_default() += 1;
        self.state.generation.fetch_add(1, SeqCst);
        let _ = self.jobs.send(job);
    }

    /// Removes a response.
    pub(crate) fn remove(&self, key: &[u8], entry: &CacheEntry) {
        let name = StoredName::of(key, entry);
        if self.may_have(key) || self.state.pending.load(Relaxed) > 0 {
            self.doom(name.key, TierJob::Remove(name));
        }
    }

    /// Calls a response outdated.
    pub(crate) fn outdate(&self, key: &[u8], entry: &CacheEntry) {
        let _ = self.jobs.send(TierJob::Outdate(StoredName::of(key, entry)));
    }

    /// Removes all responses for a key.
    pub(crate) fn invalidate(&self, key: &[u8]) {
        if self.may_have(key) || self.state.pending.load(Relaxed) > 0 {
            let number = name::hash(key);
            self.doom(number, TierJob::Forget(number));
        }
    }

    /// Purges, once it is known what is there. Waits for the disk.
    pub(crate) fn purge(&self, purge: &Purge, hard: bool) -> PurgedFiles {
        let (done, purged) = sync_channel(1);
        let sent = self.jobs.send(TierJob::Purge { purge: purge.clone(), hard, done });
        let names = sent.ok().and_then(|()| purged.recv().ok()).unwrap_or_default();
        PurgedFiles(names.into_iter().collect())
    }

    /// Waits until all is written that was stored so far, at most for `patience`.
    pub(crate) fn rest(&self, patience: Duration) {
        let (done, rested) = sync_channel(1);
        if self.unstarted.lock().is_none() && self.jobs.send(TierJob::Rest(done)).is_ok() {
            let _ = rested.recv_timeout(patience);
        }
    }
}

impl Drop for DiskTier {
    fn drop(&mut self) {
        self.state.stopping.store(true, Relaxed);
    }
}

/// Why files cannot be kept at a path, as far as that can be seen without making anything there.
pub(crate) fn trouble(path: &Path) -> Option<io::Error> {
    folder::trouble(path)
}

/// The path without links, as far as it is there.
pub(crate) fn settled(path: &Path) -> PathBuf {
    folder::settled(path)
}

fn tag_hash(tag: &[u8]) -> u32 {
    xxh3_64(tag) as u32
}

fn tag_hashes(entry: &CacheEntry) -> Box<[u32]> {
    entry.tags().take(MOST_TAGS).map(tag_hash).collect()
}

#[cfg(test)]
mod tests;

//! The thread that changes what is on the disk, one thing after the other.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use xxhash_rust::xxh3::xxh3_64;

use super::super::entry::CacheEntry;
use super::super::purge::Purge;
use super::index::StoredFile;
use super::layout::{capacity_for, record, FileHead, Preamble, PURGED_AT};
use super::name::StoredName;
use super::spool::Spool;
use super::{tag_hashes, TierState};
use crate::clock::{millis, time_of_day};

/// Interval between two looks for other processes that share the folder.
const WATCH: Duration = Duration::from_secs(2);

/// Something to do.
pub(super) enum TierJob {
    /// Keeps a response, or the new head of one.
    Keep { key: Box<[u8]>, entry: Arc<CacheEntry>, reserved: u64 },
    /// Adds a piece to a file.
    Write { spool: Arc<Spool>, piece: Bytes },
    /// Gives a whole file its name, and tells whether it has it.
    Name { spool: Arc<Spool>, key: Box<[u8]>, entry: Arc<CacheEntry>, done: oneshot::Sender<bool> },
    /// Removes a file that was being written.
    Sweep(PathBuf),
    /// Removes a response.
    Remove(StoredName),
    /// Calls a response outdated.
    Outdate(StoredName),
    /// Removes all responses with this hash of their key.
    Forget(u64),
    /// Purges, and tells what.
    Purge { purge: Purge, hard: bool, done: SyncSender<Vec<StoredName>> },
    /// Keeps to a new limit.
    Limit,
    /// Tells when all before it is done.
    Rest(SyncSender<()>),
}

/// What the thread has.
pub(super) struct TierKeeper {
    pub(super) state: Weak<TierState>,
    pub(super) jobs: Receiver<TierJob>,
}

impl TierKeeper {
    /// Works until nobody has anything to do for it any more.
    pub(super) fn run(self) {
        let mut alive = 0;
        if let Some(state) = self.state.upgrade() {
            alive = state.folder.others();
            state.shared.store(alive > 0, Relaxed);
            state.scan();
        }
        loop {
            match self.jobs.recv_timeout(WATCH) {
                Ok(job) => {
                    let Some(state) = self.state.upgrade() else { return };
                    state.work(job);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let Some(state) = self.state.upgrade() else { return };
                    let now = state.folder.others();
                    state.shared.store(now > 0, Relaxed);
                    if now < alive {
                        // What the other has written is ours now.
                        state.scan();
                    }
                    alive = now;
                }
            }
        }
    }
}

impl TierState {
    fn work(&self, job: TierJob) {
        match job {
            TierJob::Keep { key, entry, reserved } => {
                if self.accepts() {
                    self.note(self.keep(&key, &entry));
                }
                self.release(reserved);
            }
            TierJob::Write { spool, piece } => {
                if !spool.is_given_up() {
                    let written = write(&spool, &piece);
                    if written.is_err() {
                        spool.give_up();
                    }
                    self.note(written);
                }
                self.release(piece.len() as u64);
            }
            TierJob::Name { spool, key, entry, done } => {
                let named = self.name(&spool, &key, &entry);
                // Whoever waits for the end finds no file, if it has no name.
                drop(spool);
                self.release(key.len() as u64);
                let _ = done.send(matches!(named, Ok(true)));
                self.note(named.map(drop));
            }
            TierJob::Sweep(path) => drop(std::fs::remove_file(path)),
            TierJob::Remove(name) => {
                self.discard(name);
                self.spare(name.key);
            }
            TierJob::Outdate(name) => drop(self.outdate(name)),
            TierJob::Forget(key) => {
                let names: Vec<_> = match self.shared.load(Relaxed) {
                    true => self.folder.names_in(super::name::leaf(key)),
                    false => self.index.lock().of_key(key).iter().map(|file| file.name).collect(),
                };
                names.into_iter().filter(|name| name.key == key).for_each(|name| self.discard(name));
                self.spare(key);
            }
            TierJob::Purge { purge, hard, done } => {
                if self.folder.others() > 0 {
                    self.scan();
                }
                let names = self.purge(&purge, hard);
                self.generation.fetch_add(1, SeqCst);
                let _ = done.send(names);
            }
            TierJob::Limit => self.make_room(0),
            TierJob::Rest(done) => drop(done.send(())),
        }
    }

    /// Removes a file.
    pub(super) fn discard(&self, name: StoredName) {
        self.index.lock().take(name);
        // A file that cannot be removed is found again by the next scan.
        let _ = self.folder.remove(name);
    }

    /// The files of a key are removed.
    fn spare(&self, key: u64) {
        let mut index = self.index.lock();
        if let Some(times) = index.doomed.get_mut(&key) {
            *times -= 1;
            if *times == 0 {
                index.doomed.remove(&key);
            }
        }
        drop(index);
        self.generation.fetch_add(1, SeqCst);
    }

    /// Makes room for a file of `bytes`.
    fn make_room(&self, bytes: u64) {
        let room = self.size.load(Relaxed).saturating_sub(bytes.next_multiple_of(4096));
        let evicted = self.index.lock().evict(room);
        self.evictions.fetch_add(evicted.len() as u64, Relaxed);
        for name in evicted {
            let _ = self.folder.remove(name);
        }
    }

    fn put(&self, name: StoredName, entry: &CacheEntry, preamble: &Preamble) {
        let tags = tag_hashes(entry);
        let file = StoredFile::new(name, preamble.file_length(), tags, preamble.written, true);
        let too_much = self.index.lock().put(file);
        if let Some(name) = too_much {
            let _ = self.folder.remove(name);
        }
    }

    /// Keeps a whole response: in the file that has its body already, if there is one.
    fn keep(&self, key: &[u8], entry: &CacheEntry) -> io::Result<()> {
        let name = StoredName::of(key, entry);
        let record = record(key, entry);
        let known = self.index.lock().get(name).is_some();
        let file = if known { self.folder.open_file(name, true)? } else { None };
        let Some(sum) = entry.body.whole().map(|whole| xxh3_64(whole)).or(entry.body.file().map(|file| file.sum))
        else {
            return Ok(());
        };
        if let Some(file) = file {
            let head = FileHead::read(&file)?;
            let same =
                head.filter(|head| head.preamble.body_sum == sum && Some(head.preamble.length) == entry.body.length());
            if let Some(head) = same {
                if head.replace(&file, &record)? {
                    if head.is_purged != entry.is_purged() {
                        file.write_all_at(&[u8::from(entry.is_purged())], PURGED_AT)?;
                    }
                    let tags = tag_hashes(entry);
                    if self.index.lock().get(name).is_some_and(|known| known.tags != tags) {
                        self.put(name, entry, &head.preamble);
                    }
                    return Ok(());
                }
            }
        }
        let Some(capacity) = capacity_for(&record) else { return Ok(()) };
        let length = entry.body.length().unwrap_or(0);
        let preamble = Preamble { capacity, length, body_sum: sum, written: now() };
        self.make_room(preamble.file_length());
        let path = self.folder.new_path();
        let written = self.write_new(&path, &preamble, &record, entry).and_then(|()| self.folder.name(&path, name));
        if written.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        written?;
        self.put(name, entry, &preamble);
        Ok(())
    }

    fn write_new(
        &self,
        path: &std::path::Path,
        preamble: &Preamble,
        record: &[u8],
        entry: &CacheEntry,
    ) -> io::Result<()> {
        let mut file = self.folder.create(path)?;
        preamble.write_to(&file, record)?;
        if let Some(whole) = entry.body.whole() {
            file.write_all_at(whole, preamble.body_start())?;
        } else if let Some(body) = entry.body.file() {
            // The head has become too long for its place.
            use std::io::{Seek, SeekFrom};
            let mut from = File::from(rustix::io::dup(&*body.file)?);
            from.seek(SeekFrom::Start(body.start))?;
            file.seek(SeekFrom::Start(preamble.body_start()))?;
            let copied = io::copy(&mut io::Read::take(from, body.length), &mut file)?;
            if copied != body.length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if entry.is_purged() {
            file.write_all_at(&[1], PURGED_AT)?;
        }
        Ok(())
    }

    fn name(&self, spool: &Spool, key: &[u8], entry: &CacheEntry) -> io::Result<bool> {
        let record = record(key, entry);
        let length = spool.written();
        let fits = capacity_for(&record).is_some_and(|capacity| capacity <= spool.capacity);
        if spool.is_given_up() || !fits || entry.body.length() != Some(length) || !self.accepts() {
            return Ok(false);
        }
        let body_sum = spool.sum.lock().digest();
        let preamble = Preamble { capacity: spool.capacity, length, body_sum, written: now() };
        self.make_room(preamble.file_length());
        preamble.write_to(spool.opened()?, &record)?;
        let name = StoredName::of(key, entry);
        self.folder.name(&spool.path, name)?;
        spool.is_named.store(true, Relaxed);
        self.put(name, entry, &preamble);
        Ok(true)
    }

    /// Calls a response outdated. `false` if it was so already, or is not there.
    fn outdate(&self, name: StoredName) -> io::Result<bool> {
        let Some(file) = self.folder.open_file(name, true)? else { return Ok(false) };
        file.write_all_at(&[1], PURGED_AT)?;
        Ok(true)
    }

    fn purge(&self, purge: &Purge, hard: bool) -> Vec<StoredName> {
        let (url, tag) = match purge {
            Purge::Url(url) if !url.starts_with('/') && !url.contains('*') => {
                (Some(super::name::hash(url.as_bytes())), None)
            }
            Purge::Tag(tag) => (None, Some(super::tag_hash(tag.as_bytes()))),
            _ => (None, None),
        };
        let wanted = |file: &&Arc<StoredFile>| {
            url.is_none_or(|url| file.name.url == url)
                && tag.is_none_or(|tag| file.tags.contains(&tag) || file.tags.len() == super::MOST_TAGS)
        };
        let mut names: Vec<_> = self.index.lock().all().filter(wanted).map(|file| file.name).collect();
        if *purge != Purge::All {
            names.retain(|name| self.is_meant(*name, purge));
        }
        for name in &names {
            match hard {
                true => self.discard(*name),
                false => self.note(self.outdate(*name).map(drop)),
            }
        }
        names
    }

    /// Whether a purge means the response in a file. One that cannot be read is none.
    fn is_meant(&self, name: StoredName, purge: &Purge) -> bool {
        let Ok(Some(file)) = self.folder.open_file(name, false) else { return false };
        let Ok(Some(head)) = FileHead::read(&file) else { return false };
        let Some((key, rest)) = head.parts() else { return false };
        match purge {
            Purge::Tag(tag) => CacheEntry::read(rest, super::super::body::Body::begin(None))
                .is_some_and(|entry| entry.has_tag(tag.as_bytes())),
            _ => purge.means(key),
        }
    }

    /// Takes note of how work with the disk ended. While it fails, nothing is stored; it is said once.
    pub(super) fn note<T>(&self, done: io::Result<T>) {
        let Err(error) = done else {
            if self.accepts() && self.failing.swap(false, Relaxed) {
                self.log(|log, path| log.info(format_args!("cache: {path}: responses are stored again")));
            }
            return;
        };
        self.paused_until.store(crate::clock::now() + super::PAUSE, Relaxed);
        if !self.failing.swap(true, Relaxed) {
            self.log(|log, path| {
                log.warn(format_args!("cache: cannot write to {path} ({error}): nothing is stored there for now"));
            });
        }
    }
}

/// Writes a piece of a body.
fn write(spool: &Spool, piece: &[u8]) -> io::Result<()> {
    let file = spool.opened()?;
    file.write_all_at(piece, super::layout::body_start(spool.capacity) + spool.written())?;
    spool.sum.lock().update(piece);
    spool.has_written(piece.len() as u64);
    Ok(())
}

fn now() -> super::super::Millis {
    time_of_day().duration_since(std::time::UNIX_EPOCH).map_or(0, millis)
}

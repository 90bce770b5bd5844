//! What is on the disk, in memory: about 200 bytes for each file.
//!
//! A file that was not used again when its turn comes is removed before those that were (as in S3-FIFO, SOSP 2023): a
//! tenth of the room is for new ones.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::Arc;

use super::super::Millis;
use super::name::StoredName;

/// Bytes that a file takes are rounded up to this: disks have blocks.
const BLOCK: u64 = 4096;
/// Most files for one key, as many as the memory keeps.
const MOST_VARIANTS: usize = 16;
/// Uses that are counted of a file.
const MOST_USES: u8 = 3;

/// A file.
#[derive(Debug)]
pub(super) struct StoredFile {
    pub(super) name: StoredName,
    /// Bytes that it takes.
    pub(super) size: u64,
    /// Hashes of the tags of its response.
    pub(super) tags: Box<[u32]>,
    /// When it was written.
    pub(super) written: Millis,
    /// Whether its body has the right sum.
    pub(super) is_sound: AtomicBool,
    uses: AtomicU8,
    gone: AtomicBool,
}

impl StoredFile {
    /// A file of `length` bytes.
    pub(super) fn new(name: StoredName, length: u64, tags: Box<[u32]>, written: Millis, is_sound: bool) -> Arc<Self> {
        let size = length.next_multiple_of(BLOCK);
        let (uses, gone) = (AtomicU8::new(0), AtomicBool::new(false));
        Arc::new(Self { name, size, tags, written, is_sound: is_sound.into(), uses, gone })
    }

    /// Counts a use.
    pub(super) fn note_use(&self) {
        self.uses.store(self.uses.load(Relaxed).saturating_add(1).min(MOST_USES), Relaxed);
    }
}

/// All files.
#[derive(Debug, Default)]
pub(super) struct TierIndex {
    files: HashMap<u64, Vec<Arc<StoredFile>>>,
    young: VecDeque<Arc<StoredFile>>,
    old: VecDeque<Arc<StoredFile>>,
    young_bytes: u64,
    bytes: u64,
    count: usize,
    /// Hashes of keys whose files are about to be removed, and how often.
    pub(super) doomed: HashMap<u64, u32>,
}

impl TierIndex {
    /// The files for a key with this hash.
    pub(super) fn of_key(&self, key: u64) -> &[Arc<StoredFile>] {
        self.files.get(&key).map_or(&[], Vec::as_slice)
    }

    /// The file with this name.
    pub(super) fn get(&self, name: StoredName) -> Option<&Arc<StoredFile>> {
        self.of_key(name.key).iter().find(|file| file.name == name)
    }

    /// All files.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<StoredFile>> {
        self.files.values().flatten()
    }

    /// Bytes that all files take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Number of files.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Adds a new file, in place of one with its name. Returns one that is then too much for its key.
    pub(super) fn put(&mut self, file: Arc<StoredFile>) -> Option<StoredName> {
        self.take(file.name);
        self.young_bytes += file.size;
        self.young.push_back(Arc::clone(&file));
        self.add(file)
    }

    /// Adds a file of an earlier time. Those that were written first come first.
    pub(super) fn put_old(&mut self, file: Arc<StoredFile>) -> Option<StoredName> {
        self.take(file.name);
        self.old.push_back(Arc::clone(&file));
        self.add(file)
    }

    fn add(&mut self, file: Arc<StoredFile>) -> Option<StoredName> {
        self.bytes += file.size;
        self.count += 1;
        let of_key = self.files.entry(file.name.key).or_default();
        of_key.push(file);
        let too_much = (of_key.len() > MOST_VARIANTS).then(|| of_key[0].name);
        if let Some(name) = too_much {
            self.take(name);
        }
        too_much
    }

    /// Removes a file.
    pub(super) fn take(&mut self, name: StoredName) -> Option<Arc<StoredFile>> {
        let of_key = self.files.get_mut(&name.key)?;
        let at = of_key.iter().position(|file| file.name == name)?;
        let file = of_key.remove(at);
        if of_key.is_empty() {
            self.files.remove(&name.key);
        }
        file.gone.store(true, Relaxed);
        self.bytes -= file.size;
        self.count -= 1;
        // Files that are gone stay in the queues until their turn, but not for ever.
        if self.young.len() + self.old.len() > 2 * self.count + 1024 {
            let young_bytes = &mut self.young_bytes;
            self.young.retain(|file| {
                let stays = !file.gone.load(Relaxed);
                *young_bytes -= if stays { 0 } else { file.size };
                stays
            });
            self.old.retain(|file| !file.gone.load(Relaxed));
        }
        Some(file)
    }

    /// Removes files until the others take no more than `most` bytes. Returns those that are removed.
    pub(super) fn evict(&mut self, most: u64) -> Vec<StoredName> {
        let mut evicted = Vec::new();
        while self.bytes > most {
            let is_young = self.young_bytes > most / 10 || self.old.is_empty();
            let next = if is_young { self.young.pop_front() } else { self.old.pop_front() };
            let Some(file) = next else { break };
            if is_young {
                self.young_bytes -= file.size;
            }
            let uses = file.uses.load(Relaxed);
            if file.gone.load(Relaxed) {
                continue;
            }
            if uses > 0 {
                file.uses.store(if is_young { 0 } else { uses - 1 }, Relaxed);
                self.old.push_back(file);
            } else if self.take(file.name).is_some() {
                evicted.push(file.name);
            }
        }
        evicted
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::entry::tests::entry;
    use super::*;

    fn file(key: &str, kilobytes: u64) -> Arc<StoredFile> {
        let name = StoredName::of(key.as_bytes(), &entry("", ""));
        StoredFile::new(name, kilobytes * 1024, Box::default(), 0, true)
    }

    #[test]
    fn what_is_used_outlives_what_is_not() {
        let mut index = TierIndex::default();
        let used: Vec<_> = (0..8).map(|number| file(&format!("used {number}"), 8)).collect();
        for file in &used {
            index.put(Arc::clone(file));
            file.note_use();
        }
        for number in 0..100 {
            index.put(file(&number.to_string(), 4));
            index.evict(100 * 1024);
            assert!(index.bytes() <= 100 * 1024, "{}", index.bytes());
        }
        let kept = used.iter().filter(|file| index.get(file.name).is_some()).count();
        assert_eq!(kept, 8);
        assert_eq!(index.all().map(|file| file.size).sum::<u64>(), index.bytes());
        assert_eq!(index.all().count(), index.count());
        index.evict(0);
        assert_eq!((index.bytes(), index.count()), (0, 0));
    }

    #[test]
    fn a_file_takes_the_place_of_one_with_its_name_and_queues_do_not_grow() {
        let mut index = TierIndex::default();
        for number in 0..10_000 {
            index.put(file("one", number % 7));
        }
        assert_eq!(index.count(), 1);
        assert!(index.young.len() < 1100, "{}", index.young.len());
        assert!(index.take(file("one", 1).name).is_some() && index.take(file("one", 1).name).is_none());
        assert_eq!(index.bytes(), 0);
    }
}

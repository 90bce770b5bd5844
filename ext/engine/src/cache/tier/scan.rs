//! Finding out what is on the disk.

use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::{Relaxed, Release, SeqCst};
use std::sync::Arc;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use proxy_http::message::Fields;

use super::super::body::{Body, BodyInFile};
use super::super::entry::{AnswerPlace, CacheEntry};
use super::index::StoredFile;
use super::layout::FileHead;
use super::name::{hash, leaf, StoredName};
use super::{tag_hashes, TierState};
use crate::disk::OpenFile;

impl TierState {
    /// Reads the heads of all files that are not known yet. Files that are not whole are removed.
    pub(super) fn scan(&self) {
        let mut found = Vec::new();
        for leaf in self.folder.leaves() {
            for name in self.folder.names_in(leaf) {
                if self.stopping.load(Relaxed) {
                    return;
                }
                if self.index.lock().get(name).is_some() {
                    continue;
                }
                match self.head_of(name) {
                    Some((head, entry)) => {
                        let (length, written) = (head.preamble.file_length(), head.preamble.written);
                        found.push(StoredFile::new(name, length, tag_hashes(&entry), written, false));
                    }
                    None => self.discard(name),
                }
            }
        }
        found.sort_by_key(|file| file.written);
        let mut index = self.index.lock();
        let mut too_much: Vec<_> = found.into_iter().filter_map(|file| index.put_old(file)).collect();
        let evicted = index.evict(self.size.load(Relaxed));
        drop(index);
        self.evictions.fetch_add(evicted.len() as u64, Relaxed);
        too_much.extend(evicted);
        for name in too_much {
            let _ = self.folder.remove(name);
        }
        self.is_scanned.store(true, Release);
    }

    /// The head of a file, if the file is whole and has the name that it should have.
    fn head_of(&self, name: StoredName) -> Option<(FileHead, CacheEntry)> {
        let file = self.folder.open_file(name, false).ok()??;
        let head = FileHead::read(&file).ok()??;
        let (key, rest) = head.parts()?;
        let entry = CacheEntry::read(rest, Body::begin(None))?;
        (StoredName::of(key, &entry) == name).then_some((head, entry))
    }

    /// Looks for the response to a request. Reads from the disk.
    pub(super) fn look_up(
        &self,
        key: &[u8],
        place: &AnswerPlace,
        fields: &Fields,
        most: u64,
    ) -> Option<Arc<CacheEntry>> {
        for _ in 0..4 {
            let before = self.generation.load(SeqCst);
            let found = self.look(key, place, fields, most);
            if before == self.generation.load(SeqCst) {
                return found;
            }
        }
        None
    }

    fn look(&self, key: &[u8], place: &AnswerPlace, fields: &Fields, most: u64) -> Option<Arc<CacheEntry>> {
        let number = hash(key);
        let index = self.index.lock();
        if index.doomed.contains_key(&number) {
            return None;
        }
        let mut names: Vec<_> = index.of_key(number).iter().map(|file| file.name).collect();
        drop(index);
        if !self.knows_all() {
            let others = self.folder.names_in(leaf(number)).into_iter().filter(|name| name.key == number);
            let others: Vec<_> = others.filter(|name| !names.contains(name)).collect();
            names.extend(others);
        }
        let mut best = None;
        for name in names {
            let Ok(opened) = self.folder.open_file(name, false) else { continue };
            let Some(file) = opened else {
                self.index.lock().take(name);
                continue;
            };
            let head = match FileHead::read(&file) {
                Ok(Some(head)) => head,
                Ok(None) => {
                    self.discard(name);
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    self.discard(name);
                    continue;
                }
                Err(_) => continue,
            };
            let Some((own, rest)) = head.parts() else { continue };
            if own != key {
                continue;
            }
            let Some(entry) = CacheEntry::read(rest, Body::begin(None)) else { continue };
            let received = entry.freshness.received;
            let newer = best.as_ref().is_none_or(|(_, _, _, other, _)| received > *other);
            if newer && entry.suits(place.asked(), fields) {
                best = Some((name, file, head, received, entry));
            }
        }
        let (name, file, head, _, entry) = best?;
        let body = self.body(name, file, &head, most)?;
        if head.is_purged {
            entry.purge();
        }
        Some(entry.with_body(body))
    }

    /// The body in a file. A body of at most `most` bytes is read into memory.
    fn body(&self, name: StoredName, file: std::fs::File, head: &FileHead, most: u64) -> Option<Arc<Body>> {
        let known = self.index.lock().get(name).cloned();
        if let Some(known) = &known {
            known.note_use();
        }
        let (start, length, sum) = (head.preamble.body_start(), head.preamble.length, head.preamble.body_sum);
        if length <= most {
            let mut bytes = vec![0; usize::try_from(length).ok()?];
            let read = file.read_exact_at(&mut bytes, start);
            if read.is_err() || xxh3_64(&bytes) != sum {
                self.discard(name);
                return None;
            }
            return Some(Body::of(Bytes::from(bytes)));
        }
        // What another process has written is read once before it is believed.
        let sound = known.as_ref().is_some_and(|known| known.is_sound.load(Relaxed));
        if !sound {
            match head.has_its_body(&file) {
                Ok(true) => drop(known.map(|known| known.is_sound.store(true, Relaxed))),
                Ok(false) => {
                    self.discard(name);
                    return None;
                }
                Err(_) => return None,
            }
        }
        let file = Arc::new(OpenFile::of(file, self.threads.clone()).ok()?);
        Some(Body::in_file(BodyInFile { file, start, length, sum }))
    }
}

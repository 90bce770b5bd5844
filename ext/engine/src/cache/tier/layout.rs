//! The layout of a file: a preamble, two places for a head, and the body.
//!
//! A head that changes is written to the place that is not in use, so that one of both is whole at any time. What is
//! torn has a wrong sum. The sum of a head includes that of its preamble, so that no head counts in another file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::super::entry::CacheEntry;
use super::super::record::{push_number, push_text, RecordReader};
use super::super::Millis;

/// First bytes of each file; the last of them is the version of the layout.
const MAGIC: [u8; 8] = *b"\x89PxyC\r\n\x01";
/// Bytes of the preamble.
const PREAMBLE: usize = 64;
/// Place of the byte that says whether somebody has called the response outdated. It is in no sum: it changes alone.
pub(super) const PURGED_AT: u64 = 48;
/// Place of the sum of the preamble.
const SUM_AT: usize = 56;
/// Bytes before a head: its length, its number, and its sum.
const HEAD_START: usize = 24;
/// Largest place for a head.
const MOST_HEAD: u64 = 1024 * 1024;
/// Bytes that a place is larger than its first head needs.
const SPARE: usize = 256;
/// Bytes that are read first.
const FIRST: usize = 8 * 1024;
/// Bytes that are read at a time when a body is looked through.
const BLOCK: usize = 256 * 1024;

/// The fixed part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Preamble {
    /// Bytes of each of both places for a head.
    pub(super) capacity: u64,
    /// Bytes of the body.
    pub(super) length: u64,
    /// Sum of the body.
    pub(super) body_sum: u64,
    /// When the file was written.
    pub(super) written: Millis,
}

/// What stands before the body of a file.
#[derive(Debug)]
pub(super) struct FileHead {
    pub(super) preamble: Preamble,
    pub(super) is_purged: bool,
    /// The key and the response, as [`record`] writes them.
    record: Vec<u8>,
    number: u64,
    place: u64,
}

/// The head of a response in a file.
pub(super) fn record(key: &[u8], entry: &CacheEntry) -> Vec<u8> {
    let mut record = Vec::new();
    push_text(&mut record, key);
    entry.write_to(&mut record);
    record
}

/// Room for a head like this one.
pub(super) fn capacity_for(record: &[u8]) -> Option<u64> {
    let capacity = (HEAD_START + record.len() + SPARE).next_multiple_of(256) as u64;
    (capacity <= MOST_HEAD).then_some(capacity)
}

impl Preamble {
    /// Where the body begins.
    pub(super) fn body_start(&self) -> u64 {
        body_start(self.capacity)
    }

    /// Bytes of the file.
    pub(super) fn file_length(&self) -> u64 {
        self.body_start().saturating_add(self.length)
    }

    fn write(&self) -> ([u8; PREAMBLE], u64) {
        let mut bytes = Vec::with_capacity(PREAMBLE);
        bytes.extend_from_slice(&MAGIC);
        for number in [self.capacity, self.length, self.body_sum, self.written] {
            push_number(&mut bytes, number);
        }
        let mut preamble = [0; PREAMBLE];
        preamble[..bytes.len()].copy_from_slice(&bytes);
        let sum = xxh3_64(&preamble[..PURGED_AT as usize]);
        preamble[SUM_AT..].copy_from_slice(&sum.to_le_bytes());
        (preamble, sum)
    }

    fn read(bytes: &[u8; PREAMBLE]) -> Option<(Self, u64)> {
        let sum = RecordReader(&bytes[SUM_AT..]).number()?;
        if bytes[..MAGIC.len()] != MAGIC || xxh3_64(&bytes[..PURGED_AT as usize]) != sum {
            return None;
        }
        let mut reader = RecordReader(&bytes[MAGIC.len()..]);
        let capacity = reader.number_below(MOST_HEAD + 1)?;
        let (length, body_sum, written) = (reader.number()?, reader.number()?, reader.number()?);
        Some((Self { capacity, length, body_sum, written }, sum))
    }

    /// Writes all that stands before the body, and gives the file its length.
    pub(super) fn write_to(&self, file: &File, record: &[u8]) -> io::Result<()> {
        let (mut bytes, sum) = (self.write().0.to_vec(), self.write().1);
        push_head(&mut bytes, record, 1, sum);
        bytes.resize(self.body_start() as usize, 0);
        file.write_all_at(&bytes, 0)
    }
}

/// Where a body begins in a file with such places for a head.
pub(super) fn body_start(capacity: u64) -> u64 {
    PREAMBLE as u64 + 2 * capacity
}

fn push_head(out: &mut Vec<u8>, record: &[u8], number: u64, seed: u64) {
    push_number(out, record.len() as u64);
    push_number(out, number);
    let sum = xxh3_64_with_seed(record, seed ^ number.rotate_left(32) ^ record.len() as u64);
    push_number(out, sum);
    out.extend_from_slice(record);
}

fn read_head(bytes: &[u8], seed: u64) -> Option<(u64, &[u8])> {
    let mut reader = RecordReader(bytes);
    let (length, number, sum) = (reader.number()?, reader.number()?, reader.number()?);
    let record = reader.0.get(..usize::try_from(length).ok()?)?;
    (sum == xxh3_64_with_seed(record, seed ^ number.rotate_left(32) ^ length)).then_some((number, record))
}

impl FileHead {
    /// Reads what stands before the body of a file. `None` if the file is not whole.
    pub(super) fn read(file: &File) -> io::Result<Option<Self>> {
        let length = file.metadata()?.len();
        let mut bytes = vec![0; FIRST.min(usize::try_from(length).unwrap_or(FIRST))];
        file.read_exact_at(&mut bytes, 0)?;
        let Some((preamble, sum)) = bytes.first_chunk().and_then(Preamble::read) else { return Ok(None) };
        if preamble.file_length() != length {
            return Ok(None);
        }
        let start = preamble.body_start() as usize;
        if start > bytes.len() {
            bytes.resize(start, 0);
            file.read_exact_at(&mut bytes, 0)?;
        }
        let is_purged = bytes[PURGED_AT as usize] != 0;
        let places = bytes[PREAMBLE..start].chunks_exact((preamble.capacity as usize).max(1));
        let heads = places.zip(0..).filter_map(|(place, number)| Some((read_head(place, sum)?, number)));
        let newest = heads.max_by_key(|((number, _), _)| *number);
        Ok(newest.map(|((number, record), place)| Self { preamble, is_purged, record: record.to_vec(), number, place }))
    }

    /// Writes another head in place of this one. `false` if there is no room for it.
    pub(super) fn replace(&self, file: &File, record: &[u8]) -> io::Result<bool> {
        if (HEAD_START + record.len()) as u64 > self.preamble.capacity {
            return Ok(false);
        }
        let mut bytes = Vec::with_capacity(HEAD_START + record.len());
        push_head(&mut bytes, record, self.number + 1, self.preamble.write().1);
        let place = PREAMBLE as u64 + (1 - self.place.min(1)) * self.preamble.capacity;
        file.write_all_at(&bytes, place)?;
        Ok(true)
    }

    /// The key, and what is left to read of the response.
    pub(super) fn parts(&self) -> Option<(&[u8], RecordReader<'_>)> {
        let mut reader = RecordReader(&self.record);
        Some((reader.text()?, reader))
    }

    /// Whether the body of the file has its sum. It is read whole.
    pub(super) fn has_its_body(&self, file: &File) -> io::Result<bool> {
        let mut sum = xxhash_rust::xxh3::Xxh3::new();
        let mut block = vec![0; BLOCK];
        let (mut at, end) = (self.preamble.body_start(), self.preamble.file_length());
        while at < end {
            let n = BLOCK.min(usize::try_from(end - at).unwrap_or(BLOCK));
            file.read_exact_at(&mut block[..n], at)?;
            sum.update(&block[..n]);
            at += n as u64;
        }
        Ok(sum.digest() == self.preamble.body_sum)
    }
}

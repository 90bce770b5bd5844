//! Files that clients ask for: opened inside of a folder, and read without a thread that waits for a disk.
//!
//! An engine thread serves many clients, so it must not wait for a disk or for a file server. It opens and reads only
//! what the system has in memory; Linux says which that is (`RESOLVE_CACHED` of openat2, `RWF_NOWAIT` of preadv2).
//! Everything else is opened and read by other threads, of which the disk of a folder gets a few.

mod folder;
mod open;
mod reader;
mod speed;
#[cfg(target_os = "linux")]
mod warm;

pub(crate) use folder::{is_absence, leads_out, AtName, Links, ServedFolder};
pub(crate) use reader::FileReader;

use std::fs::File;
use std::hash::BuildHasher;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustc_hash::FxBuildHasher;
use rustix::fs::{fstat, Stat};
use speed::Speed;

use crate::disk_threads::DiskThreads;

/// A regular file that is open for reading, as it was when it was opened.
#[derive(Debug)]
pub(crate) struct OpenFile {
    file: File,
    /// Bytes.
    length: u64,
    /// Seconds and nanoseconds since 1970 of the last change.
    modified: (i64, i64),
    speed: Speed,
    /// Number of the file in this state.
    number: u64,
    threads: DiskThreads,
}

impl OpenFile {
    /// An open regular file. `threads` read it where it may block.
    pub(crate) fn of(file: File, threads: DiskThreads) -> io::Result<Self> {
        let (facts, speed) = (fstat(&file)?, Speed::of(&file)?);
        Ok(Self::new(file, &facts, speed, threads))
    }

    fn new(file: File, facts: &Stat, speed: Speed, threads: DiskThreads) -> Self {
        let modified = (facts.st_mtime, facts.st_mtime_nsec as i64);
        let length = u64::try_from(facts.st_size).unwrap_or(0);
        let number = FxBuildHasher.hash_one((facts.st_dev, facts.st_ino, modified, length));
        Self { length, modified, file, speed, number, threads }
    }

    /// Whether it is on a disk of this machine, or in memory.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_near(&self) -> bool {
        self.speed != Speed::Remote
    }

    /// Bytes that it had.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Time of its last change. A time before 1970 counts as 1970.
    pub(crate) fn modified(&self) -> SystemTime {
        let (seconds, nanos) = self.modified;
        let since = Duration::new(seconds.try_into().unwrap_or(0), nanos.clamp(0, 999_999_999) as u32);
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }

    /// Time of the last change, in whole seconds since 1970.
    pub(crate) fn modified_second(&self) -> i64 {
        self.modified.0
    }

    /// Number that changes with every change of the file, as far as the file system notes it: nanoseconds.
    pub(crate) fn revision(&self) -> i128 {
        i128::from(self.modified.0) * 1_000_000_000 + i128::from(self.modified.1)
    }
}

impl AsFd for OpenFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests;

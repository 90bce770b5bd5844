//! The body of a response that is stored, from its first byte on: whoever wants it reads along while it comes.

mod missed;
mod passing;
mod reader;

pub(crate) use self::passing::LagRules;
pub(crate) use reader::BodyReader;

use std::io;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

use bytes::Bytes;

use self::missed::MissedPart;
use self::passing::Indulgence;
use super::tier::Spool;
use crate::disk::OpenFile;
use crate::fork_safe::Mutex;
use crate::unnamed_file::{FileJob, BLOCK};

/// Bytes of a body too long to be stored that come at most before its fastest reader wants them. So many are kept in
/// memory for slower ones, too.
const WINDOW: u64 = 256 * 1024;
/// Largest piece of a whole body that is handed out at once.
const LARGEST_PIECE: usize = 64 * 1024;

/// A body that grows until it is whole.
#[derive(Debug)]
pub(crate) struct Body {
    /// Length that the head announces. `None`: it is unknown until the end.
    announced: Option<u64>,
    /// Whether it is known from the beginning to be too long for the memory.
    is_large: bool,
    whole: OnceLock<Bytes>,
    file: Option<BodyInFile>,
    growing: Mutex<Growing>,
}

/// A whole body in a file.
#[derive(Debug)]
pub(crate) struct BodyInFile {
    pub(crate) file: Arc<OpenFile>,
    /// Where it begins in the file.
    pub(crate) start: u64,
    /// Bytes.
    pub(crate) length: u64,
    /// Its sum.
    pub(super) sum: u64,
}

#[derive(Debug, Default)]
struct Growing {
    /// Pieces with the offset of their first byte.
    pieces: Vec<(u64, Bytes)>,
    length: u64,
    end: Option<BodyEnd>,
    /// Positions of those who read. `None`: a free place.
    readers: Vec<Option<u64>>,
    waiting: Vec<Waker>,
    /// Whether the body is too long to be stored: what everybody has read is dropped, and nobody can join.
    passing: bool,
    /// Whether such a body is taken in ahead of its readers.
    takes_in: bool,
    /// The file that it is written to, if it is too long for the memory. Pieces that are there may be dropped.
    spool: Option<Arc<Spool>>,
    /// What slow readers have still to read, while the body is passing.
    missed: Option<MissedPart>,
    indulgence: Indulgence,
    /// Why nothing more of that is written.
    trouble: Option<io::Error>,
    filler: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyEnd {
    Whole,
    Cut,
}

/// Whether more of a body is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appetite {
    More,
    /// Nobody reads it, and it is not stored.
    Nobody,
}

/// Why a body ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutBody {
    /// Not all of it has come, or what was written of it cannot be read.
    Incomplete,
    /// Its reader was so much slower than the others that what comes next for it is gone.
    Behind,
}

impl Body {
    /// A body of which nothing has come.
    pub(crate) fn begin(announced: Option<u64>) -> Arc<Self> {
        Arc::new(Self::new(announced, false, OnceLock::new(), None))
    }

    /// A body of which nothing has come, and that is too long for the memory.
    pub(crate) fn begin_large(announced: Option<u64>) -> Arc<Self> {
        Arc::new(Self::new(announced, true, OnceLock::new(), None))
    }

    fn new(announced: Option<u64>, is_large: bool, whole: OnceLock<Bytes>, file: Option<BodyInFile>) -> Self {
        Self { announced, is_large, whole, file, growing: Mutex::default() }
    }

    /// A whole body.
    pub(crate) fn of(bytes: Bytes) -> Arc<Self> {
        let announced = Some(bytes.len() as u64);
        Arc::new(Self::new(announced, false, OnceLock::from(bytes), None))
    }

    /// A whole body in a file.
    pub(super) fn in_file(file: BodyInFile) -> Arc<Self> {
        let announced = Some(file.length);
        Arc::new(Self::new(announced, true, OnceLock::new(), Some(file)))
    }

    /// Whether it is known from the beginning to be too long for the memory.
    pub(crate) fn is_large(&self) -> bool {
        self.is_large
    }

    /// The file that has it.
    pub(crate) fn file(&self) -> Option<&BodyInFile> {
        self.file.as_ref()
    }

    /// Its length, as far as it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        let whole = self.whole.get().map(|whole| whole.len() as u64).or(self.announced);
        whole.or_else(|| {
            let growing = self.growing.lock();
            growing.spool.as_ref().filter(|_| growing.end == Some(BodyEnd::Whole)).map(|_| growing.length)
        })
    }

    /// The bytes, once all have come.
    pub(crate) fn whole(&self) -> Option<&Bytes> {
        self.whole.get()
    }

    /// Adds a piece. Returns the length so far.
    pub(crate) fn push(&self, piece: Bytes) -> u64 {
        let mut growing = self.growing.lock();
        let at = growing.length;
        growing.length += piece.len() as u64;
        growing.pieces.push((at, piece));
        growing.drop_written();
        growing.wake();
        growing.length
    }

    /// Lets the body grow into a file. Returns the pieces so far.
    pub(crate) fn write_to(&self, spool: &Arc<Spool>) -> Vec<Bytes> {
        let mut growing = self.growing.lock();
        growing.spool = Some(Arc::clone(spool));
        growing.pieces.iter().map(|(_, piece)| piece.clone()).collect()
    }

    /// The file that it grows into, unless that has failed.
    pub(crate) fn spool(&self) -> Option<Arc<Spool>> {
        let growing = self.growing.lock();
        growing.spool.clone().filter(|_| !growing.passing)
    }

    /// Drops the pieces: all of the body is in its file.
    pub(crate) fn shed(&self) {
        let mut growing = self.growing.lock();
        if growing.spool.as_ref().is_some_and(|spool| spool.written() == growing.length) {
            growing.pieces = Vec::new();
        }
    }

    /// Ends the body as it should end.
    pub(crate) fn finish(&self) {
        let mut growing = self.growing.lock();
        if !growing.passing && growing.spool.is_none() {
            let whole = match &mut growing.pieces[..] {
                [(_, only)] => only.clone(),
                pieces => pieces.iter().map(|(_, piece)| &piece[..]).collect::<Vec<_>>().concat().into(),
            };
            let _ = self.whole.set(whole);
            growing.pieces = Vec::new();
        }
        growing.end = Some(BodyEnd::Whole);
        growing.wake();
    }

    /// Ends the body before its time, unless it has ended.
    pub(crate) fn cut(&self) {
        let mut growing = self.growing.lock();
        growing.end.get_or_insert(BodyEnd::Cut);
        growing.wake();
    }

    /// Number of those who read it.
    pub(crate) fn readers(&self) -> usize {
        self.growing.lock().readers.iter().flatten().count()
    }
}

impl Growing {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Drops pieces that are in a file, but those that are about to be read.
    fn drop_written(&mut self) {
        let Some(spool) = &self.spool else { return };
        let slowest = self.readers.iter().flatten().min().copied().unwrap_or(u64::MAX);
        let most = spool.written().min(slowest.max(self.length.saturating_sub(WINDOW)));
        let first = self.pieces.partition_point(|(at, piece)| at + piece.len() as u64 <= most);
        self.pieces.drain(..first);
    }

    /// Position of the first byte that is in memory.
    fn first_kept(&self) -> u64 {
        self.pieces.first().map_or(self.length, |(at, _)| *at)
    }

    /// Reads the bytes from `position` on from their file, if they are no longer in memory.
    fn read_dropped(&self, position: u64) -> Option<FileJob> {
        let left = self.first_kept().checked_sub(position).filter(|left| *left > 0)?;
        match &self.spool {
            Some(spool) if position < spool.written() => spool.read(position, left.min(BLOCK as u64) as usize),
            _ => self.missed.as_ref()?.read(position, left),
        }
    }

    /// Whether the byte at `position` can be read, or is still to come.
    fn has(&self, position: u64) -> bool {
        let is_in_file = || {
            self.spool.as_ref().is_some_and(|spool| position < spool.written())
                || self.missed.as_ref().is_some_and(|missed| missed.has(position))
        };
        position >= self.first_kept() || is_in_file()
    }
}

#[cfg(test)]
mod tests;

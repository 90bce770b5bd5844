//! The body of a response that is stored, from its first byte on: whoever wants it reads along while it comes.

mod reader;

pub(crate) use reader::BodyReader;

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use super::tier::Spool;
use crate::disk::OpenFile;
use crate::unnamed_file::{FileJob, BLOCK};

/// Bytes of a body too long to be stored that are kept for readers at most, beyond the slowest of them.
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
    /// The file that it is written to, if it is too long for the memory. Pieces that are there may be dropped.
    spool: Option<Arc<Spool>>,
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

/// A body that ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CutBody;

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

    /// Gives up storing the body, which is too long. Those who read it get the rest.
    pub(crate) fn pass(&self) {
        let mut growing = self.growing.lock();
        growing.passing = true;
        if let Some(spool) = &growing.spool {
            spool.give_up();
        }
    }

    /// Number of those who read it.
    pub(crate) fn readers(&self) -> usize {
        self.growing.lock().readers.iter().flatten().count()
    }

    /// Ready when there is room for another piece.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Appetite> {
        let mut growing = self.growing.lock();
        if !growing.passing {
            return Poll::Ready(Appetite::More);
        }
        let Some(slowest) = growing.readers.iter().flatten().min().copied() else {
            return Poll::Ready(Appetite::Nobody);
        };
        // What is in a file need not be kept for those who are slower.
        let slowest = slowest.max(growing.spool.as_ref().map_or(0, |spool| spool.written()));
        growing.pieces.retain(|(at, piece)| at + piece.len() as u64 > slowest);
        if growing.length - slowest < WINDOW {
            return Poll::Ready(Appetite::More);
        }
        growing.filler = Some(cx.waker().clone());
        Poll::Pending
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

    /// Reads the bytes from `position` on from their file, if they are no longer in memory.
    fn read_dropped(&self, position: u64) -> Option<FileJob> {
        let kept = self.pieces.first().map_or(self.length, |(at, _)| *at);
        let left = kept.checked_sub(position).filter(|left| *left > 0)?;
        self.spool.as_ref()?.read(position, left.min(BLOCK as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(reader: &mut BodyReader) -> Poll<Result<Option<Bytes>, CutBody>> {
        let polled = reader.poll_piece(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(Ok(Some(piece))) = &polled {
            reader.consume(piece.len());
        }
        polled
    }

    fn piece(text: &'static str) -> Poll<Result<Option<Bytes>, CutBody>> {
        Poll::Ready(Ok(Some(Bytes::from_static(text.as_bytes()))))
    }

    #[test]
    fn readers_get_what_comes_as_it_comes() {
        let body = Body::begin(None);
        let mut first = BodyReader::new(&body, 0, None).expect("a reader");
        assert!(poll(&mut first).is_pending());
        body.push(Bytes::from_static(b"abc"));
        assert_eq!(poll(&mut first), piece("abc"));
        body.push(Bytes::from_static(b"def"));
        let mut part = BodyReader::new(&body, 2, Some(5)).expect("a reader");
        assert_eq!(poll(&mut part), piece("c"));
        assert_eq!(poll(&mut part), piece("de"));
        assert_eq!(poll(&mut part), Poll::Ready(Ok(None)));
        body.finish();
        assert_eq!(poll(&mut first), piece("def"));
        assert_eq!(poll(&mut first), Poll::Ready(Ok(None)));
        let mut late = BodyReader::new(&body, 0, None).expect("a reader");
        assert_eq!(poll(&mut late), piece("abcdef"));
        assert_eq!(body.length(), Some(6));
    }

    #[test]
    fn nobody_misses_the_last_piece() {
        let whole = b"the last piece";
        for _ in 0..200 {
            let body = Body::begin(None);
            let mut reader = BodyReader::new(&body, 0, None).expect("a reader");
            let filling = std::thread::spawn({
                let body = Arc::clone(&body);
                move || {
                    body.push(Bytes::from_static(whole));
                    body.finish();
                }
            });
            let mut read = Vec::new();
            loop {
                match poll(&mut reader) {
                    Poll::Pending => std::hint::spin_loop(),
                    Poll::Ready(Ok(Some(piece))) => read.extend_from_slice(&piece),
                    Poll::Ready(end) => break assert_eq!(end, Ok(None)),
                }
            }
            assert_eq!(read, whole);
            filling.join().expect("it is filled");
        }
    }

    #[test]
    fn a_cut_body_is_never_taken_for_a_whole_one() {
        let body = Body::begin(Some(6));
        let mut reader = BodyReader::new(&body, 0, None).expect("a reader");
        body.push(Bytes::from_static(b"abc"));
        body.cut();
        assert_eq!(poll(&mut reader), piece("abc"));
        assert_eq!(poll(&mut reader), Poll::Ready(Err(CutBody)));
        assert!(body.whole().is_none());
    }

    #[test]
    fn a_body_that_is_too_long_waits_for_its_slowest_reader_and_is_dropped_behind_it() {
        let body = Body::begin(None);
        let mut slow = BodyReader::new(&body, 0, None).expect("a reader");
        let mut fast = BodyReader::new(&body, 0, None).expect("a reader");
        let cx = &mut Context::from_waker(Waker::noop());
        let big = Bytes::from(vec![b'x'; WINDOW as usize]);
        body.push(big.clone());
        assert_eq!(body.poll_room(cx), Poll::Ready(Appetite::More), "it is still to be stored");
        body.pass();
        assert!(BodyReader::new(&body, 0, None).is_none(), "nobody can join");
        assert!(poll(&mut fast).is_ready());
        assert!(body.poll_room(cx).is_pending());
        assert!(poll(&mut slow).is_ready());
        assert_eq!(body.poll_room(cx), Poll::Ready(Appetite::More));
        assert!(body.growing.lock().pieces.is_empty());
        drop((slow, fast));
        assert_eq!(body.poll_room(cx), Poll::Ready(Appetite::Nobody));
        body.finish();
        assert!(body.whole().is_none());
    }
}

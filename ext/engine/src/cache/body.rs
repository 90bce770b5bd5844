//! The body of a response that is stored, from its first byte on: whoever wants it reads along while it comes.

use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

/// Bytes of a body too long to be stored that are kept for readers at most, beyond the slowest of them.
const WINDOW: u64 = 256 * 1024;
/// Largest piece of a whole body that is handed out at once.
const LARGEST_PIECE: usize = 64 * 1024;

/// A body that grows until it is whole.
#[derive(Debug)]
pub(crate) struct Body {
    /// Length that the head announces. `None`: it is unknown until the end.
    announced: Option<u64>,
    whole: OnceLock<Bytes>,
    growing: Mutex<Growing>,
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
        Arc::new(Self { announced, whole: OnceLock::new(), growing: Mutex::default() })
    }

    /// A whole body.
    #[cfg(test)]
    pub(crate) fn of(bytes: Bytes) -> Arc<Self> {
        let announced = Some(bytes.len() as u64);
        Arc::new(Self { announced, whole: OnceLock::from(bytes), growing: Mutex::default() })
    }

    /// Its length, as far as it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.whole.get().map(|whole| whole.len() as u64).or(self.announced)
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
        growing.wake();
        growing.length
    }

    /// Ends the body as it should end.
    pub(crate) fn finish(&self) {
        let mut growing = self.growing.lock();
        if !growing.passing {
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
        self.growing.lock().passing = true;
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
}

/// One reader of a body, from `position` to before `end`.
#[derive(Debug)]
pub(crate) struct BodyReader {
    body: Arc<Body>,
    position: u64,
    /// `None`: to the end of the body.
    end: Option<u64>,
    /// AnswerPlace among the readers, if the body was not whole.
    place: Option<usize>,
}

impl BodyReader {
    /// A reader. `None` if part of the body is gone already.
    pub(crate) fn new(body: &Arc<Body>, start: u64, end: Option<u64>) -> Option<Self> {
        let mut place = None;
        if body.whole.get().is_none() {
            let mut growing = body.growing.lock();
            if growing.passing {
                return None;
            }
            if growing.end.is_none() {
                let free = growing.readers.iter().position(Option::is_none);
                let number = free.unwrap_or(growing.readers.len());
                match free {
                    Some(free) => growing.readers[free] = Some(start),
                    None => growing.readers.push(Some(start)),
                }
                place = Some(number);
            }
        }
        Some(Self { body: Arc::clone(body), position: start, end, place })
    }

    /// The next piece; `None` at the end. [`BodyReader::consume`] says how much of it was used.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CutBody>> {
        if self.end.is_some_and(|end| self.position >= end) {
            return Poll::Ready(Ok(None));
        }
        if let Some(whole) = self.body.whole.get() {
            return Poll::Ready(Ok(self.piece_of(whole)));
        }
        let mut growing = self.body.growing.lock();
        let next = growing.pieces.partition_point(|(at, piece)| at + piece.len() as u64 <= self.position);
        if let Some((at, piece)) = growing.pieces.get(next) {
            let from = self.position.saturating_sub(*at) as usize;
            let left = self.end.map_or(u64::MAX, |end| end - self.position);
            let to = piece.len().min(from.saturating_add(usize::try_from(left).unwrap_or(usize::MAX)));
            return Poll::Ready(Ok(Some(piece.slice(from..to))));
        }
        match growing.end {
            // It may have become whole since the look at it above.
            Some(BodyEnd::Whole) => Poll::Ready(Ok(self.body.whole.get().and_then(|whole| self.piece_of(whole)))),
            Some(BodyEnd::Cut) => Poll::Ready(Err(CutBody)),
            None => {
                if !growing.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    growing.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    /// The next piece of a whole body.
    fn piece_of(&self, whole: &Bytes) -> Option<Bytes> {
        let place = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(whole.len());
        let from = place(self.position);
        let to = self.end.map_or(whole.len(), place).min(from.saturating_add(LARGEST_PIECE));
        (from < to).then(|| whole.slice(from..to))
    }

    /// Notes that `n` bytes of the last piece were used.
    pub(crate) fn consume(&mut self, n: usize) {
        self.position += n as u64;
        if let Some(place) = self.place {
            self.note(place, Some(self.position));
        }
    }

    fn note(&self, place: usize, position: Option<u64>) {
        let mut growing = self.body.growing.lock();
        if let Some(known) = growing.readers.get_mut(place) {
            *known = position;
        }
        if let Some(filler) = growing.filler.take() {
            filler.wake();
        }
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.note(place, None);
        }
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

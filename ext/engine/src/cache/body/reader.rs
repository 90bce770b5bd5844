//! Reading a body while it comes.

use std::sync::Arc;
use std::task::{ready, Context, Poll};

use bytes::Bytes;

use super::{Body, BodyEnd, CutBody, LARGEST_PIECE};
use crate::unnamed_file::{FileDone, FileJob};

/// One reader of a body, from `position` to before `end`.
#[derive(Debug)]
pub(crate) struct BodyReader {
    body: Arc<Body>,
    position: u64,
    /// `None`: to the end of the body.
    end: Option<u64>,
    /// Place among the readers, if the body was not whole.
    place: Option<usize>,
    /// What was read from its file, and where it begins.
    held: (u64, Bytes),
    reading: Option<(u64, FileJob)>,
}

impl BodyReader {
    /// A reader. `None` if part of the body is gone already.
    pub(crate) fn new(body: &Arc<Body>, start: u64, end: Option<u64>) -> Option<Self> {
        let mut place = None;
        if body.file.is_some() {
            return None;
        }
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
        Some(Self { body: Arc::clone(body), position: start, end, place, held: Default::default(), reading: None })
    }

    /// The next piece; `None` at the end. [`BodyReader::consume`] says how much of it was used.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CutBody>> {
        if self.end.is_some_and(|end| self.position >= end) {
            return Poll::Ready(Ok(None));
        }
        if let Some(whole) = self.body.whole.get() {
            return Poll::Ready(Ok(self.piece_of(whole)));
        }
        let mut growing = loop {
            let (at, held) = &self.held;
            let from = self.position.checked_sub(*at).filter(|from| *from < held.len() as u64);
            if let Some(from) = from {
                let left = self.end.map_or(u64::MAX, |end| end - self.position);
                let rest = held.slice(from as usize..);
                let most = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX)).min(LARGEST_PIECE);
                return Poll::Ready(Ok(Some(rest.slice(..most))));
            }
            let Some((at, job)) = &mut self.reading else {
                let growing = self.body.growing.lock();
                let Some(job) = growing.read_dropped(self.position) else { break growing };
                drop(growing);
                self.reading = Some((self.position, job));
                continue;
            };
            let (at, done) = (*at, ready!(job.poll(cx)));
            self.reading = None;
            match done {
                // What was read is of no use if other bytes have taken its place meanwhile.
                Ok(FileDone { .. }) if !self.body.growing.lock().has(at) => return Poll::Ready(Err(CutBody::Behind)),
                Ok(FileDone { block, file: Ok(_) }) => self.held = (at, block.into()),
                _ => return Poll::Ready(Err(CutBody::Incomplete)),
            }
        };
        // It may have become whole since the look at it above.
        if let Some(whole) = self.body.whole.get() {
            return Poll::Ready(Ok(self.piece_of(whole)));
        }
        if !growing.has(self.position) {
            return Poll::Ready(Err(CutBody::Behind));
        }
        let next = growing.pieces.partition_point(|(at, piece)| at + piece.len() as u64 <= self.position);
        if let Some((at, piece)) = growing.pieces.get(next) {
            let from = self.position.saturating_sub(*at) as usize;
            let left = self.end.map_or(u64::MAX, |end| end - self.position);
            let to = piece.len().min(from.saturating_add(usize::try_from(left).unwrap_or(usize::MAX)));
            return Poll::Ready(Ok(Some(piece.slice(from..to))));
        }
        match growing.end {
            Some(BodyEnd::Whole) => Poll::Ready(Ok(None)),
            Some(BodyEnd::Cut) => Poll::Ready(Err(CutBody::Incomplete)),
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
        if let Some(known) = growing.readers.get_mut(place).filter(|known| known.is_some()) {
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

//! What a client gets of a stored body: the whole or parts of it, with texts between them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};

use super::body::{Body, BodyReader, CutBody};

/// What a client gets of a stored body.
#[derive(Debug)]
pub(crate) enum BodyParts {
    Whole(BodyReader),
    /// Parts, each behind a text.
    Several(VecDeque<(Bytes, Option<BodyReader>)>),
}

impl BodyParts {
    /// The whole body. `None` if part of it is gone already.
    pub(crate) fn whole(body: &Arc<Body>) -> Option<Self> {
        BodyReader::new(body, 0, None).map(Self::Whole)
    }

    /// Parts of the body. `None` if one of them is gone already.
    pub(crate) fn of(body: &Arc<Body>, ranges: &[Range<u64>]) -> Option<Self> {
        let reader =
            |range: &Range<u64>| Some((Bytes::new(), Some(BodyReader::new(body, range.start, Some(range.end))?)));
        ranges.iter().map(reader).collect::<Option<_>>().map(Self::Several)
    }

    /// Puts texts before the parts, and one behind them.
    pub(crate) fn put_between<'t>(&mut self, texts: impl Iterator<Item = &'t [u8]>, tail: &[u8]) {
        if let Self::Several(parts) = self {
            parts.iter_mut().zip(texts).for_each(|((before, _), text)| *before = Bytes::copy_from_slice(text));
            parts.push_back((Bytes::copy_from_slice(tail), None));
        }
    }

    /// The next piece; `None` at the end. [`BodyParts::consume`] says how much of it was used.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, CutBody>> {
        let parts = match self {
            Self::Whole(reader) => return reader.poll_piece(cx),
            Self::Several(parts) => parts,
        };
        while let Some((text, reader)) = parts.front_mut() {
            if !text.is_empty() {
                return Poll::Ready(Ok(Some(text.clone())));
            }
            match reader.as_mut().map(|reader| reader.poll_piece(cx)) {
                None | Some(Poll::Ready(Ok(None))) => drop(parts.pop_front()),
                Some(more) => return more,
            }
        }
        Poll::Ready(Ok(None))
    }

    /// Notes that `n` bytes of the last piece were used.
    pub(crate) fn consume(&mut self, n: usize) {
        match self {
            Self::Whole(reader) => reader.consume(n),
            Self::Several(parts) => match parts.front_mut() {
                Some((text, _)) if !text.is_empty() => text.advance(n.min(text.len())),
                Some((_, Some(reader))) => reader.consume(n),
                _ => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn parts_stand_between_texts() {
        let body = Body::of(Bytes::from_static(b"0123456789"));
        let mut parts = BodyParts::of(&body, &[1..3, 8..10]).expect("it is whole");
        parts.put_between([&b"<a>"[..], b"<b>"].into_iter(), b"<c>");
        let mut text = Vec::new();
        while let Poll::Ready(Ok(Some(piece))) = parts.poll_piece(&mut Context::from_waker(Waker::noop())) {
            text.push(piece[0]);
            parts.consume(1);
        }
        assert_eq!(String::from_utf8_lossy(&text), "<a>12<b>89<c>");
    }
}

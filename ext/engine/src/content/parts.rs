//! The parts of content that are sent: the whole, one range, or several in a `multipart/byteranges` (RFC 9110, section
//! 14.6).

use std::ops::Range;

use proxy_http::message::{Fields, Known};
use smallvec::{smallvec, SmallVec};

/// Parts of content, each with the text before it, and the text behind the last.
#[derive(Debug)]
pub(crate) struct SentParts {
    /// Hardly ever more than one.
    list: SmallVec<[(Vec<u8>, Range<u64>); 1]>,
    tail: Vec<u8>,
}

impl SentParts {
    /// Nothing.
    pub(crate) fn none() -> Self {
        Self { list: SmallVec::new(), tail: Vec::new() }
    }

    /// Everything.
    pub(crate) fn whole(length: u64) -> Self {
        Self { list: smallvec![(Vec::new(), 0..length)], tail: Vec::new() }
    }

    /// Ranges of content with `length` bytes. The fields of its response become those of a 206.
    pub(crate) fn of(ranges: Vec<Range<u64>>, length: u64, fields: &mut Fields) -> Self {
        let place = |range: &Range<u64>| format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
        if let [range] = &ranges[..] {
            fields.set("Content-Range", place(range).as_bytes());
            return Self { list: ranges.into_iter().map(|range| (Vec::new(), range)).collect(), tail: Vec::new() };
        }
        let boundary = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        let mut before = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(media_type) = fields.get(Known::ContentType) {
            before.extend_from_slice(b"Content-Type: ");
            before.extend_from_slice(media_type);
            before.extend_from_slice(b"\r\n");
        }
        let head =
            |range: &Range<u64>| [&before[..], b"Content-Range: ", place(range).as_bytes(), b"\r\n\r\n"].concat();
        let list = ranges.into_iter().map(|range| (head(&range), range)).collect();
        fields.set(Known::ContentType, format!("multipart/byteranges; boundary={boundary}").as_bytes());
        Self { list, tail: format!("\r\n--{boundary}--\r\n").into_bytes() }
    }

    /// Bytes of all parts, with the text between them.
    pub(crate) fn length(&self) -> u64 {
        let parts = self.list.iter().map(|(head, range)| head.len() as u64 + (range.end - range.start));
        parts.sum::<u64>() + self.tail.len() as u64
    }

    /// The parts, each with the text before it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], &Range<u64>)> {
        self.list.iter().map(|(head, range)| (&head[..], range))
    }

    /// The text behind the last part.
    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }
}

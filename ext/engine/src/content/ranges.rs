//! The field `Range` (RFC 9110, section 14).

use std::ops::Range;

use proxy_http::message::{Fields, Known};

/// Most ranges of one response: others are answered with the whole.
const MOST: usize = 16;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AskedRanges {
    /// The whole, or in a way that is not served.
    Whole,
    /// Parts, in the order of the request, none of which overlap or touch.
    Parts(Vec<Range<u64>>),
    /// Nothing that is there: 416.
    Nothing,
}

/// The ranges that a request asks for, of content with `length` bytes. As in nginx, a list that is malformed asks for
/// nothing, and one of more bytes than there are, for the whole.
pub(crate) fn asked(fields: &Fields, length: u64) -> AskedRanges {
    let value = fields.get(Known::Range).unwrap_or_default();
    let list = match value.get(..6) {
        Some(unit) if unit.eq_ignore_ascii_case(b"bytes=") && value.len() > 6 => &value[6..],
        _ => return AskedRanges::Whole,
    };
    let (mut ranges, mut total): (Vec<Range<u64>>, u64) = (Vec::new(), 0);
    for one in list.split(|byte| *byte == b',') {
        let range = match read(one.trim_ascii(), length) {
            Some(range) if !range.is_empty() => range,
            // All of nothing.
            Some(range) if range.start == 0 => return AskedRanges::Whole,
            Some(_) => continue,
            None => return AskedRanges::Nothing,
        };
        total = total.saturating_add(range.end - range.start);
        if total > length {
            return AskedRanges::Whole;
        }
        add(&mut ranges, range);
        if ranges.len() > MOST {
            return AskedRanges::Whole;
        }
    }
    match ranges.is_empty() {
        true => AskedRanges::Nothing,
        false => AskedRanges::Parts(ranges),
    }
}

/// One range; empty if nothing of it is there. `None` if it is malformed.
fn read(text: &[u8], length: u64) -> Option<Range<u64>> {
    let dash = memchr::memchr(b'-', text)?;
    let (first, last) = (text[..dash].trim_ascii(), text[dash + 1..].trim_ascii());
    match (first.is_empty(), last.is_empty()) {
        (true, true) => None,
        (true, false) => Some(length.saturating_sub(number(last)?)..length),
        (false, true) => Some(number(first)?..length),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            Some(first..last.saturating_add(1).min(length))
        }
    }
}

/// A number in decimal digits; one that is too large is the largest.
fn number(digits: &[u8]) -> Option<u64> {
    let wrong = digits.is_empty() || !digits.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    (!wrong).then(|| digits.iter().fold(0, add))
}

/// Adds a range. Others that it overlaps or touches become one with it, in the place of the first of them.
fn add(ranges: &mut Vec<Range<u64>>, mut range: Range<u64>) {
    let mut place = ranges.len();
    let mut at = ranges.len();
    while at > 0 {
        at -= 1;
        let other = &ranges[at];
        if other.start <= range.end && range.start <= other.end {
            range = range.start.min(other.start)..range.end.max(other.end);
            ranges.remove(at);
            place = place.min(at);
            // It has grown, and may now touch ranges that it did not.
            at = ranges.len();
        }
    }
    ranges.insert(place.min(ranges.len()), range);
}

//! Conditional requests (RFC 9110, section 13).

use std::time::UNIX_EPOCH;

use proxy_http::message::{Fields, Known};

use super::date;
use crate::clock::time_of_day;

/// Seconds that a stored response must have been older than its last change for its date to name it exactly: the clocks
/// of those who wrote the two times may differ (RFC 9110, section 8.8.2.2).
const SURE_OF_CLOCKS: u64 = 60;

/// Result of the conditions of a GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConditionResult {
    /// The request is served.
    Holds,
    /// The client has the content: 304.
    NotModified,
    /// A precondition fails: 412.
    Fails,
}

/// An entity tag, or what stands in the place of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntityTag<'v> {
    weak: bool,
    /// With its quotes. Without them it is no proper tag, and never compares strongly.
    opaque: &'v [u8],
}

impl<'v> EntityTag<'v> {
    /// Reads a tag and returns what stands behind it.
    fn read(text: &'v [u8]) -> (Self, &'v [u8]) {
        let (weak, rest) = text.strip_prefix(b"W/").map_or((false, text), |rest| (true, rest));
        let end = rest.strip_prefix(b"\"").and_then(|inside| memchr::memchr(b'"', inside));
        match end {
            Some(end) => (Self { weak, opaque: &rest[..end + 2] }, &rest[end + 2..]),
            None => {
                let end = memchr::memchr(b',', text).unwrap_or(text.len());
                (Self { weak: true, opaque: text[..end].trim_ascii() }, &text[end..])
            }
        }
    }

    fn of(value: &'v [u8]) -> Self {
        match Self::read(value) {
            (tag, []) => tag,
            _ => Self { weak: true, opaque: value },
        }
    }

    fn is_strongly(self, other: Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    fn is_weakly(self, other: Self) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether a list of tags, on several lines perhaps, holds one that matches, or is `*`.
fn lists<'v>(lines: impl Iterator<Item = &'v [u8]>, matches: impl Fn(EntityTag<'v>) -> bool) -> bool {
    for line in lines {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            return true;
        }
        while !rest.is_empty() {
            let (tag, behind) = EntityTag::read(rest);
            if !tag.opaque.is_empty() && matches(tag) {
                return true;
            }
            let comma = memchr::memchr(b',', behind).map_or(&[][..], |comma| &behind[comma..]);
            let empty = comma.iter().take_while(|byte| matches!(byte, b',' | b' ' | b'\t')).count();
            rest = &comma[empty..];
        }
    }
    false
}

/// The time in a field that has one value and is a date, in seconds since 1970.
fn time(fields: &Fields, name: &str) -> Option<u64> {
    let mut values = fields.all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => date::parse(value),
        _ => None,
    }
}

/// Checks the conditions of a GET or HEAD in their order (RFC 9110, section 13.2.2). `response` has the validators.
pub(crate) fn check(request: &Fields, response: &Fields) -> ConditionResult {
    if request.has("If-Match") {
        let own = response.get(Known::Etag).map(EntityTag::of);
        if !lists(request.all("If-Match"), |tag| own.is_some_and(|own| own.is_strongly(tag))) {
            return ConditionResult::Fails;
        }
    } else if let Some(date) = time(request, "If-Unmodified-Since") {
        if response.get(Known::LastModified).and_then(date::parse).is_some_and(|modified| modified > date) {
            return ConditionResult::Fails;
        }
    }
    match is_known(request, response) {
        true => ConditionResult::NotModified,
        false => ConditionResult::Holds,
    }
}

/// Whether a request has conditions that only whoever makes the content can check (RFC 9111, section 4.3.2).
pub(crate) fn are_for_the_origin(request: &Fields) -> bool {
    request.has("If-Match") || request.has("If-Unmodified-Since")
}

/// Whether a request asks whether the client has the content already.
pub(crate) fn are_any(request: &Fields) -> bool {
    request.has(Known::IfNoneMatch) || request.has(Known::IfModifiedSince)
}

/// Whether the client has the content already, so that a 304 answers it.
pub(crate) fn is_known(request: &Fields, response: &Fields) -> bool {
    knows(request, response, response.get(Known::LastModified))
}

/// Whether the client has a stored response already: like [`is_known`], but one without `Last-Modified` was changed
/// when it was made (RFC 9111, section 4.3.2).
pub(crate) fn is_stored_one(request: &Fields, stored: &Fields) -> bool {
    knows(request, stored, stored.get(Known::LastModified).or_else(|| stored.get(Known::Date)))
}

fn knows(request: &Fields, response: &Fields, changed: Option<&[u8]>) -> bool {
    if request.has(Known::IfNoneMatch) {
        let own = response.get(Known::Etag).map(EntityTag::of);
        return lists(request.all(Known::IfNoneMatch), |tag| own.is_some_and(|own| own.is_weakly(tag)));
    }
    let mut since = request.all(Known::IfModifiedSince);
    let (Some(since), None, Some(changed)) = (since.next(), since.next(), changed) else { return false };
    since == changed || date::parse(since).zip(date::parse(changed)).is_some_and(|(since, changed)| changed <= since)
}

/// Whether a response says nothing against ranges.
pub(crate) fn takes_ranges(response: &Fields) -> bool {
    response.get(Known::AcceptRanges).is_none_or(|units| units.eq_ignore_ascii_case(b"bytes"))
}

/// Whether a GET asks for ranges, and has the validator that the ranges must belong to (RFC 9110, section 13.1.5).
pub(crate) fn wants_range(request: &Fields, response: &Fields) -> bool {
    if request.lacks(Known::Range) || request.all(Known::Range).count() != 1 {
        return false;
    }
    let mut validators = request.all("If-Range");
    let validator = match (validators.next(), validators.next()) {
        (None, _) => return true,
        (Some(validator), None) => validator,
        (Some(_), Some(_)) => return false,
    };
    if memchr::memchr(b'"', validator).is_some() {
        let own = response.get(Known::Etag).map(EntityTag::of);
        return own.is_some_and(|own| own.is_strongly(EntityTag::of(validator)));
    }
    // A date is a strong validator if nothing can have changed within its second since.
    let modified = response.get(Known::LastModified).and_then(date::parse);
    let settled = |modified: &u64| match response.get(Known::Date).and_then(date::parse) {
        Some(made) => modified.saturating_add(SURE_OF_CLOCKS) <= made,
        None => time_of_day().duration_since(UNIX_EPOCH).is_ok_and(|now| *modified < now.as_secs()),
    };
    let modified = modified.filter(settled);
    modified.is_some() && modified == date::parse(validator)
}

//! Conditional requests (RFC 9110, section 13).

use std::time::{Duration, SystemTime};

use proxy_http::message::{Fields, Known, RequestHead};

use crate::clock::time_of_day;

/// Result of the conditions of a GET or HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConditionResult {
    /// The request is served.
    Holds,
    /// The client has the content: 304.
    NotModified,
    /// A precondition fails: 412.
    Fails,
}

/// An entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct EntityTag<'v> {
    weak: bool,
    opaque: &'v [u8],
}

impl<'v> EntityTag<'v> {
    /// Reads a tag and returns what stands behind it.
    fn read(text: &'v [u8]) -> Option<(Self, &'v [u8])> {
        let (weak, rest) = text.strip_prefix(b"W/").map_or((false, text), |rest| (true, rest));
        let rest = rest.strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', rest)?;
        Some((Self { weak, opaque: &rest[..end] }, &rest[end + 1..]))
    }

    fn of(value: &'v [u8]) -> Option<Self> {
        Self::read(value).filter(|(_, rest)| rest.is_empty()).map(|(tag, _)| tag)
    }

    fn is_strongly(self, other: Self) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    fn is_weakly(self, other: Self) -> bool {
        self.opaque == other.opaque
    }
}

/// Whether a list of tags, on several lines perhaps, holds one that matches, or is `*`. What follows a malformed tag is
/// not read.
fn lists<'v>(lines: impl Iterator<Item = &'v [u8]>, matches: impl Fn(EntityTag<'v>) -> bool) -> bool {
    for line in lines {
        let mut rest = line.trim_ascii();
        if rest == b"*" {
            return true;
        }
        while let Some((tag, behind)) = EntityTag::read(rest) {
            if matches(tag) {
                return true;
            }
            let behind = behind.trim_ascii_start();
            rest = match behind.strip_prefix(b",") {
                Some(rest) => {
                    let empty = rest.iter().take_while(|byte| matches!(byte, b',' | b' ' | b'\t')).count();
                    &rest[empty..]
                }
                None => break,
            };
        }
    }
    false
}

/// The time in a field that has one value and is a date.
fn date(fields: &Fields, name: &str) -> Option<SystemTime> {
    let mut values = fields.all(name);
    match (values.next(), values.next()) {
        (Some(value), None) => parse(value),
        _ => None,
    }
}

fn parse(value: &[u8]) -> Option<SystemTime> {
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

/// Checks the conditions of a GET or HEAD in their order (RFC 9110, section 13.2.2). `response` has the validators.
pub(super) fn check(request: &RequestHead, response: &Fields) -> ConditionResult {
    let fields = &request.fields;
    let own = response.get(Known::Etag).and_then(EntityTag::of);
    let modified = || response.get(Known::LastModified).and_then(parse);
    if fields.has("If-Match") {
        if !lists(fields.all("If-Match"), |tag| own.is_some_and(|own| own.is_strongly(tag))) {
            return ConditionResult::Fails;
        }
    } else if let (Some(date), Some(modified)) = (date(fields, "If-Unmodified-Since"), modified()) {
        if modified > date {
            return ConditionResult::Fails;
        }
    }
    if fields.has(Known::IfNoneMatch) {
        if lists(fields.all(Known::IfNoneMatch), |tag| own.is_some_and(|own| own.is_weakly(tag))) {
            return ConditionResult::NotModified;
        }
    } else if !fields.lacks(Known::IfModifiedSince) {
        if let (Some(date), Some(modified)) = (date(fields, "If-Modified-Since"), modified()) {
            if modified <= date {
                return ConditionResult::NotModified;
            }
        }
    }
    ConditionResult::Holds
}

/// Whether a response says nothing against ranges.
pub(super) fn takes_ranges(response: &Fields) -> bool {
    response.get(Known::AcceptRanges).is_none_or(|units| units.eq_ignore_ascii_case(b"bytes"))
}

/// Whether a GET asks for ranges, and has the validator that the ranges must belong to (RFC 9110, section 13.1.5).
pub(super) fn wants_range(request: &RequestHead, response: &Fields) -> bool {
    let fields = &request.fields;
    if fields.lacks(Known::Range) || fields.all(Known::Range).count() != 1 {
        return false;
    }
    let mut validators = fields.all("If-Range");
    let validator = match (validators.next(), validators.next()) {
        (None, _) => return true,
        (Some(validator), None) => validator,
        (Some(_), Some(_)) => return false,
    };
    if let Some(tag) = EntityTag::of(validator) {
        return response.get(Known::Etag).and_then(EntityTag::of).is_some_and(|own| own.is_strongly(tag));
    }
    // A date is a strong validator if nothing can have changed within its second since.
    let settled =
        |modified: &SystemTime| time_of_day().duration_since(*modified).is_ok_and(|age| age >= Duration::from_secs(1));
    let modified = response.get(Known::LastModified).and_then(parse).filter(settled);
    modified.is_some() && modified == parse(validator)
}

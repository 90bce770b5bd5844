//! What of a stored response a client gets.

use proxy_http::message::{Fields, Known, Method};

use crate::cache::conditions;
use crate::cache::entry::CacheEntry;
use crate::cache::range::{self, Part};

/// What of a stored response a client gets.
pub(super) enum SentPart {
    All,
    NotModified,
    Part(Part),
}

/// What of a stored response a client gets that has sent these fields.
pub(super) fn sent(asked: &Fields, method: Method, entry: &CacheEntry) -> SentPart {
    let conditional = asked.has(Known::IfNoneMatch) || asked.has(Known::IfModifiedSince);
    if entry.status != 200 || !conditional && !asked.has(Known::Range) {
        return SentPart::All;
    }
    let stored = entry.fields();
    if conditional && conditions::has_it(asked, &stored) {
        return SentPart::NotModified;
    }
    match entry.body.length() {
        Some(length) if method == Method::Get && conditions::lets_parts(asked, &stored) => {
            match range::of(asked, length) {
                Part::Whole => SentPart::All,
                part => SentPart::Part(part),
            }
        }
        _ => SentPart::All,
    }
}

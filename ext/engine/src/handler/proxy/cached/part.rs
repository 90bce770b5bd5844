//! What of a stored response a client gets.

use std::ops::Range;

use proxy_http::message::{Fields, Known, Method};

use crate::cache::entry::CacheEntry;
use crate::content::conditions::{self, takes_ranges, wants_range};
use crate::content::ranges::{self, AskedRanges};

/// What of a stored response a client gets.
pub(super) enum SentPart {
    All,
    NotModified,
    /// None of what it asks for is there.
    Nothing,
    Parts(Vec<Range<u64>>),
}

/// What of a stored response a client gets that has sent these fields.
pub(super) fn sent(asked: &Fields, method: Method, entry: &CacheEntry) -> SentPart {
    let conditional = conditions::are_any(asked);
    if entry.status != 200 || !conditional && !asked.has(Known::Range) {
        return SentPart::All;
    }
    let stored = entry.fields();
    if conditional && conditions::is_stored_one(asked, &stored) {
        return SentPart::NotModified;
    }
    match entry.body.length() {
        Some(length) if method == Method::Get && takes_ranges(&stored) && wants_range(asked, &stored) => {
            match ranges::asked(asked, length) {
                AskedRanges::Whole => SentPart::All,
                AskedRanges::Nothing => SentPart::Nothing,
                AskedRanges::Parts(parts) => SentPart::Parts(parts),
            }
        }
        _ => SentPart::All,
    }
}

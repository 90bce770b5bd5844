//! What a coding changes in the head of a response.

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known};

use crate::coding::Coding;

/// Digests of the bytes that the origin sent, which the client does not get (RFC 9530, section 1.3).
const DIGESTS: [&str; 4] = ["Content-MD5", "Digest", "Content-Digest", "Repr-Digest"];

/// Begins an entity tag that promises no equal bytes (RFC 9110, section 8.8.3).
const WEAK: &[u8] = b"W/";

/// Describes a body that is coded.
pub(super) fn code(fields: &mut Fields, coding: Coding) {
    fields.set(Known::ContentEncoding, coding.as_str().as_bytes());
    fields.remove(Known::ContentLength);
    fields.remove(Known::AcceptRanges);
    DIGESTS.iter().for_each(|name| fields.remove(*name));
    if let Some(weak) = fields.get(Known::Etag).filter(|tag| !tag.starts_with(WEAK)).map(weakened) {
        fields.set(Known::Etag, &weak);
    }
}

/// Says that the response depends on `Accept-Encoding`.
pub(super) fn vary(fields: &mut Fields) {
    let says = |member: &[u8]| member == b"*" || member.eq_ignore_ascii_case(b"accept-encoding");
    if !fields.all(Known::Vary).flat_map(list_members).any(says) {
        fields.append(Known::Vary, b"Accept-Encoding");
    }
}

/// Makes the entity tag of a 304 the one that the client has named: it got it weak if it got the body coded.
pub(super) fn weaken_as_known(fields: &mut Fields, request: &Fields) {
    let Some(weak) = fields.get(Known::Etag).filter(|tag| !tag.starts_with(WEAK)).map(weakened) else { return };
    if request.all(Known::IfNoneMatch).flat_map(list_members).any(|tag| tag == weak) {
        fields.set(Known::Etag, &weak);
    }
}

/// Whether there is no entity tag, or a single one that can be made weak.
pub(super) fn has_sound_etag(fields: &Fields) -> bool {
    let mut tags = fields.all(Known::Etag);
    let Some(tag) = tags.next() else { return true };
    let quoted = tag.strip_prefix(WEAK).unwrap_or(tag);
    let is_sound = match quoted {
        [b'"', inside @ .., b'"'] => !inside.contains(&b'"'),
        _ => false,
    };
    is_sound && tags.next().is_none()
}

fn weakened(tag: &[u8]) -> Vec<u8> {
    [WEAK, tag].concat()
}

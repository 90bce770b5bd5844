//! Asking a backend whether a stored response is still the right one (RFC 9111, section 4.3).

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known};

use super::directives::ResponseDirectives;

/// Conditions and ranges of a client. A request whose answer is to be stored has none of them.
const OF_THE_CLIENT: [&str; 6] =
    ["If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"];

/// Makes a request one for the whole response.
pub(crate) fn ask_for_all(request: &mut Fields) {
    OF_THE_CLIENT.iter().for_each(|name| request.remove(*name));
}

/// Makes a request one with the conditions and ranges that its client has asked with.
pub(crate) fn give_conditions_back(request: &mut Fields, asked: &Fields) {
    ask_for_all(request);
    for (name, value) in asked.iter() {
        if OF_THE_CLIENT.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name)) {
            request.append(name, value);
        }
    }
}

/// Makes a request ask whether the stored response still holds, if that response has something to ask by.
pub(crate) fn ask_whether(request: &mut Fields, stored: &Fields) {
    ask_for_all(request);
    let (tag, changed) = (stored.get(Known::Etag), stored.get(Known::LastModified));
    if let Some(tag) = tag {
        request.set(Known::IfNoneMatch, tag);
    }
    if let Some(changed) = changed {
        request.set(Known::IfModifiedSince, changed);
    }
}

/// Whether a 304 can mean the stored response: its tag, if both have one, is the same (RFC 9111, section 4.3.4).
pub(crate) fn is_meant(stored: &Fields, fresh: &Fields) -> bool {
    let opaque = |fields: &Fields| {
        let tag = fields.get(Known::Etag)?.trim_ascii();
        Some(tag.strip_prefix(b"W/").unwrap_or(tag).to_vec())
    };
    opaque(stored).zip(opaque(fresh)).is_none_or(|(stored, fresh)| stored == fresh)
}

/// Takes the fields of a 304 over into those of the stored response (RFC 9111, section 3.2). What describes the stored
/// bytes stays.
pub(crate) fn update(stored: &mut Fields, fresh: &Fields) {
    let stays = |name: &[u8]| {
        matches!(
            Known::of(name),
            Some(Known::ContentEncoding | Known::ContentType | Known::ContentLength | Known::Via | Known::Trailer)
        ) || name.eq_ignore_ascii_case(b"Content-Range")
    };
    for (name, _) in fresh.iter().filter(|(name, _)| !stays(name)) {
        stored.remove(name);
    }
    for (name, value) in fresh.iter().filter(|(name, _)| !stays(name)) {
        stored.append(name, value);
    }
}

/// Removes what is not stored of a response: its age, which is kept as a time, and the fields that it asks not to
/// store. Returns the lines of the latter: the client that has asked gets them.
pub(crate) fn strip(fields: &mut Fields) -> Vec<u8> {
    fields.remove(Known::Age);
    let named = ResponseDirectives::of(fields).not_stored.into_iter().filter(|name| !describes_body(name));
    let mut own = Vec::new();
    for name in named {
        for value in fields.all(&*name) {
            own.extend_from_slice(&[&*name, b": ", value, b"\r\n"].concat());
        }
        fields.remove(&*name);
    }
    own
}

/// Whether a field says what the bytes of a body are, or where they end. Without it they are not to be stored either.
pub(super) fn describes_body(name: &[u8]) -> bool {
    const OTHERS: [&str; 4] = ["Content-Range", "Trailer", "Connection", "Keep-Alive"];
    matches!(
        Known::of(name),
        Some(
            Known::ContentLength
                | Known::ContentEncoding
                | Known::ContentType
                | Known::TransferEncoding
                | Known::Vary
                | Known::Date
        )
    ) || OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other.as_bytes()))
}

/// Fields in which an application names the tags of a response, for a purge.
const TAGS: [&str; 2] = ["Surrogate-Key", "Cache-Tag"];
/// Most tags of a response that is stored.
const MOST_TAGS: usize = 256;

/// The tags of a response. `Surrogate-Key` separates them with spaces, `Cache-Tag` with commas.
fn tags(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    let members = TAGS.into_iter().flat_map(|name| fields.all(name)).flat_map(list_members);
    members.flat_map(|part| part.split(u8::is_ascii_whitespace)).filter(|tag| !tag.is_empty())
}

/// Whether a response has more tags than are kept, so that a purge would miss it.
pub(super) fn has_too_many_tags(fields: &Fields) -> bool {
    tags(fields).nth(MOST_TAGS).is_some()
}

/// Takes the tags out of a response.
pub(crate) fn take_tags(fields: &mut Fields) -> Box<[Box<[u8]>]> {
    let taken = tags(fields).take(MOST_TAGS).map(Box::from).collect();
    TAGS.iter().for_each(|name| fields.remove(*name));
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
        fields
    }

    fn text(fields: &Fields) -> String {
        let mut out = Vec::new();
        fields.write_to(&mut out);
        String::from_utf8(out).expect("text").replace("\r\n", "|")
    }

    #[test]
    fn a_validation_replaces_the_conditions_of_the_client() {
        let mut request =
            fields(&[("If-None-Match", "\"x\""), ("Range", "bytes=1-"), ("If-Range", "\"x\""), ("A", "1")]);
        ask_whether(&mut request, &fields(&[("ETag", "\"a\""), ("Last-Modified", "then")]));
        assert_eq!(text(&request), "A: 1|If-None-Match: \"a\"|If-Modified-Since: then|");
        ask_whether(&mut request, &fields(&[]));
        assert_eq!(text(&request), "A: 1|");
        let asked = fields(&[("b", "1"), ("if-range", "\"x\""), ("Range", "bytes=1-")]);
        give_conditions_back(&mut request, &asked);
        assert_eq!(text(&request), "A: 1|if-range: \"x\"|Range: bytes=1-|");
    }

    #[test]
    fn a_304_with_another_tag_is_of_another_response() {
        let meant = |stored: &[_], fresh: &[_]| is_meant(&fields(stored), &fields(fresh));
        assert!(meant(&[("ETag", "\"1\"")], &[("ETag", "W/\"1\"")]));
        assert!(meant(&[("ETag", "\"1\"")], &[]) && meant(&[], &[("ETag", "\"1\"")]));
        assert!(!meant(&[("ETag", "\"1\"")], &[("ETag", "\"2\"")]));
    }

    #[test]
    fn a_304_updates_all_but_what_describes_the_bytes() {
        let mut stored = fields(&[("A", "1"), ("Content-Type", "text/html"), ("Content-Length", "3"), ("B", "1")]);
        update(
            &mut stored,
            &fields(&[("b", "2"), ("b", "3"), ("Content-Type", "x"), ("Content-Length", "0"), ("C", "4")]),
        );
        assert_eq!(text(&stored), "A: 1|Content-Type: text/html|Content-Length: 3|b: 2|b: 3|C: 4|");
    }

    #[test]
    fn fields_that_are_not_to_be_stored_are_left_out() {
        let mut stored =
            fields(&[("Age", "3"), ("Cache-Control", "max-age=9, no-cache=\"a, Set-Cookie\""), ("a", "1"), ("b", "2")]);
        assert_eq!(strip(&mut stored), b"a: 1\r\n");
        assert_eq!(text(&stored), "Cache-Control: max-age=9, no-cache=\"a, Set-Cookie\"|b: 2|");
        let mut stored = fields(&[("Cache-Control", "private=\"Content-Length\""), ("Content-Length", "5")]);
        assert_eq!(strip(&mut stored), b"", "it is sent anyway");
    }

    #[test]
    fn tags_are_taken_out_of_both_fields() {
        let mut response = fields(&[("Surrogate-Key", "post-1 post-2"), ("Cache-Tag", "a,b"), ("X", "1")]);
        let tags = take_tags(&mut response);
        let tags: Vec<_> = tags.iter().map(|tag| String::from_utf8_lossy(tag).into_owned()).collect();
        assert_eq!(tags, ["post-1", "post-2", "a", "b"]);
        assert_eq!(text(&response), "X: 1|");
        assert!(take_tags(&mut response).is_empty());
        let most = |count: usize| fields(&[("Surrogate-Key", &"a ".repeat(count))]);
        assert!(!has_too_many_tags(&most(256)) && has_too_many_tags(&most(257)));
    }
}

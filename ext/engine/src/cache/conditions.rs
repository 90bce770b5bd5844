//! Conditions of a client, evaluated against a stored response (RFC 9110, section 13; RFC 9111, section 4.3.2).

use proxy_http::message::{Fields, Known};

use super::date;
use super::list::members;

/// Conditions that only an application can evaluate: such a request goes to it as it is.
pub(crate) fn are_for_the_origin(request: &Fields) -> bool {
    request.has("If-Match") || request.has("If-Unmodified-Since")
}

/// Whether the client has what is stored, so that a 304 answers it. `stored` are the fields of a response with 200.
pub(crate) fn has_it(request: &Fields, stored: &Fields) -> bool {
    if request.has(Known::IfNoneMatch) {
        let Some(tag) = stored.get(Known::Etag) else {
            return request.all(Known::IfNoneMatch).any(|line| line == b"*");
        };
        return request.all(Known::IfNoneMatch).flat_map(members).any(|one| one == b"*" || opaque(one) == opaque(tag));
    }
    let (Some(since), Some(changed)) = (request.get(Known::IfModifiedSince), stored.get(Known::LastModified)) else {
        return false;
    };
    since == changed
        || matches!((date::parse(since), date::parse(changed)), (Some(since), Some(changed)) if changed <= since)
}

/// Whether `If-Range` lets a part of the stored response be sent: it names the response exactly, or is not there.
pub(crate) fn lets_parts(request: &Fields, stored: &Fields) -> bool {
    let Some(condition) = request.get("If-Range") else { return true };
    if condition.starts_with(b"\"") {
        return stored.get(Known::Etag) == Some(condition);
    }
    // A date is exact enough if the response was then a minute old at least (RFC 9110, section 8.8.2.2).
    let second = |name: Known| stored.get(name).and_then(date::parse);
    let strong = matches!((second(Known::LastModified), second(Known::Date)), (Some(c), Some(d)) if c + 60 <= d);
    strong && stored.get(Known::LastModified) == Some(condition)
}

/// A tag without the mark of a weak one.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
        fields
    }

    const CHANGED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn tags_are_compared_weakly_and_count_more_than_dates() {
        let stored = fields(&[("ETag", "W/\"a,b\""), ("Last-Modified", CHANGED)]);
        let has = |lines: &[(&str, &str)]| has_it(&fields(lines), &stored);
        assert!(has(&[("If-None-Match", "\"x\", \"a,b\"")]));
        assert!(has(&[("If-None-Match", "\"x\""), ("If-None-Match", "W/\"a,b\"")]));
        assert!(has(&[("If-None-Match", "*")]));
        assert!(has(&[("If-None-Match", "\"a,b\""), ("If-Modified-Since", "Tue, 06 Nov 1990 08:49:37 GMT")]));
        assert!(!has(&[("If-None-Match", "\"x\""), ("If-Modified-Since", CHANGED)]));
        assert!(!has(&[("If-None-Match", "a,b")]) && !has(&[("If-None-Match", "w/\"a,b\"")]));
        assert!(!has(&[]));
    }

    #[test]
    fn dates_are_compared_by_their_time() {
        let stored = fields(&[("Last-Modified", CHANGED)]);
        let has = |date: &str| has_it(&fields(&[("If-Modified-Since", date)]), &stored);
        assert!(has(CHANGED));
        assert!(has("Sunday, 06-Nov-94 08:49:37 GMT"));
        assert!(has("Mon, 07 Nov 1994 08:49:37 GMT"));
        assert!(!has("Sat, 05 Nov 1994 08:49:37 GMT"));
        assert!(!has("yesterday"));
        assert!(!has_it(&fields(&[("If-Modified-Since", CHANGED)]), &fields(&[])));
    }

    #[test]
    fn parts_need_an_exact_name_of_the_response() {
        let stored =
            fields(&[("ETag", "\"a\""), ("Last-Modified", CHANGED), ("Date", "Sun, 06 Nov 1994 08:50:37 GMT")]);
        let weak =
            fields(&[("ETag", "W/\"a\""), ("Last-Modified", CHANGED), ("Date", "Sun, 06 Nov 1994 08:50:36 GMT")]);
        let lets = |condition: &str, stored: &Fields| lets_parts(&fields(&[("If-Range", condition)]), stored);
        assert!(lets_parts(&fields(&[]), &weak));
        assert!(lets("\"a\"", &stored) && !lets("\"b\"", &stored));
        assert!(!lets("W/\"a\"", &weak) && !lets("\"a\"", &weak));
        assert!(lets(CHANGED, &stored) && !lets(CHANGED, &weak));
    }

    #[test]
    fn conditions_on_changes_go_to_the_application() {
        assert!(are_for_the_origin(&fields(&[("if-match", "\"a\"")])));
        assert!(!are_for_the_origin(&fields(&[("If-None-Match", "\"a\"")])));
    }
}

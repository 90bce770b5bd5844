//! Which of several responses of one URL suits a request (RFC 9111, section 4.1).

use proxy_http::headers::hearsay::is_hearsay;
use proxy_http::message::{FieldName, Fields, Known};

use super::list::members;
use super::record::{push_number, push_text, RecordReader};
use crate::content::accepted::{are_used, AcceptedCodings};

/// Most fields that a response may depend on: each is compared for each request.
const MOST_NAMES: usize = 32;
/// The request fields that a response depends on, with their values in the request that it answered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Vary(Box<[Selected]>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Selected {
    name: FieldName,
    /// Value of all lines. `None`: the request has no such field.
    value: Option<Box<[u8]>>,
}

impl Vary {
    /// Reads `Vary` of a response to a request that came with the fields `asked` and went to the backend with `sent`.
    /// `None` if the response suits no other request: it names `*`, or a field that the proxy itself writes.
    pub(crate) fn of(response: &Fields, asked: &Fields, sent: &Fields) -> Option<Self> {
        let mut selected: Vec<Selected> = Vec::new();
        for name in response.all(Known::Vary).flat_map(members) {
            let name = FieldName::new(std::str::from_utf8(name).ok()?).filter(|name| name.as_str() != "*")?;
            if matches!(name.known(), Some(Known::Host | Known::XForwardedHost | Known::XForwardedProto)) {
                // They are in the key.
                continue;
            }
            let written =
                matches!(name.known(), Some(Known::XRequestId | Known::XRequestStart | Known::Via | Known::Connection));
            if written || is_hearsay(name.as_str().as_bytes()) {
                return None;
            }
            // Accepted codings are told apart by those in use: another one could reach clients that do not know it.
            if name.known() == Some(Known::AcceptEncoding) && !are_used(response) {
                return None;
            }
            let same = |one: &Selected| one.name.as_str().eq_ignore_ascii_case(name.as_str());
            if selected.iter().any(same) {
                continue;
            }
            let (value, sent) = (value(asked, &name), value(sent, &name));
            // Whether the next request gets the same value from the proxy is not known beforehand.
            if sent.is_some() && sent != value || selected.len() == MOST_NAMES {
                return None;
            }
            selected.push(Selected { name, value });
        }
        Some(Self(selected.into()))
    }

    /// Whether the response suits a request with these fields.
    pub(crate) fn suits(&self, request: &Fields) -> bool {
        self.0.iter().all(|one| one.value == value(request, &one.name))
    }

    /// Writes what a request has in the fields that the response depends on.
    pub(crate) fn write_selected(&self, request: &Fields, out: &mut Vec<u8>) {
        for one in &self.0 {
            out.extend_from_slice(one.name.as_str().as_bytes());
            out.push(b':');
            out.extend(value(request, &one.name).iter().flatten());
            out.push(b'\n');
        }
    }

    /// Writes it into a record.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        push_number(out, self.0.len() as u64);
        for Selected { name, value } in &self.0 {
            push_text(out, name.as_str().as_bytes());
            push_number(out, u64::from(value.is_some()));
            push_text(out, value.as_deref().unwrap_or_default());
        }
    }

    /// Reads what [`Self::write_to`] wrote.
    pub(super) fn read(record: &mut RecordReader<'_>) -> Option<Self> {
        let selected = (0..record.number()?).map(|_| {
            let name = FieldName::new(record.chars()?)?;
            let (there, value) = (record.number()? == 1, record.text()?);
            Some(Selected { name, value: there.then(|| value.into()) })
        });
        selected.collect::<Option<_>>().map(Self)
    }

    /// Bytes in memory.
    pub(crate) fn size(&self) -> usize {
        let text = |one: &Selected| one.name.as_str().len() + one.value.as_ref().map_or(0, |value| value.len());
        self.0.iter().map(|one| text(one) + size_of::<Selected>()).sum()
    }
}

/// The value of a field in all its lines, so that values with the same meaning are equal bytes.
fn value(request: &Fields, name: &FieldName) -> Option<Box<[u8]>> {
    let known = name.known();
    let lists = matches!(known, Some(Known::Accept | Known::AcceptLanguage));
    let mut value = Vec::new();
    let mut lines = request.all(name).peekable();
    if known == Some(Known::AcceptEncoding) {
        // What it says of codings that nobody sends must not multiply what is stored.
        let codings = AcceptedCodings::of(request).names().collect::<Vec<_>>().join(",");
        return (!codings.is_empty()).then(|| codings.into_bytes().into());
    }
    lines.peek()?;
    for line in lines {
        if !value.is_empty() {
            value.extend_from_slice(if known == Some(Known::Cookie) { b"; " } else { b"," });
        }
        value.extend_from_slice(line);
    }
    if lists {
        value.retain(|byte| !matches!(byte, b' ' | b'\t'));
    }
    if known == Some(Known::AcceptLanguage) {
        value.make_ascii_lowercase();
    }
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        lines.iter().for_each(|(name, value)| fields.append(*name, value.as_bytes()));
        fields
    }

    fn suits(vary: &[&str], first: &[(&str, &str)], second: &[(&str, &str)]) -> bool {
        let response = fields(&vary.iter().map(|value| ("Vary", *value)).collect::<Vec<_>>());
        Vary::of(&response, &fields(first), &fields(first)).is_some_and(|vary| vary.suits(&fields(second)))
    }

    #[test]
    fn all_lines_of_all_named_fields_count() {
        let first = [("Foo", "1"), ("Bar", "2"), ("foo", "3")];
        assert!(suits(&["Foo, bar", "baz"], &first, &first));
        assert!(!suits(&["Foo"], &first, &[("Foo", "1"), ("Bar", "2")]), "the second line is missing");
        assert!(!suits(&["Bar", "Foo"], &first, &[("Bar", "2"), ("Foo", "9")]));
        assert!(suits(&["Bar"], &first, &[("Bar", "2")]));
        assert!(!suits(&["Baz"], &first, &[("Baz", "")]), "an empty field is not a missing one");
        assert!(suits(&[], &first, &[]));
    }

    #[test]
    fn a_star_anywhere_suits_no_request() {
        for vary in [
            &["*"][..],
            &["*, *"],
            &["", "*"],
            &[", *"],
            &["*, Foo"],
            &["Foo, *"],
            &["X-Forwarded-For"],
            &["X-Request-Id"],
        ] {
            assert!(!suits(vary, &[("Foo", "1")], &[("Foo", "1")]), "{vary:?}");
        }
    }

    #[test]
    fn codings_are_compared_by_what_they_accept() {
        let same = |one: &str, other: &str| {
            suits(&["Accept-Encoding"], &[("Accept-Encoding", one)], &[("Accept-Encoding", other)])
        };
        assert!(same("gzip, br", "br;q=0.5,x-gzip;q=1.0, sdch"));
        assert!(same("zstd, br, gzip, deflate", "*"));
        assert!(same("gzip;q=0", "identity"));
        assert!(same("*;q=0, gzip", "gzip"));
        assert!(!same("gzip", "br"));
        assert!(!same("gzip;q=0.000", "gzip;q=0.001"));
        assert!(suits(&["Accept-Encoding"], &[], &[("Accept-Encoding", "invented")]));
    }

    #[test]
    fn languages_are_compared_without_white_space_and_case() {
        let same = |one: &str, other: &str| {
            suits(&["Accept-Language"], &[("Accept-Language", one)], &[("Accept-Language", other)])
        };
        assert!(same("en-GB, de; q=0.5", "EN-gb,de;q=0.5"));
        assert!(!same("en, de", "de, en"));
    }

    #[test]
    fn what_the_proxy_itself_sets_is_not_known_beforehand() {
        let vary = |asked: &[(&str, &str)], sent: &[(&str, &str)]| {
            Vary::of(&fields(&[("Vary", "Country, Cookie")]), &fields(asked), &fields(sent)).is_some()
        };
        assert!(vary(&[("Country", "de")], &[("Country", "de")]));
        assert!(vary(&[("Country", "de")], &[]), "what is taken away is the same for all");
        assert!(!vary(&[("Country", "de")], &[("Country", "fr")]));
        assert!(!vary(&[], &[("Country", "fr")]));
        let (asked, sent) = (fields(&[("Host", "a")]), fields(&[("Host", "b"), ("X-Forwarded-Proto", "http")]));
        let vary = Vary::of(&fields(&[("Vary", "Host, X-Forwarded-Proto")]), &asked, &sent);
        assert_eq!(vary, Some(Vary::default()), "they are in the key");
    }

    #[test]
    fn odd_answers_are_not_for_others() {
        let of = |lines: &[(&str, &str)]| Vary::of(&fields(lines), &Fields::default(), &Fields::default());
        let many = |count: usize| (0..count).map(|number| format!("x{number}")).collect::<Vec<_>>().join(",");
        assert!(of(&[("Vary", &many(MOST_NAMES))]).is_some() && of(&[("Vary", &many(MOST_NAMES + 1))]).is_none());
        assert!(of(&[("Vary", &["a"; 1000].join(", "))]).is_some_and(|vary| vary.0.len() == 1));
        assert!(of(&[("vArY", "ACCEPT-encoding"), ("Content-Encoding", "GZIP")]).is_some());
        assert!(of(&[("Vary", "Accept-Encoding"), ("Content-Encoding", "invented")]).is_none());
        assert!(of(&[("Vary", "a b")]).is_none(), "no name");
    }
}

//! Credentials in a request.
//!
//! Credentials that occur twice prove nothing: we might check one of them and the backend use the other. So no function
//! here takes the first of several.

use std::borrow::Cow;

use proxy_http::message::{Fields, Known, NameRef};

/// Result of looking for credentials in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Credential<T> {
    /// No credentials there.
    Nothing,
    /// Exactly one.
    One(T),
    /// More than one.
    Several,
}

impl<T> Credential<T> {
    fn of(mut found: impl Iterator<Item = T>) -> Self {
        match (found.next(), found.next()) {
            (None, _) => Credential::Nothing,
            (Some(one), None) => Credential::One(one),
            (Some(_), Some(_)) => Credential::Several,
        }
    }
}

/// The value of a field.
pub(crate) fn field<'f, 'n: 'f>(fields: &'f Fields, name: impl Into<NameRef<'n>>) -> Credential<&'f [u8]> {
    Credential::of(fields.all(name))
}

/// The part of `Authorization` that follows `scheme` (RFC 9110, section 11.6.2). A field with another scheme counts as
/// no credentials.
pub(crate) fn credentials<'f>(fields: &'f Fields, scheme: &str) -> Credential<&'f [u8]> {
    match field(fields, Known::Authorization) {
        Credential::One(value) => after_scheme(value, scheme).map_or(Credential::Nothing, Credential::One),
        other => other,
    }
}

/// `value` without the `scheme` that it begins with, in any letter case.
pub(crate) fn after_scheme<'v>(value: &'v [u8], scheme: &str) -> Option<&'v [u8]> {
    let (begin, rest) = value.split_at_checked(scheme.len())?;
    let separated = rest.is_empty() || rest.starts_with(b" ");
    (separated && begin.eq_ignore_ascii_case(scheme.as_bytes())).then(|| rest.trim_ascii())
}

/// The value of a cookie, without the quotes around it.
pub(crate) fn cookie<'f>(fields: &'f Fields, name: &str) -> Credential<&'f [u8]> {
    let pairs = fields.all(Known::Cookie).flat_map(|line| line.split(|b| *b == b';'));
    Credential::of(pairs.filter_map(|pair| {
        let (this, value) = pair.split_at_checked(memchr::memchr(b'=', pair)?)?;
        let value = value[1..].trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (this.trim_ascii() == name.as_bytes()).then_some(bare.unwrap_or(value))
    }))
}

/// The value of a query parameter. The query may begin with its `?`.
pub(crate) fn parameter<'q>(query: &'q [u8], name: &str) -> Credential<Cow<'q, str>> {
    let pairs = form_urlencoded::parse(query.strip_prefix(b"?").unwrap_or(query));
    Credential::of(pairs.filter(|(this, _)| this == name).map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(lines: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in lines {
            fields.append(*name, value.as_bytes());
        }
        fields
    }

    #[test]
    fn two_lines_of_a_field_are_no_proof() {
        let name = "X-Api-Key";
        assert_eq!(field(&fields(&[]), name), Credential::Nothing);
        assert_eq!(field(&fields(&[("x-api-key", "a")]), name), Credential::One(&b"a"[..]));
        assert_eq!(field(&fields(&[("x-api-key", "a"), ("X-API-KEY", "a")]), name), Credential::Several);
        assert_eq!(field(&fields(&[("X_Api_Key", "a")]), name), Credential::Nothing);
    }

    #[test]
    fn the_scheme_is_known_in_any_letter_case_and_by_its_whole_name() {
        for (value, expected) in [
            ("Basic YTpi", Credential::One("YTpi")),
            ("bAsIc   YTpi", Credential::One("YTpi")),
            ("Basic", Credential::One("")),
            ("Basic ", Credential::One("")),
            ("BasicYTpi", Credential::Nothing),
            ("Basi", Credential::Nothing),
            ("Bearer YTpi", Credential::Nothing),
            ("", Credential::Nothing),
            ("Basic\tYTpi", Credential::Nothing),
        ] {
            let fields = fields(&[("Authorization", value)]);
            let shown = match credentials(&fields, "Basic") {
                Credential::One(value) => Credential::One(std::str::from_utf8(value).expect("text")),
                Credential::Nothing => Credential::Nothing,
                Credential::Several => Credential::Several,
            };
            assert_eq!(shown, expected, "{value:?}");
        }
        let both = fields(&[("Authorization", "Basic YTpi"), ("authorization", "Bearer x")]);
        assert_eq!(credentials(&both, "Basic"), Credential::Several);
    }

    #[test]
    fn a_cookie_that_is_there_twice_is_no_proof() {
        let one = fields(&[("Cookie", "a=1; token = x.y ;b=2"), ("Cookie", "Token=3; atoken=4; token")]);
        assert_eq!(cookie(&one, "token"), Credential::One(&b"x.y"[..]));
        assert_eq!(cookie(&fields(&[("Cookie", "token=\"x\"")]), "token"), Credential::One(&b"x"[..]));
        assert_eq!(cookie(&fields(&[("Cookie", "token=1; token=2")]), "token"), Credential::Several);
        assert_eq!(cookie(&fields(&[("Cookie", "token=1"), ("Cookie", "token=1")]), "token"), Credential::Several);
        assert_eq!(cookie(&fields(&[]), "token"), Credential::Nothing);
    }

    #[test]
    fn a_parameter_is_found_however_it_is_encoded() {
        let one = |text: &str| Credential::One(Cow::Owned(text.to_owned()));
        for (query, expected) in [
            ("?key=a", one("a")),
            ("?x=1&key=a%2fb+c&y", one("a/b c")),
            ("?%6bey=a", one("a")),
            ("?key", one("")),
            ("?key=%", one("%")),
            ("?key=%zz", one("%zz")),
            ("?key=a=b", one("a=b")),
            ("", Credential::Nothing),
            ("?", Credential::Nothing),
            ("?Key=a&keys=b", Credential::Nothing),
            ("?key=a&key=a", Credential::Several),
            ("?key=a&%6Bey=b", Credential::Several),
        ] {
            assert_eq!(parameter(query.as_bytes(), "key"), expected, "{query}");
        }
    }
}

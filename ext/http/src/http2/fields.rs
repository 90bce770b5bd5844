//! Conversion between [`Fields`] and the header maps of `h2`.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::headers::framing::list_members;
use crate::message::{Fields, Known};

/// Copies `map` behind the fields that are there, in its order. `Host` is left out, since `:authority` says it. Several
/// `Cookie` fields become one line again (RFC 9113, section 8.2.3): HTTP/1.1 servers read only one.
pub fn read_fields(map: &HeaderMap, fields: &mut Fields) {
    let mut cookie: Vec<u8> = Vec::new();
    for (name, value) in map {
        if name == http::header::COOKIE {
            // An empty part says nothing, and would leave white space at the end of a line.
            if !cookie.is_empty() && !value.is_empty() {
                cookie.extend_from_slice(b"; ");
            }
            cookie.extend_from_slice(value.as_bytes());
        } else if name != http::header::HOST {
            fields.push_field(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    if !cookie.is_empty() {
        fields.push_field(Known::Cookie.as_str().as_bytes(), &cookie);
    }
}

/// A header map for `h2`. Fields of an HTTP/1.1 connection are left out (RFC 9113, section 8.2.2); `TE` may only say
/// `trailers`. Names and values that cannot be sent are left out too: no message that was read has any.
pub fn write_fields(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(fields.len());
    for (name, value) in fields.iter() {
        let known = Known::of(name);
        let dropped = match known {
            Some(
                Known::Connection
                | Known::KeepAlive
                | Known::ProxyConnection
                | Known::TransferEncoding
                | Known::Upgrade
                | Known::Http2Settings
                | Known::Host,
            ) => true,
            Some(Known::Te) => !list_members(value).any(|coding| coding.eq_ignore_ascii_case(b"trailers")),
            _ => false,
        };
        if dropped {
            continue;
        }
        let value = if known == Some(Known::Te) { &b"trailers"[..] } else { value };
        // `HeaderName::from_bytes` makes names lower case.
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            let _ = map.try_append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_of_a_cookie_become_one_line() {
        let mut map = HeaderMap::new();
        for (name, value) in [("cookie", "a=1"), ("accept", "*/*"), ("cookie", "b=2")] {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let mut fields = Fields::default();
        read_fields(&map, &mut fields);
        assert_eq!(fields.all(Known::Cookie).collect::<Vec<_>>(), [b"a=1; b=2"]);
        assert_eq!(fields.get(Known::Accept), Some(&b"*/*"[..]));
    }

    #[test]
    fn empty_crumbs_are_left_out() {
        for (crumbs, line) in [
            (&["a=1", ""][..], Some(&b"a=1"[..])),
            (&["", "a=1"], Some(b"a=1")),
            (&["a=1", "", "", "b=2"], Some(b"a=1; b=2")),
            (&["", ""], None),
        ] {
            let mut map = HeaderMap::new();
            for crumb in crumbs {
                map.append(http::header::COOKIE, HeaderValue::from_static(crumb));
            }
            let mut fields = Fields::default();
            read_fields(&map, &mut fields);
            assert_eq!(fields.get(Known::Cookie), line, "{crumbs:?}");
        }
    }

    #[test]
    fn fields_of_a_connection_are_not_sent() {
        let mut fields = Fields::default();
        for (name, value) in
            [("Connection", "x"), ("Keep-Alive", "1"), ("Upgrade", "a"), ("TE", "gzip, trailers"), ("X-Kept", "2")]
        {
            fields.append(name, value.as_bytes());
        }
        let map = write_fields(&fields);
        let sent: Vec<_> = map.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(sent, [("te", &b"trailers"[..]), ("x-kept", b"2")]);
    }
}

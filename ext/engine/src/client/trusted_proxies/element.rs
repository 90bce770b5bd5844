//! One element of a `Forwarded` field (RFC 7239, section 4).

/// The statement of one proxy about one client, reduced to the parameters that are used. Values may be quoted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// `for=`
    pub(super) node: Option<&'a [u8]>,
    /// `proto=`, without quotes.
    pub(super) proto: Option<&'a [u8]>,
}

impl<'a> Element<'a> {
    /// Parses an element. `None` if it is malformed or repeats a parameter.
    pub(super) fn parse(element: &'a [u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut rest = element;
        while !rest.is_empty() {
            let pair;
            (pair, rest) = cut(rest);
            let pair = pair.trim_ascii();
            if pair.is_empty() {
                continue;
            }
            let equals = memchr::memchr(b'=', pair)?;
            let (name, value) = (&pair[..equals], &pair[equals + 1..]);
            if !is_token(name) || !(is_token(value) || is_bare(value) || unquoted(value).is_some()) {
                return None;
            }
            let (slot, value) = match name {
                _ if name.eq_ignore_ascii_case(b"for") => (&mut found.node, value),
                _ if name.eq_ignore_ascii_case(b"proto") => (&mut found.proto, unquoted(value).unwrap_or(value)),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return None;
            }
        }
        Some(found)
    }
}

/// The text before the first semicolon outside of quotes, and the text behind it.
fn cut(text: &[u8]) -> (&[u8], &[u8]) {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return (&text[..at], &text[at + 1..]),
            _ => {}
        }
    }
    (text, &[])
}

fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// Whether an unquoted value is accepted. An address with a port or in brackets should be quoted, but some senders do
/// not do that.
fn is_bare(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || b":[]._-".contains(b))
}

/// The content of a quoted string, with its escapes.
fn unquoted(text: &[u8]) -> Option<&[u8]> {
    let inside = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut escaped = false;
    for byte in inside {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return None,
            _ => {}
        }
    }
    (!escaped).then_some(inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Node and protocol; empty if absent.
    fn parsed(element: &str) -> Option<(String, String)> {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
        Element::parse(element.as_bytes()).map(|element| (text(element.node), text(element.proto)))
    }

    #[test]
    fn an_element_says_for_whom_and_by_which_protocol() {
        for (element, node, proto) in [
            ("for=192.0.2.1", "192.0.2.1", ""),
            ("For=192.0.2.1; PROTO=https ;by=203.0.113.43", "192.0.2.1", "https"),
            (r#"for="[2001:db8::1]:80";proto="http""#, r#""[2001:db8::1]:80""#, "http"),
            ("for=192.0.2.1:80;;host=example.com;", "192.0.2.1:80", ""),
            (r#"host="a;for=6.6.6.6";for=_hidden"#, "_hidden", ""),
            (r#"host="a\";for=6.6.6.6";for=_hidden"#, "_hidden", ""),
            ("proto=https", "", "https"),
            ("", "", ""),
        ] {
            assert_eq!(parsed(element), Some((node.to_owned(), proto.to_owned())), "{element}");
        }
    }

    #[test]
    fn what_is_malformed_says_nothing() {
        for element in [
            "192.0.2.1",
            "for",
            "for=",
            "=a",
            "for =192.0.2.1",
            "for=192.0.2.1;for=192.0.2.2",
            "proto=http;for=a;proto=https",
            r#"for="192.0.2.1"#,
            r#"for=192.0.2.1""#,
            r#"for="a"b"#,
            r#"for=192.0.2.1;host="a"#,
            r#"for=6.6.6.6;a=""#,
            r#"for=6.6.6.6;a=\"b""#,
            r#"for=6.6.6.6;a="b\""#,
            "for=a b",
        ] {
            assert_eq!(parsed(element), None, "{element}");
        }
    }
}

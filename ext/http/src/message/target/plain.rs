//! The path that locations match: a copy without escapes and empty segments. The forwarded path is another copy, in
//! which only the dot segments are resolved.

use super::TargetError;

/// Decodes the escapes of `path`, whose dot segments are resolved, and merges runs of slashes. Refused if decoding
/// reveals dot segments: a backend that decodes the path before it resolves it would reach another resource.
pub(super) fn plain(path: &[u8]) -> Result<Vec<u8>, TargetError> {
    let plain = decode(path, false);
    let bare = |segment: &[u8]| memchr::memchr(b';', segment).unwrap_or(segment.len());
    if plain.split(|b| matches!(b, b'/' | b'\\')).any(|segment| matches!(&segment[..bare(segment)], b"." | b"..")) {
        return Err(TargetError::HiddenDots);
    }
    Ok(plain)
}

/// Decodes the escapes of `path` except `%2F`, and merges runs of slashes; `None` if the path has no `%2F`.
pub(super) fn but_slashes(path: &[u8]) -> Option<Vec<u8>> {
    path.windows(3).any(is_encoded_slash).then(|| decode(path, true))
}

fn is_encoded_slash(text: &[u8]) -> bool {
    matches!(text, [b'%', b'2', b'f' | b'F'])
}

/// Decodes `path`, whose escapes are well-formed.
fn decode(path: &[u8], keep_slashes: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    loop {
        let (byte, behind) = match rest {
            [] => return out,
            [b'%', b'2', b'f' | b'F', behind @ ..] if keep_slashes => {
                out.extend_from_slice(b"%2F");
                rest = behind;
                continue;
            }
            [b'%', high, low, behind @ ..] => (digit(*high) << 4 | digit(*low), behind),
            [byte, behind @ ..] => (*byte, behind),
        };
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
        rest = behind;
    }
}

/// Decodes and merges the encoded slashes of `text`, a part of a path that has kept them.
pub fn merge_encoded_slashes(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        let (byte, behind) = match rest {
            [] => return out,
            [b'%', b'2', b'F', behind @ ..] => (b'/', behind),
            [byte, behind @ ..] => (*byte, behind),
        };
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
        rest = behind;
    }
}

/// The rest of `path` after `prefix`. Escapes and repeated slashes of `path` stay; `prefix` is decoded. `None` if the
/// path is neither the prefix nor below it.
pub fn behind_prefix<'p>(path: &'p [u8], prefix: &[u8]) -> Option<&'p [u8]> {
    let mut rest = path;
    let mut left = prefix;
    let mut last = 0;
    loop {
        let (byte, behind) = match rest {
            [b'%', high, low, behind @ ..] => (digit(*high) << 4 | digit(*low), behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return left.is_empty().then_some(rest),
        };
        match left {
            // Several slashes count as one, but the rest begins with its own slash.
            _ if byte == b'/' && last == b'/' && !left.is_empty() => {}
            [first, others @ ..] if *first == byte => left = others,
            [] => return (byte == b'/' || prefix.ends_with(b"/")).then_some(rest),
            _ => return None,
        }
        (last, rest) = (byte, behind);
    }
}

/// The value of a hexadecimal digit.
fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit & 0xdf).wrapping_sub(b'A' - 10),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::*;

    #[test]
    fn escapes_are_decoded_and_slashes_merged() {
        for (sent, expected) in [
            ("/", None),
            ("/a/b.c", None),
            ("/a/", None),
            ("//a///b", Some("/a/b")),
            ("/a//", Some("/a/")),
            ("/%61dmin/%2E%2ex", Some("/admin/..x")),
            ("/a%20b%C3%A9%7e", Some("/a bé~")),
            ("/%2561", Some("/%61")),
            ("/x/%2e%2e/%61", Some("/a")),
            ("/a%5cb", Some("/a\\b")),
            ("/a%0Ab", Some("/a\nb")),
            ("http://h//a", Some("/a")),
        ] {
            let target = Target::parse(sent.as_bytes(), false).expect(sent);
            assert_eq!(target.plain.as_deref(), expected.map(str::as_bytes), "{sent}");
            assert_eq!(target.plain_but_slashes, None, "{sent}");
        }
    }

    #[test]
    fn an_encoded_slash_is_read_both_ways() {
        for (sent, separator, byte) in [
            ("/a%2fb", "/a/b", "/a%2Fb"),
            ("/a/%2Fb", "/a/b", "/a/%2Fb"),
            ("/%2F/a%20b", "/a b", "/%2F/a b"),
            ("/a%2F%2Fb", "/a/b", "/a%2F%2Fb"),
        ] {
            let target = Target::parse(sent.as_bytes(), false).expect(sent);
            assert_eq!(target.plain.as_deref(), Some(separator.as_bytes()), "{sent}");
            assert_eq!(target.plain_but_slashes.as_deref(), Some(byte.as_bytes()), "{sent}");
        }
    }

    #[test]
    fn a_prefix_is_found_through_escapes_and_doubled_slashes() {
        for (path, prefix, behind) in [
            ("/api", "/api", Some("")),
            ("/api/", "/api", Some("/")),
            ("/api/x%20y", "/api", Some("/x%20y")),
            ("//%61pi//x", "/api", Some("//x")),
            ("/a//b/c", "/a/b", Some("/c")),
            ("/apis", "/api", None),
            ("/ap", "/api", None),
            ("/x", "/api", None),
            ("/%C3%A9/x", "/é", Some("/x")),
            ("/x", "/", Some("x")),
        ] {
            let found = behind_prefix(path.as_bytes(), prefix.as_bytes());
            assert_eq!(found, behind.map(str::as_bytes), "{path} {prefix}");
        }
    }

    #[test]
    fn dot_segments_that_only_decoding_shows_are_refused() {
        for sent in
            ["/a%2f..%2fb", "/a%2F..", "/..%2fa", "/a/..%5cb", "/a%5C%2e%2E%5cb", "/.%2f", "/a%5c.", "/a%2f%2e%2e"]
        {
            assert_eq!(Target::parse(sent.as_bytes(), false), Err(TargetError::HiddenDots), "{sent}");
        }
        for sent in ["/a%2f..b", "/...%2fa", "/a%5c.b", "/%252e%252e"] {
            assert!(Target::parse(sent.as_bytes(), false).is_ok(), "{sent}");
        }
    }
}

//! Request targets (RFC 9112, section 3.2) and the path inside them (RFC 3986).

mod plain;

pub use plain::{behind_prefix, merge_encoded_slashes};

use std::fmt;

/// A parsed request target.
#[derive(Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// Authority (`host:port`) of an absolute-form target.
    pub authority: Option<&'a [u8]>,
    /// The path as it was sent; `*` for the asterisk form. If an absolute-form target has no path, this is `/`, or `*`
    /// with OPTIONS if there is no query either (RFC 9112, section 3.2.4).
    pub path: &'a [u8],
    /// The path with its dot segments resolved, if that changes it.
    pub resolved: Option<Vec<u8>>,
    /// The path that locations match, without escapes and empty segments, if it differs from the resolved path.
    pub plain: Option<Vec<u8>>,
    /// The path that locations match with `%2F` left encoded, if it has any: some backends do not take `%2F` for a
    /// separator.
    pub plain_but_slashes: Option<Vec<u8>>,
    /// The query with its `?`; empty if there is none.
    pub query: &'a [u8],
}

/// Why a target is refused. The response is always 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetError {
    /// A byte that no URI holds: a space, a control character, a fragment, anything beyond ASCII.
    Character,
    /// A `%` without two hexadecimal digits behind it, or `%00`.
    Escape,
    /// Not one of `/path`, `http://host/path`, and `*` with OPTIONS.
    Form,
    /// An invalid host in an absolute-form target or in `Host`.
    Host,
    /// Dot segments that climb above `/`.
    Climbs,
    /// Dot segments between encoded separators, or with parameters (`..;`): some parsers resolve them and some do not.
    HiddenDots,
}

impl TargetError {
    /// The reason in words, for logs.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetError::Character => "the request target holds a character that no URI may hold",
            TargetError::Escape => "the request target holds a malformed percent-escape",
            TargetError::Form => "the request target is not a valid URI",
            TargetError::Host => "the host is malformed",
            TargetError::Climbs => "the path climbs above the root",
            TargetError::HiddenDots => "the path hides dot segments after encoded slashes or semicolons",
        }
    }
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a byte may stand in a target. RFC 3986 excludes ``{ } | ^ ` [ ]`` and `\`, but browsers send them unescaped,
/// and no two parsers read them differently, with one exception: [`Target::parse`] refuses `\` in a path, which some
/// parsers read as `/`.
const fn target_byte(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'#' | b'"' | b'<' | b'>')
}

static TARGET_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = target_byte(i as u8);
        i += 1;
    }
    table
};

impl<'a> Target<'a> {
    /// Parses a request target. `options`: the method is OPTIONS, the only one that may ask for `*`.
    pub fn parse(target: &'a [u8], options: bool) -> Result<Self, TargetError> {
        if !target.iter().all(|b| TARGET_BYTES[usize::from(*b)]) {
            return Err(TargetError::Character);
        }
        let (authority, rest) = match target.first() {
            Some(b'/') => (None, target),
            Some(b'*') if target.len() == 1 && options => return Ok(Self::asterisk(None)),
            _ => absolute(target)?,
        };
        if rest.is_empty() && options {
            return Ok(Self::asterisk(authority));
        }
        let (path, query) = rest.split_at(memchr::memchr(b'?', rest).unwrap_or(rest.len()));
        let path = if path.is_empty() { b"/" } else { path };
        if memchr::memchr(b'\\', path).is_some() {
            return Err(TargetError::Character);
        }
        let escaped = check_escapes(path)?;
        let (dotted, doubled) = behind_slashes(path);
        let resolved = if dotted || escaped { resolve_dot_segments(path)? } else { None };
        let (mut plain, mut plain_but_slashes) = (None, None);
        if escaped || doubled {
            let forwarded = resolved.as_deref().unwrap_or(path);
            plain = Some(plain::plain(forwarded)?);
            plain_but_slashes = plain::but_slashes(forwarded);
        }
        Ok(Self { authority, path, resolved, plain, plain_but_slashes, query })
    }

    /// Parses the target of a CONNECT: a host with its port (RFC 9112, section 3.2.3). It has no path.
    pub fn of_connect(target: &'a [u8]) -> Result<Self, TargetError> {
        let port = target.get(host_of(target).len() + 1..).unwrap_or_default();
        if port.is_empty() || check_authority(target).is_err() {
            return Self::parse(target, false);
        }
        Ok(Self { path: b"/", ..Self::asterisk(Some(target)) })
    }

    /// The target `*`, which means the server as a whole.
    fn asterisk(authority: Option<&'a [u8]>) -> Self {
        Self { authority, path: b"*", resolved: None, plain: None, plain_but_slashes: None, query: b"" }
    }
}

/// Splits an absolute-form target into `host[:port]` and the rest.
fn absolute(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), TargetError> {
    let scheme_end = memchr::memmem::find(target, b"://").ok_or(TargetError::Form)?;
    let scheme = &target[..scheme_end];
    if !scheme.eq_ignore_ascii_case(b"http") && !scheme.eq_ignore_ascii_case(b"https") {
        return Err(TargetError::Form);
    }
    let rest = &target[scheme_end + 3..];
    let (authority, rest) = rest.split_at(memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len()));
    check_authority(authority)?;
    Ok((Some(authority), rest))
}

/// An error unless `authority` is a host with or without a port: no user-info, no empty host, nothing that two parsers
/// could split differently.
pub fn check_authority(authority: &[u8]) -> Result<(), TargetError> {
    let port = if let Some(literal) = authority.strip_prefix(b"[") {
        let end = memchr::memchr(b']', literal).ok_or(TargetError::Host)?;
        let address = std::str::from_utf8(&literal[..end]).map_err(|_| TargetError::Host)?;
        address.parse::<std::net::Ipv6Addr>().map_err(|_| TargetError::Host)?;
        &literal[end + 1..]
    } else {
        let end = memchr::memchr(b':', authority).unwrap_or(authority.len());
        let host = &authority[..end];
        if host.is_empty() || !host.iter().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(b)) {
            return Err(TargetError::Host);
        }
        &authority[end..]
    };
    match port {
        [] | [b':'] => Ok(()),
        [b':', digits @ ..] if digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit) => {
            let port = digits.iter().fold(0u32, |n, d| n * 10 + u32::from(d - b'0'));
            if port <= 65_535 {
                Ok(())
            } else {
                Err(TargetError::Host)
            }
        }
        _ => Err(TargetError::Host),
    }
}

/// Whether a dot follows a slash, and whether a slash does.
fn behind_slashes(path: &[u8]) -> (bool, bool) {
    memchr::memchr_iter(b'/', path).fold((false, false), |(dotted, doubled), at| match path.get(at + 1) {
        Some(b'.') => (true, doubled),
        Some(b'/') => (dotted, true),
        _ => (dotted, doubled),
    })
}

/// Whether there are percent-escapes. An error if one is malformed or is `%00`.
fn check_escapes(path: &[u8]) -> Result<bool, TargetError> {
    let mut any = false;
    for at in memchr::memchr_iter(b'%', path) {
        any = true;
        match path.get(at + 1..at + 3) {
            Some(b"00") => return Err(TargetError::Escape),
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
            _ => return Err(TargetError::Escape),
        }
    }
    Ok(any)
}

/// The path without `.` and `..` segments, percent-encoded ones included (RFC 3986, section 5.2.4); `None` if there are
/// none. The rest of the path stays unchanged.
fn resolve_dot_segments(path: &[u8]) -> Result<Option<Vec<u8>>, TargetError> {
    if path[1..].split(|b| *b == b'/').any(has_dots_with_parameters) {
        return Err(TargetError::HiddenDots);
    }
    if !path[1..].split(|b| *b == b'/').any(|segment| dots(segment) > 0) {
        return Ok(None);
    }
    let mut out = Vec::with_capacity(path.len());
    let mut segments = path[1..].split(|b| *b == b'/').peekable();
    while let Some(segment) = segments.next() {
        match dots(segment) {
            0 => {
                out.push(b'/');
                out.extend_from_slice(segment);
                continue;
            }
            1 => {}
            _ => {
                let parent = memchr::memrchr(b'/', &out).ok_or(TargetError::Climbs)?;
                out.truncate(parent);
            }
        }
        // `/a/.` and `/a/..` are directories: they end with a slash.
        if segments.peek().is_none() {
            out.push(b'/');
        }
    }
    Ok(Some(out))
}

/// Whether a segment is `..;` or `.;x=1`: servers with segment parameters treat it as a dot segment. A segment with an
/// encoded semicolon is found when the path is decoded.
fn has_dots_with_parameters(segment: &[u8]) -> bool {
    memchr::memchr(b';', segment).is_some_and(|end| dots(&segment[..end]) > 0)
}

/// The number of dots that make up a segment: 1 or 2, or 0 for an ordinary segment.
fn dots(segment: &[u8]) -> usize {
    let mut rest = segment;
    let mut count = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', rest @ ..] => rest,
            [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return 0,
        };
        count += 1;
    }
    if count <= 2 {
        count
    } else {
        0
    }
}

/// The host in `host:port`, without the port.
pub fn host_of(authority: &[u8]) -> &[u8] {
    let end = match authority.first() {
        Some(b'[') => memchr::memchr(b']', authority).map(|i| i + 1),
        _ => memchr::memchr(b':', authority),
    };
    &authority[..end.unwrap_or(authority.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(target: &str) -> String {
        let target = Target::parse(target.as_bytes(), false).expect(target);
        String::from_utf8_lossy(target.resolved.as_deref().unwrap_or(target.path)).into_owned()
    }

    #[test]
    fn dot_segments_are_resolved_and_nothing_else_changes() {
        for (sent, forwarded) in [
            ("/", "/"),
            ("/a/b/../c", "/a/c"),
            ("/a/./b", "/a/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/a/..", "/"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/.hidden/...", "/.hidden/..."),
            ("/a//b/%2F%20", "/a//b/%2F%20"),
            ("/a//../b", "/a/b"),
            ("http://example.com", "/"),
            ("HTTP://example.com:80?x=1", "/"),
            ("/a|b{c}^", "/a|b{c}^"),
            ("/a;x=../b;/...;c/.d;e", "/a;x=../b;/...;c/.d;e"),
        ] {
            assert_eq!(path(sent), forwarded, "{sent}");
        }
    }

    #[test]
    fn targets_that_are_no_uri_are_refused() {
        use TargetError::*;
        for (sent, why) in [
            ("", Form),
            ("a", Form),
            ("*", Form),
            ("/a b", Character),
            ("/a#b", Character),
            ("/\u{e9}", Character),
            ("/a\\..\\b", Character),
            ("/%", Escape),
            ("/%zz", Escape),
            ("/%00", Escape),
            ("/..", Climbs),
            ("/a/../../b", Climbs),
            ("/%2e%2e/b", Climbs),
            ("/a/..;/b", HiddenDots),
            ("/a/.;x=1/b", HiddenDots),
            ("/a/%2e.;", HiddenDots),
            ("/a/..%3bx/b", HiddenDots),
            ("/a%2F..;/b", HiddenDots),
            ("ftp://a/", Form),
            ("http:///a", Host),
            ("http://user@a/", Host),
            ("http://a:99999/", Host),
            ("http://a:b/", Host),
            ("http://[::1/", Host),
            ("http://[zz]/", Host),
        ] {
            assert_eq!(Target::parse(sent.as_bytes(), false), Err(why), "{sent}");
        }
    }

    #[test]
    fn asterisk_is_for_options_alone() {
        assert_eq!(Target::parse(b"*", true).map(|t| t.path), Ok(&b"*"[..]));
    }

    #[test]
    fn options_without_a_path_is_for_the_whole_server() {
        for (sent, path) in [
            ("http://a.example", "*"),
            ("HTTPS://a.example:443", "*"),
            ("http://[::1]", "*"),
            ("http://a.example/", "/"),
            ("http://a.example?", "/"),
            ("http://a.example?x", "/"),
            ("/", "/"),
        ] {
            assert_eq!(Target::parse(sent.as_bytes(), true).map(|t| t.path), Ok(path.as_bytes()), "{sent}");
        }
        assert_eq!(Target::parse(b"http://a.example", false).map(|t| t.path), Ok(&b"/"[..]));
    }

    #[test]
    fn absolute_form_names_its_host() {
        let target = Target::parse(b"http://[::1]:8080/a?b", false).expect("a target");
        assert_eq!(target.authority, Some(&b"[::1]:8080"[..]));
        assert_eq!((target.path, target.query), (&b"/a"[..], &b"?b"[..]));
    }
}

//! What a stored response is an answer to.

use proxy_http::message::{Fields, Known, Target};

/// Separates the URL in a key from what the configuration adds. No URL has it.
const SEPARATOR: u8 = b'\n';

/// Appends the URL of a request: scheme, host in lower case, port unless it is the usual one, path, and query
/// with its `?`. It is the beginning of the request's key.
pub(crate) fn push_url(out: &mut Vec<u8>, scheme: &str, authority: &[u8], path: &[u8], query: &[u8]) {
    out.extend_from_slice(scheme.as_bytes());
    out.extend_from_slice(b"://");
    let authority = authority.strip_suffix(usual_port(scheme)).unwrap_or(authority);
    let host = out.len();
    out.extend_from_slice(authority);
    out[host..].make_ascii_lowercase();
    out.extend_from_slice(path);
    out.extend_from_slice(query);
}

/// Beginning of the names in which proxies say what a client asked for, in lower case.
const FORWARDED: &[u8] = b"x-forwarded-";
/// Ends of such names that say who asked, or what the URL has already.
const OF_CLIENTS: [&[u8]; 4] = [b"for", b"by", b"proto", b"client-cert"];

/// Appends what a trusted proxy says of the URL that its client asked for: an application may show it.
pub(crate) fn push_hearsay(out: &mut Vec<u8>, request: &Fields) {
    for (name, value) in request.iter() {
        let (begin, end) = name.split_at(name.len().min(FORWARDED.len()));
        if begin.eq_ignore_ascii_case(FORWARDED) && !OF_CLIENTS.iter().any(|one| one.eq_ignore_ascii_case(end)) {
            out.push(SEPARATOR);
            out.extend(end.iter().map(u8::to_ascii_lowercase));
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }
    let pairs = request.all(Known::Forwarded).flat_map(|line| line.split(|byte| matches!(byte, b';' | b',')));
    for host in pairs.map(<[u8]>::trim_ascii).filter(|pair| pair.len() > 5 && pair[..5].eq_ignore_ascii_case(b"host="))
    {
        out.push(SEPARATOR);
        out.extend_from_slice(host);
    }
}

/// Names of fields with which a request may ask for another thing than its URL says, in lower case.
const CHANGING: [&[u8]; 5] =
    [b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-host", b"x-http-host-override"];
/// Beginnings of such names.
const CHANGING_FAMILIES: [&[u8]; 2] = [b"x-original-", b"x-rewrite-"];

/// Whether a request asks an application for another thing than its key says: for another method or another URL.
pub(crate) fn is_not_all(request: &Fields) -> bool {
    request.iter().any(|(name, _)| {
        let begins = |family: &[u8]| name.get(..family.len()).is_some_and(|start| start.eq_ignore_ascii_case(family));
        matches!(name.first(), Some(b'x' | b'X'))
            && (CHANGING.iter().any(|one| one.eq_ignore_ascii_case(name)) || CHANGING_FAMILIES.into_iter().any(begins))
    })
}

/// Whether an authority is written as a key has it. A backend gets it as the client has written it, and may answer the
/// others with a redirect to this form: nobody else is to get that.
pub(crate) fn is_usual(scheme: &str, authority: &[u8]) -> bool {
    !authority.iter().any(u8::is_ascii_uppercase) && !authority.ends_with(usual_port(scheme))
}

/// The port that a URL leaves out, with its colon.
fn usual_port(scheme: &str) -> &'static [u8] {
    if scheme == "https" {
        b":443"
    } else {
        b":80"
    }
}

/// Appends a part that the configuration adds. It is written even if it is empty.
pub(crate) fn separate(out: &mut Vec<u8>) {
    out.push(SEPARATOR);
}

/// The URL in a key.
pub(crate) fn url(key: &[u8]) -> &[u8] {
    &key[..memchr::memchr(SEPARATOR, key).unwrap_or(key.len())]
}

/// The URL that `reference` means in a response to a request for `base`, if it has the same origin (RFC 9111, section
/// 4.4), without dot segments. `base` is a URL without fragment, as [`push_url`] writes it.
pub(crate) fn resolve(base: &[u8], reference: &[u8]) -> Option<Vec<u8>> {
    let reference = reference.split(|byte| *byte == b'#').next().unwrap_or_default();
    let scheme = memchr::memmem::find(base, b"://")? + 3;
    let origin = scheme + memchr::memchr(b'/', &base[scheme..])?;
    let path_end = memchr::memchr(b'?', base).unwrap_or(base.len());
    let joined = match reference {
        [] => base.to_vec(),
        [b'/', b'/', ..] => [&base[..scheme - 2], reference].concat(),
        [b'/', ..] => [&base[..origin], reference].concat(),
        [b'?', ..] => [&base[..path_end], reference].concat(),
        _ if memchr::memmem::find(reference, b"://").is_some_and(|at| at < 8) => {
            let (name, rest) = reference.split_at(memchr::memmem::find(reference, b"://")?);
            let rest = &rest[3..];
            let (authority, path) = rest.split_at(memchr::memchr2(b'/', b'?', rest).unwrap_or(rest.len()));
            let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
            let mut url = Vec::with_capacity(reference.len() + 1);
            push_url(&mut url, &name, authority, if path.starts_with(b"/") { b"" } else { b"/" }, b"");
            url.extend_from_slice(path);
            url
        }
        _ => {
            let directory = memchr::memrchr(b'/', &base[..path_end]).unwrap_or(origin);
            [&base[..=directory], reference].concat()
        }
    };
    let same = joined.get(..origin) == Some(&base[..origin]) && joined.get(origin) == Some(&b'/');
    // Nobody can ask for what is no target.
    let target = same.then(|| Target::parse(&joined[origin..], false).ok()).flatten()?;
    Some([&joined[..origin], target.resolved.as_deref().unwrap_or(target.path), target.query].concat())
}

/// A URL without needless escapes (RFC 3986, section 6.2.2.2). `None` if it has none.
pub(crate) fn without_needless_escapes(url: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(url.len());
    let mut rest = url;
    while let Some((first, behind)) = rest.split_first() {
        let (byte, behind) = match (first, behind) {
            (b'%', [high, low, behind @ ..]) => {
                match digit(*high).zip(digit(*low)).map(|(high, low)| high << 4 | low) {
                    Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => (byte, behind),
                    _ => (b'%', &rest[1..]),
                }
            }
            (first, behind) => (*first, behind),
        };
        out.push(byte);
        rest = behind;
    }
    (out.len() < url.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(scheme: &str, authority: &str, path: &str, query: &str) -> String {
        let mut out = Vec::new();
        push_url(&mut out, scheme, authority.as_bytes(), path.as_bytes(), query.as_bytes());
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_key_has_the_whole_url() {
        assert_eq!(key("https", "Example.COM:443", "/A", "?x=1"), "https://example.com/A?x=1");
        assert_eq!(key("http", "example.com:8080", "/", ""), "http://example.com:8080/");
        assert_eq!(url(b"http://a/\nmobile"), b"http://a/");
    }

    #[test]
    fn a_usual_authority_is_its_own_key() {
        let usual = |scheme, authority: &str| is_usual(scheme, authority.as_bytes());
        assert!(usual("http", "example.com") && usual("http", "example.com:443") && usual("https", "[::1]:80"));
        assert!(
            !usual("http", "example.com:80") && !usual("https", "example.com:443") && !usual("http", "Example.com")
        );
    }

    #[test]
    fn needless_escapes_are_found() {
        let plain =
            |url: &str| without_needless_escapes(url.as_bytes()).map(|url| String::from_utf8(url).expect("text"));
        assert_eq!(plain("http://a/%7ex%2F%79%7A%").as_deref(), Some("http://a/~x%2Fyz%"));
        assert_eq!(plain("http://a/%2F%20"), None);
    }

    #[test]
    fn what_a_trusted_proxy_says_is_part_of_it() {
        let mut fields = Fields::default();
        fields.append("X-Forwarded-Host", b"a.example");
        fields.append("x-forwarded-SCHEME", b"http");
        fields.append("X-Forwarded-For", b"192.0.2.1");
        fields.append("Forwarded", b"for=192.0.2.1;Host=b.example, for=192.0.2.2");
        let mut out = Vec::new();
        push_hearsay(&mut out, &fields);
        assert_eq!(out, b"\nhost=a.example\nscheme=http\nHost=b.example");
    }

    #[test]
    fn some_requests_ask_for_more_than_their_url() {
        for (name, more) in [
            ("X-HTTP-Method-Override", true),
            ("x-original-url", true),
            ("X-Rewrite-Url", true),
            ("X-Requested-With", false),
            ("Original-URL", false),
        ] {
            let mut fields = Fields::default();
            fields.append(name, b"x");
            assert_eq!(is_not_all(&fields), more, "{name}");
        }
    }

    #[test]
    fn references_are_resolved_within_their_origin() {
        let base = b"http://a.example/blog/post?x=1";
        for (reference, url) in [
            ("", Some("http://a.example/blog/post?x=1")),
            ("other", Some("http://a.example/blog/other")),
            ("/other#part", Some("http://a.example/other")),
            ("?y=2", Some("http://a.example/blog/post?y=2")),
            ("//a.example/x", Some("http://a.example/x")),
            ("HTTP://A.example:80/x?y", Some("http://a.example/x?y")),
            ("http://a.example", Some("http://a.example/")),
            ("../x/./y?../z", Some("http://a.example/x/y?../z")),
            ("/x/%2e%2E/y", Some("http://a.example/y")),
            ("..", Some("http://a.example/")),
            ("/..", None),
            ("http://a.example.evil/", None),
            ("//b.example/x", None),
            ("https://a.example/x", None),
        ] {
            let found = resolve(base, reference.as_bytes()).map(|url| String::from_utf8(url).expect("text"));
            assert_eq!(found.as_deref(), url, "{reference}");
        }
    }
}

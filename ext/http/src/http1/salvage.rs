//! Recovery of a refused request head, for the log only.

use crate::message::{check_authority, is_token_byte, Known, Method, RequestHead, Span, Version, MAX_FIELDS};

/// Longest first word that counts as a method.
const LONGEST_METHOD: usize = 64;

/// Records as much of a malformed or unfinished head as `bytes` show: the method, the target, and the fields whose
/// lines have come. Parts that cannot be recognised stay empty.
#[cold]
pub fn salvage_request(bytes: &[u8], head: &mut RequestHead) {
    head.forget();
    head.fields.fill(bytes);
    let line_end = memchr::memchr2(b'\r', b'\n', bytes).unwrap_or(bytes.len());
    let mut words = bytes[..line_end].split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let method = words.next().unwrap_or_default();
    if method.is_empty() || method.len() > LONGEST_METHOD || !method.iter().all(u8::is_ascii_graphic) {
        return;
    }
    head.method = Method::of(method);
    head.method_span = Span::within(bytes, method);
    if let Some(target) = words.next() {
        head.note_raw_target(Span::within(bytes, target));
    }
    if words.next() == Some(b"HTTP/1.0") {
        head.version = Version::Http10;
    }
    let mut at = line_end;
    for _ in 0..=MAX_FIELDS {
        let Some(end) = memchr::memchr(b'\n', &bytes[at..]).map(|end| at + end) else { break };
        note_field(&bytes[at..end], bytes, head);
        at = end + 1;
    }
    if head.authority.is_empty() {
        let host = head.fields.spans(Known::Host).next().unwrap_or_default();
        if check_authority(host.of(bytes)).is_ok() {
            head.authority = host;
        }
    }
}

/// Records `line`, a part of `bytes`, if it is a field.
fn note_field(line: &[u8], bytes: &[u8], head: &mut RequestHead) {
    let Some(colon) = memchr::memchr(b':', line) else { return };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    if !name.is_empty() && name.iter().all(|byte| is_token_byte(*byte)) {
        head.fields.push_line(Span::within(bytes, name), Span::within(bytes, value), None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn salvage(bytes: &[u8]) -> RequestHead {
        let mut head = RequestHead::default();
        // Leftovers of an earlier request.
        super::super::parse_request(b"PUT /before?q HTTP/1.0\r\nHost: before\r\n\r\n", &mut head).expect("well formed");
        salvage_request(bytes, &mut head);
        head
    }

    #[test]
    fn method_and_target_are_made_out_as_far_as_they_came() {
        for (bytes, method, target, path, query) in [
            (&b"GET /a?b HTTP/1.1\r\nHost: a\r\n"[..], "GET", "/a?b", "/a", "?b"),
            (b"GET /a/../../b?c#d HTTP/1.1\r\n", "GET", "/a/../../b?c#d", "/a/../../b", "?c#d"),
            (b"GET http://u:p@a/b?c://d/ HTTP/1.1\r\n", "GET", "http://***@a/b?c://d/", "/b", "?c://d/"),
            (b"CONNECT u:p@a:443 HTTP/1.1\r\n", "CONNECT", "***@a:443", "***@a:443", ""),
            (b"GET /@u:p@/ HTTP/1.1\r\n", "GET", "/@u:p@/", "/@u:p@/", ""),
            (b"OPTIONS http://a", "OPTIONS", "http://a", "", ""),
            (b"GET /unfin", "GET", "/unfin", "/unfin", ""),
            (b"GET /a b HTTP/1.1\r\n", "GET", "/a", "/a", ""),
            (b"GE(T\t/a\nX: y\n", "GE(T", "/a", "/a", ""),
            (b"GET\r\n", "GET", "", "", ""),
            (b"GE", "GE", "", "", ""),
            (b"\x16\x03\x01\x02 /a", "", "", "", ""),
            (b"", "", "", "", ""),
        ] {
            let head = salvage(bytes);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let seen = (text(head.method_text()), text(head.target()), text(head.path()), text(head.query()));
            assert_eq!(seen, (method.into(), target.into(), path.into(), query.into()), "{}", text(bytes));
        }
    }

    #[test]
    fn fields_are_made_out_whose_lines_are_there() {
        let head =
            salvage(b"GET / HTTP/1.0\r\nX y: z\r\nHost: a:81\nUser-Agent:  tool \r\n: x\r\n\r\nReferer: unfinished");
        assert_eq!(head.fields.iter().count(), 2);
        assert_eq!(
            (head.fields.get("User-Agent"), head.host(), head.port()),
            (Some(&b"tool"[..]), &b"a"[..], Some(&b"81"[..]))
        );
        assert_eq!(head.version, Version::Http10);
    }
}

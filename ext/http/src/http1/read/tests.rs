use super::*;
use crate::message::Fields;

/// Reads `bytes` as a request that arrives in pieces of `step`; `None` if its head is not complete.
fn request_in(bytes: &[u8], step: usize) -> Result<Option<RequestHead>, Malformed> {
    let mut head = RequestHead::default();
    Ok(arriving(bytes, step, |bytes| parse_request(bytes, &mut head))?.map(|_| head))
}

fn response_in(bytes: &[u8], step: usize) -> Result<Option<ResponseHead>, Malformed> {
    let mut head = ResponseHead::default();
    Ok(arriving(bytes, step, |bytes| parse_response(bytes, &mut head))?.map(|_| head))
}

fn arriving(
    bytes: &[u8],
    step: usize,
    mut parse: impl FnMut(&[u8]) -> Result<Option<usize>, Malformed>,
) -> Result<Option<usize>, Malformed> {
    let mut scan = HeadScan::default();
    let mut seen = 0;
    while seen < bytes.len() {
        seen = (seen + step).min(bytes.len());
        if let Some(len) = scan.read(&bytes[..seen], &mut parse)? {
            return Ok(Some(len));
        }
    }
    Ok(None)
}

fn find(bytes: &[u8], step: usize) -> Result<Option<usize>, Malformed> {
    let mut scan = HeadScan::default();
    let mut seen = 0;
    while seen < bytes.len() {
        seen = (seen + step).min(bytes.len());
        if let Some(len) = scan.find(&bytes[..seen])? {
            return Ok(Some(len));
        }
    }
    Ok(None)
}

fn steps(bytes: &[u8]) -> [usize; 4] {
    [1, 2, 7, bytes.len()]
}

fn accepts_request(bytes: &[u8]) -> RequestHead {
    let heads = steps(bytes).map(|step| request_in(bytes, step));
    let first = heads.into_iter().last().expect("four steps");
    match first {
        Ok(Some(head)) => head,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

fn refuses_request(bytes: &[u8]) -> Malformed {
    let mut why = None;
    for step in steps(bytes) {
        match request_in(bytes, step) {
            Err(malformed) => why = Some(malformed),
            Ok(_) => panic!("accepted in pieces of {step}: {:?}", String::from_utf8_lossy(bytes)),
        }
    }
    why.expect("four steps")
}

fn accepts_response(bytes: &[u8]) -> ResponseHead {
    match response_in(bytes, bytes.len()) {
        Ok(Some(head)) => head,
        other => panic!("{:?}: {other:?}", String::from_utf8_lossy(bytes)),
    }
}

fn refuses_response(what: &str, bytes: &[u8]) {
    for step in steps(bytes) {
        let head = response_in(bytes, step);
        assert!(head.is_err(), "{what}: accepted in pieces of {step}");
    }
}

fn list(fields: &Fields) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn a_head_is_taken_apart() {
    let head = accepts_request(
        b"POST /a/../b?c=d HTTP/1.1\r\nHost: example.com:81\r\nX-One:1\r\nx-two:  2\t \r\nX-None:\r\n\r\n",
    );
    assert_eq!((head.method, head.method_text()), (Method::Post, &b"POST"[..]));
    assert_eq!(head.version, Version::Http11);
    assert_eq!((head.target(), head.path(), head.query()), (&b"/a/../b?c=d"[..], &b"/b"[..], &b"?c=d"[..]));
    assert_eq!((head.authority(), head.host()), (&b"example.com:81"[..], &b"example.com"[..]));
    assert_eq!(head.port(), Some(&b"81"[..]));
    let expected = [("Host", "example.com:81"), ("X-One", "1"), ("x-two", "2"), ("X-None", "")];
    assert_eq!(list(&head.fields), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn untouched_lines_are_written_as_they_came() {
    let lines = b"Host: a\r\nX-One:1\r\nx-two:  2\t \r\nX-None:\r\nX-Blank:  \r\n";
    let head = accepts_request(&[b"GET / HTTP/1.1\r\n", &lines[..], b"\r\n"].concat());
    let mut written = Vec::new();
    head.fields.write_to(&mut written);
    assert_eq!(String::from_utf8_lossy(&written), String::from_utf8_lossy(lines));
}

#[test]
fn a_reused_head_keeps_nothing_of_the_last_one() {
    let mut head = RequestHead::default();
    parse_request(b"PUT http://old:1/p?q HTTP/1.0\r\nCookie: secret\r\n\r\n", &mut head).expect("well formed");
    assert_eq!((head.path(), head.query(), head.authority()), (&b"/p"[..], &b"?q"[..], &b"old:1"[..]));
    parse_request(b"OPTIONS * HTTP/1.1\r\nHost: new\r\n\r\n", &mut head).expect("well formed");
    assert_eq!((head.path(), head.query(), head.authority()), (&b"*"[..], &b""[..], &b"new"[..]));
    assert_eq!(head.method, Method::Options);
    assert!(!head.fields.has(Known::Cookie));
}

#[test]
fn unusual_request_heads_are_accepted() {
    for (what, bytes) in [
        ("HTTP/1.0 without a Host", &b"GET / HTTP/1.0\r\n\r\n"[..]),
        ("HTTP/1.0 with one", b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
        ("an absolute target", b"GET http://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an absolute target beside another Host", b"GET http://a HTTP/1.1\r\nHost: b\r\n\r\n"),
        ("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an unknown method", b"PURGE / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a method of odd token characters", b"M-SEARCH!~ / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a method in small letters", b"get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("no space behind the colon", b"GET / HTTP/1.1\r\nHost:a\r\n\r\n"),
        ("spaces and tabs around a value", b"GET / HTTP/1.1\r\nHost: \t a \t\r\n\r\n"),
        ("spaces and tabs inside a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a \t b\r\n\r\n"),
        ("an empty value", b"GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n"),
        ("a value beyond ASCII", b"GET / HTTP/1.1\r\nHost: a\r\nX: \xc3\xa9\xff\r\n\r\n"),
        ("colons in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a:b::c\r\n\r\n"),
        ("a name with every odd token character", b"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09: x\r\n\r\n"),
        ("the same field twice", b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\n\r\n"),
        ("a Host that is an IPv6 address", b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
        ("a Host with an underscore", b"GET / HTTP/1.1\r\nHost: my_app:80\r\n\r\n"),
        ("a Host with an empty port", b"GET / HTTP/1.1\r\nHost: a:\r\n\r\n"),
        ("an encoded CR LF in the target", b"GET /%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("what browsers do not encode", b"GET /a|b?c={d}&e=%zz\\ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ] {
        let head = accepts_request(bytes);
        assert!(!head.method_text().is_empty(), "{what}");
    }
}

#[test]
fn the_host_of_an_absolute_target_replaces_the_field() {
    let mut head = accepts_request(b"GET http://a:80/b HTTP/1.1\r\nX: 1\r\nHost: c\r\n\r\n");
    head.replace_host();
    assert_eq!(head.authority(), b"a:80");
    assert_eq!(head.fields.all(Known::Host).collect::<Vec<_>>(), [b"a:80"]);
    assert_eq!((head.path(), head.fields.get("X")), (&b"/b"[..], Some(&b"1"[..])));
}

#[test]
fn request_heads_that_two_parsers_could_read_differently_are_refused() {
    for (what, bytes) in [
        ("a bare LF behind the request line", &b"GET / HTTP/1.1\nHost: a\r\n\r\n"[..]),
        ("a bare LF behind a field", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
        ("a bare LF as the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\n"),
        ("bare LFs alone", b"GET / HTTP/1.1\nHost: a\n\n"),
        ("a bare CR behind the request line", b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
        ("a bare CR in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n"),
        ("a bare CR in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\rY: b\r\n\r\n"),
        ("CR CR LF", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        ("CR CR LF as the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n"),
        ("white space before a colon", b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("a tab before a colon", b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length\t: 5\r\n\r\n"),
        ("a folded line", b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"),
        ("a line folded with a tab", b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n\tc\r\n\r\n"),
        ("white space before the first field", b"GET / HTTP/1.1\r\n Host: a\r\nHost: b\r\n\r\n"),
        ("a line without a colon", b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n"),
        ("an empty name", b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        ("a name with a space", b"GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n"),
        ("a name with a separator", b"GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\n\r\n"),
        ("a name beyond ASCII", b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: b\r\n\r\n"),
        ("NUL in a name", b"GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
        ("NUL in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
        ("a control character in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x0bb\r\n\r\n"),
        ("DEL in a value", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n"),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n"),
        ("no Host beside an absolute target", b"GET http://a/ HTTP/1.1\r\n\r\n"),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("the same Host twice", b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"),
        ("two Hosts in HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("an empty Host", b"GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ("a Host with user-info", b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
        ("a Host with a path", b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ("a list of Hosts", b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        ("a Host with a space", b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        ("a Host with two ports", b"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n"),
        ("a Host whose port is no number", b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        ("a Host whose port is too large", b"GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"),
        ("a Host beyond ASCII", b"GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n"),
        ("a malformed Host beside an absolute target", b"GET http://a/ HTTP/1.1\r\nHost: b/c\r\n\r\n"),
        ("a target that is not a valid path", b"GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an authority as a target", b"GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an asterisk with GET", b"GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("another scheme", b"GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("user-info in the target", b"GET http://b@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a space in the target", b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a tab in the target", b"GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a fragment", b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a target beyond ASCII", b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("NUL in the target", b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a bare CR in the target", b"GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a path above the root", b"GET /../a HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("no target", b"GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("an empty target", b"GET  HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("two spaces before the target", b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("two spaces before the version", b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a space behind the version", b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        ("a tab in place of a space", b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a space before the method", b" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("a method with a separator", b"GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("NUL before the method", b"\0GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("no version", b"GET /\r\nHost: a\r\n\r\n"),
        ("a version in small letters", b"GET / http/1.1\r\nHost: a\r\n\r\n"),
        ("a version of one digit", b"GET / HTTP/1\r\nHost: a\r\n\r\n"),
        ("a version of three digits", b"GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        ("a greeting in TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"),
    ] {
        let why = refuses_request(bytes);
        assert!(!matches!(why, Malformed::Version | Malformed::TooManyFields), "{what}: {why}");
    }
}

#[test]
fn other_versions_are_refused_as_such() {
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3.0", "HTTP/9.9"] {
        let head = format!("GET / {version}\r\nHost: a\r\n\r\n");
        assert_eq!(refuses_request(head.as_bytes()), Malformed::Version, "{version}");
    }
    assert_eq!(refuses_request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Malformed::Version);
}

#[test]
fn a_head_may_have_128_fields_and_no_more() {
    let head = |n: usize| [b"GET / HTTP/1.1\r\nHost: a\r\n", &b"X: y\r\n".repeat(n - 1)[..], b"\r\n"].concat();
    assert_eq!(accepts_request(&head(MAX_FIELDS)).fields.len(), MAX_FIELDS);
    assert_eq!(refuses_request(&head(MAX_FIELDS + 1)), Malformed::TooManyFields);
}

#[test]
fn a_head_ends_at_its_first_empty_line() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\nsomething else\n";
    for step in 1..=bytes.len() {
        assert_eq!(find(bytes, step), Ok(Some(27)), "pieces of {step}");
    }
}

#[test]
fn the_bytes_after_a_head_are_not_its_concern() {
    assert_eq!(find(b"GET / HTTP/1.1\r\n\r\n\n\n", 3), Ok(Some(18)));
    assert_eq!(parse_request(b"GET / HTTP/1.0\r\n\r\nGET", &mut RequestHead::default()), Ok(Some(18)));
}

#[test]
fn unusual_response_heads_are_accepted() {
    for (bytes, status, reason) in [
        (&b"HTTP/1.1 200 OK\r\n\r\n"[..], 200, &b"OK"[..]),
        (b"HTTP/1.0 200 OK\r\n\r\n", 200, b"OK"),
        (b"HTTP/1.1 200\r\n\r\n", 200, b""),
        (b"HTTP/1.1 200 \r\n\r\n", 200, b""),
        (b"HTTP/1.1 404 Not  Found\there\r\n\r\n", 404, b"Not  Found\there"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", 100, b"Continue"),
        (b"HTTP/1.1 999 ?\r\nX:y\r\n\r\n", 999, b"?"),
    ] {
        let head = accepts_response(bytes);
        assert_eq!((head.status, head.reason()), (status, reason));
    }
}

#[test]
fn response_heads_that_two_parsers_could_read_differently_are_refused() {
    for (what, bytes) in [
        ("no status line", &b"hello\r\n\r\n"[..]),
        ("nothing but a field", b"X: y\r\n\r\n"),
        ("an empty line first", b"\r\nHTTP/1.1 200 OK\r\n\r\n"),
        ("a bare LF behind the status line", b"HTTP/1.1 200 OK\nX: y\r\n\r\n"),
        ("a bare LF behind a field", b"HTTP/1.1 200 OK\r\nX: y\nZ: a\r\n\r\n"),
        ("a bare LF as the empty line", b"HTTP/1.1 200 OK\r\nX: y\r\n\n"),
        ("a bare CR in the reason", b"HTTP/1.1 200 O\rK\r\n\r\n"),
        ("a bare CR in a value", b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n"),
        ("CR CR LF", b"HTTP/1.1 200 OK\r\nX: a\r\r\n\r\n"),
        ("a control character in the reason", b"HTTP/1.1 200 O\0K\r\n\r\n"),
        ("a control character in a value", b"HTTP/1.1 200 OK\r\nX: a\x01b\r\n\r\n"),
        ("white space before a colon", b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\n"),
        ("a folded line", b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n"),
        ("a line without a colon", b"HTTP/1.1 200 OK\r\nX\r\n\r\n"),
        ("an empty name", b"HTTP/1.1 200 OK\r\n: y\r\n\r\n"),
        ("a status of two digits", b"HTTP/1.1 20 OK\r\n\r\n"),
        ("a status of four digits", b"HTTP/1.1 2000 OK\r\n\r\n"),
        ("a status below 100", b"HTTP/1.1 099 OK\r\n\r\n"),
        ("a status of letters", b"HTTP/1.1 abc OK\r\n\r\n"),
        ("a sign", b"HTTP/1.1 +20 OK\r\n\r\n"),
        ("no status", b"HTTP/1.1\r\n\r\n"),
        ("two spaces before the status", b"HTTP/1.1  200 OK\r\n\r\n"),
        ("another version", b"HTTP/2.0 200 OK\r\n\r\n"),
        ("a version of one digit", b"HTTP/1 200 OK\r\n\r\n"),
        ("another protocol", b"ICY 200 OK\r\n\r\n"),
        ("a version in small letters", b"http/1.1 200 OK\r\n\r\n"),
    ] {
        refuses_response(what, bytes);
    }
}

#[test]
fn a_peer_that_speaks_something_else_is_found_out_at_once() {
    for greeting in [&b"SSH-2.0-OpenSSH_9.2\r\n"[..], b"\x16\x03\x01", b"220 mail ESMTP\r\n", b"HTP"] {
        assert!(response_in(greeting, greeting.len()).is_err(), "{:?}", String::from_utf8_lossy(greeting));
    }
    for beginning in [&b"H"[..], b"HTTP/", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nX"] {
        assert!(response_in(beginning, beginning.len()).is_ok(), "{:?}", String::from_utf8_lossy(beginning));
    }
}

use super::*;
use crate::http1::{parse_request, parse_response};

fn request(start: &str, fields: &str) -> RequestHead {
    let mut head = RequestHead::default();
    parse_request(format!("{start}\r\nHost: a\r\n{fields}\r\n").as_bytes(), &mut head).expect("a well formed head");
    head
}

fn response(start: &str, fields: &str) -> ResponseHead {
    let mut head = ResponseHead::default();
    parse_response(format!("{start}\r\n{fields}\r\n").as_bytes(), &mut head).expect("a well formed head");
    head
}

const POST: &str = "POST / HTTP/1.1";
const OK: &str = "HTTP/1.1 200 OK";

/// Fields that do not frame a body unambiguously, in a request or a response.
const MISTAKABLE: [(&str, &str); 35] = [
    ("both framings", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
    ("both framings, the other way round", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
    ("both framings, the length being 0", "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"),
    ("differing lengths", "Content-Length: 5\r\nContent-Length: 6\r\n"),
    ("the same length twice", "Content-Length: 5\r\nContent-Length: 5\r\n"),
    ("the same length twice in letters of different case", "Content-Length: 5\r\ncontent-length: 5\r\n"),
    ("a list of lengths", "Content-Length: 5, 6\r\n"),
    ("a list of the same length", "Content-Length: 5,5\r\n"),
    ("an empty length", "Content-Length:\r\n"),
    ("a sign", "Content-Length: +5\r\n"),
    ("a negative length", "Content-Length: -5\r\n"),
    ("a hexadecimal length", "Content-Length: 0x5\r\n"),
    ("a length with a fraction", "Content-Length: 5.0\r\n"),
    ("a length with an exponent", "Content-Length: 5e3\r\n"),
    ("a space in a length", "Content-Length: 5 5\r\n"),
    ("a length with a letter", "Content-Length: 5a\r\n"),
    ("a length in other digits", "Content-Length: \u{665}\r\n"),
    ("a quoted length", "Content-Length: \"5\"\r\n"),
    ("a length beyond 64 bits", "Content-Length: 18446744073709551616\r\n"),
    ("a length of 2^63", "Content-Length: 9223372036854775808\r\n"),
    ("a length of twenty digits", "Content-Length: 00000000000000000005\r\n"),
    ("another coding", "Transfer-Encoding: gzip\r\n"),
    ("a coding before chunked", "Transfer-Encoding: gzip, chunked\r\n"),
    ("a coding after chunked", "Transfer-Encoding: chunked, gzip\r\n"),
    ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n"),
    ("chunked on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
    ("another coding on a second line", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
    ("another coding on a first line", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
    ("identity", "Transfer-Encoding: identity\r\n"),
    ("an empty coding", "Transfer-Encoding:\r\n"),
    ("an empty member", "Transfer-Encoding: ,chunked\r\n"),
    ("a parameter", "Transfer-Encoding: chunked;q=1\r\n"),
    ("something like chunked", "Transfer-Encoding: xchunked\r\n"),
    ("quoted chunked", "Transfer-Encoding: \"chunked\"\r\n"),
    ("chunked and an empty line of the same name", "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"),
];

#[test]
fn mistakable_framing_is_refused_in_both_directions() {
    for (what, fields) in MISTAKABLE {
        for version in ["HTTP/1.0", "HTTP/1.1"] {
            let request = request(&format!("POST / {version}"), fields);
            assert!(of_request(&request).is_err(), "a request with {what} in {version}");
            for status in [200, 204, 304, 404] {
                let response = response(&format!("{version} {status} -"), fields);
                for method in [Method::Get, Method::Head] {
                    let framing = of_response(&response, method);
                    assert!(framing.is_err(), "{status} to {method:?} with {what} in {version}");
                }
            }
        }
    }
}

#[test]
fn chunked_is_refused_in_http_1_0() {
    assert!(of_request(&request("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n")).is_err());
    assert!(of_response(&response("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n"), Method::Get).is_err());
}

#[test]
fn requests_are_framed_by_their_fields_alone() {
    for (start, fields, framing) in [
        (POST, "", Framing::None),
        ("GET / HTTP/1.1", "", Framing::None),
        ("POST / HTTP/1.0", "", Framing::None),
        (POST, "Content-Length: 0\r\n", Framing::Length(0)),
        (POST, "Content-Length: 5\r\n", Framing::Length(5)),
        (POST, "content-length:   5 \t\r\n", Framing::Length(5)),
        (POST, "CONTENT-LENGTH: 005\r\n", Framing::Length(5)),
        (POST, "Content-Length: 9223372036854775807\r\n", Framing::Length(i64::MAX as u64)),
        ("POST / HTTP/1.0", "Content-Length: 5\r\n", Framing::Length(5)),
        ("GET / HTTP/1.1", "Content-Length: 5\r\n", Framing::Length(5)),
        ("HEAD / HTTP/1.1", "Transfer-Encoding: chunked\r\n", Framing::Chunked),
        (POST, "Transfer-Encoding: chunked\r\n", Framing::Chunked),
        (POST, "transfer-encoding:  CHUNKED\t\r\n", Framing::Chunked),
        (POST, "Connection: close\r\n", Framing::None),
        (POST, "Content_Length: 5\r\nX-Transfer-Encoding: chunked\r\n", Framing::None),
    ] {
        assert_eq!(of_request(&request(start, fields)), Ok(framing), "{start} {fields}");
    }
}

#[test]
fn responses_are_framed_by_method_status_and_fields() {
    let (length, chunked) = ("Content-Length: 5\r\n", "Transfer-Encoding: Chunked\r\n");
    for (start, method, fields, framing) in [
        (OK, Method::Get, "", Framing::UntilClose),
        (OK, Method::Get, "Connection: keep-alive\r\n", Framing::UntilClose),
        ("HTTP/1.0 200 OK", Method::Get, "", Framing::UntilClose),
        ("HTTP/1.0 200 OK", Method::Get, length, Framing::Length(5)),
        (OK, Method::Get, length, Framing::Length(5)),
        (OK, Method::Get, chunked, Framing::Chunked),
        (OK, Method::Get, "Content-Length: 0\r\n", Framing::Length(0)),
        (OK, Method::Post, length, Framing::Length(5)),
        ("HTTP/1.1 404 -", Method::Get, length, Framing::Length(5)),
        ("HTTP/1.1 205 -", Method::Get, length, Framing::Length(5)),
        ("HTTP/1.1 999 -", Method::Get, chunked, Framing::Chunked),
        (OK, Method::Head, "", Framing::None),
        (OK, Method::Head, length, Framing::None),
        (OK, Method::Head, chunked, Framing::None),
        ("HTTP/1.1 404 -", Method::Head, length, Framing::None),
        ("HTTP/1.1 204 -", Method::Get, "", Framing::None),
        ("HTTP/1.1 204 -", Method::Get, length, Framing::None),
        ("HTTP/1.1 204 -", Method::Get, chunked, Framing::None),
        ("HTTP/1.1 304 -", Method::Get, "", Framing::None),
        ("HTTP/1.1 304 -", Method::Get, length, Framing::None),
        ("HTTP/1.1 304 -", Method::Get, chunked, Framing::None),
        ("HTTP/1.1 100 -", Method::Post, "", Framing::None),
        ("HTTP/1.1 103 -", Method::Get, length, Framing::None),
        ("HTTP/1.1 101 -", Method::Get, "", Framing::None),
    ] {
        assert_eq!(of_response(&response(start, fields), method), Ok(framing), "{start} {method:?} {fields}");
    }
}

#[test]
fn connections_outlive_a_message_as_its_version_and_options_say() {
    for (version, fields, keep) in [
        ("HTTP/1.1", "", true),
        ("HTTP/1.1", "Connection: close\r\n", false),
        ("HTTP/1.1", "Connection: Close\r\n", false),
        ("HTTP/1.1", "Connection: keep-alive\r\n", true),
        ("HTTP/1.1", "Connection: keep-alive, close\r\n", false),
        ("HTTP/1.1", "Connection: close, keep-alive\r\n", false),
        ("HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false),
        ("HTTP/1.1", "Connection: x,\t close ,y\r\n", false),
        ("HTTP/1.1", "Connection: closed\r\n", true),
        ("HTTP/1.1", "Connection: \"close\"\r\n", true),
        ("HTTP/1.1", "Connection:\r\n", true),
        ("HTTP/1.1", "Proxy-Connection: close\r\n", true),
        ("HTTP/1.0", "", false),
        ("HTTP/1.0", "Connection: keep-alive\r\n", true),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true),
        ("HTTP/1.0", "Connection: x, keep-alive\r\n", true),
        ("HTTP/1.0", "Connection: keep-alive, close\r\n", false),
        ("HTTP/1.0", "Proxy-Connection: keep-alive\r\n", false),
        ("HTTP/1.0", "Keep-Alive: timeout=5\r\n", false),
    ] {
        let request = request(&format!("GET / {version}"), fields);
        assert_eq!(keeps_alive(&request.fields, request.version), keep, "a request, {version} {fields}");
        let response = response(&format!("{version} 200 OK"), fields);
        assert_eq!(keeps_alive(&response.fields, response.version), keep, "a response, {version} {fields}");
    }
}

#[test]
fn list_members_are_trimmed_and_empty_ones_skipped() {
    for (value, members) in
        [("", &[][..]), (",, ,\t", &[]), ("a", &["a"]), ("a,b", &["a", "b"]), (" a\t,, b c ,", &["a", "b c"])]
    {
        let found: Vec<_> = list_members(value.as_bytes()).map(String::from_utf8_lossy).collect();
        assert_eq!(found, members, "{value:?}");
    }
}

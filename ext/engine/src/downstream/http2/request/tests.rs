use http::{HeaderName, HeaderValue};
use proxy_http::headers::websocket::KEY;

use super::*;

/// A request of these pseudo-fields and fields.
fn parts(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(uri).body(()).expect("a request");
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    request.into_parts().0
}

fn read(parts: &Parts) -> Result<RequestHead, u16> {
    let mut head = RequestHead::default();
    match read_request(parts, &mut head, 1_000) {
        Ok(()) => Ok(head),
        Err(ReadError::Malformed(why)) => Err(crate::error::Cause::from(why).status()),
        Err(ReadError::TooLarge) => Err(431),
        Err(error) => panic!("{error:?}"),
    }
}

fn tunnel(protocol: &'static str, fields: &[(&str, &str)]) -> Parts {
    let mut parts = parts("CONNECT", "http://a.example/chat?x", fields);
    parts.extensions.insert(Protocol::from_static(protocol));
    parts
}

#[test]
fn a_request_is_read_as_over_http_1_1() {
    let head = read(&parts("POST", "https://a.example:8443/x/../y%41?q=1", &[("x-one", "1"), ("cookie", "a=b")]))
        .expect("a request");
    assert_eq!((head.method, head.version, head.method_text()), (Method::Post, Version::Http2, &b"POST"[..]));
    assert_eq!((head.target(), head.query()), (&b"/x/../y%41?q=1"[..], &b"?q=1"[..]));
    assert_eq!((head.path(), head.plain_path()), (&b"/y%41"[..], &b"/yA"[..]));
    assert_eq!(
        (head.authority(), head.host(), head.port()),
        (&b"a.example:8443"[..], &b"a.example"[..], Some(&b"8443"[..]))
    );
    let fields: Vec<_> = head.fields.iter().collect();
    let expected: [(&[u8], &[u8]); 3] = [(b"Host", b"a.example:8443"), (b"x-one", b"1"), (b"Cookie", b"a=b")];
    assert_eq!(fields, expected);
}

#[test]
fn host_may_repeat_the_authority_or_stand_for_it() {
    for (uri, host) in [("http://a/", Some("a")), ("http://A/", Some("a")), ("/", Some("a")), ("http://a/", None)] {
        let fields: Vec<_> = host.iter().map(|host| ("host", *host)).collect();
        let head = read(&parts("GET", uri, &fields)).expect(uri);
        assert_eq!(head.fields.all(Known::Host).count(), 1, "{uri}");
        assert!(head.authority().eq_ignore_ascii_case(b"a"), "{uri}");
    }
    for (uri, hosts) in [
        ("/", &[][..]),
        ("/", &["a", "a"]),
        ("/", &["a/b"]),
        ("/", &[""]),
        ("http://a/", &["b"]),
        ("http://a/", &["a:80"]),
        ("http://a/", &["a", "a"]),
        ("http://user@a/", &[]),
    ] {
        let fields: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
        assert_eq!(read(&parts("GET", uri, &fields)).err(), Some(400), "{uri} {hosts:?}");
    }
}

#[test]
fn targets_are_held_to_what_holds_in_http_1_1() {
    for (method, uri) in [
        ("GET", "http://a/%zz"),
        ("GET", "http://a/.."),
        ("GET", "http://a/x/..;/y"),
        ("GET", "http://a/a%2f..%2fb"),
        ("GET", "http://a/a\"b"),
        ("GET", "*"),
    ] {
        let fields = if uri == "*" { &[("host", "a")][..] } else { &[] };
        assert_eq!(read(&parts(method, uri, fields)).err(), Some(400), "{method} {uri}");
    }
    let head = read(&parts("OPTIONS", "*", &[("host", "a")])).expect("a request");
    assert_eq!(head.path(), b"*");
}

#[test]
fn heads_are_held_to_the_limits_of_http_1_1() {
    let long = "x".repeat(900);
    assert!(read(&parts("GET", "http://a/", &[("x", &long)])).is_ok());
    let long = "x".repeat(1_000);
    assert_eq!(read(&parts("GET", "http://a/", &[("x", &long)])).err(), Some(431));
    assert_eq!(read(&parts("GET", &format!("http://a/{long}"), &[])).err(), Some(431));
    let many = [("x", "")].repeat(128);
    assert!(read(&parts("GET", "http://a/", &many[..127])).is_ok(), "Host is the 128th");
    assert_eq!(read(&parts("GET", "http://a/", &many)).err(), Some(431));
    assert_eq!(read(&parts("GET", "http://a/", &[("x", " a")])).err(), Some(400));
    assert_eq!(read(&parts("GET", "http://a/", &[("x", "a\t")])).err(), Some(400));
}

#[test]
fn an_extended_connect_is_the_request_for_an_upgrade() {
    let head = read(&tunnel("websocket", &[("sec-websocket-version", "13"), ("sec-websocket-key", "mine")]))
        .expect("a request");
    assert_eq!((head.method, head.method_text(), head.target()), (Method::Get, &b"GET"[..], &b"/chat?x"[..]));
    assert_eq!(head.fields.get(Known::Upgrade), Some(&b"websocket"[..]));
    assert_eq!(head.fields.all(KEY).map(<[u8]>::len).collect::<Vec<_>>(), [24], "our own key, and no other");
    let head = read(&tunnel("connect-udp", &[])).expect("a request");
    assert_eq!((head.fields.get(Known::Upgrade), head.fields.has(KEY)), (Some(&b"connect-udp"[..]), false));
}

#[test]
fn an_upgrade_that_could_be_read_otherwise_is_refused() {
    for protocol in ["", "a b", "a\r\nX: y", "a,b", "h2c", "H2", "HTTP/2.0", "é"] {
        assert_eq!(read(&tunnel(protocol, &[])).err(), Some(400), "{protocol:?}");
    }
    assert_eq!(read(&tunnel("websocket", &[("content-length", "0")])).err(), Some(400));
}

#[test]
fn a_connect_without_a_protocol_stays_one() {
    let head = read(&parts("CONNECT", "a.example:443", &[])).expect("a request");
    assert_eq!((head.method, head.path(), head.authority()), (Method::Connect, &b"/"[..], &b"a.example:443"[..]));
}

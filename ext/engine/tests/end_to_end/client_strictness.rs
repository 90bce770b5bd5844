//! What is not unmistakably one request is refused and never forwarded.

use crate::support::{Origin, Proxy};

fn refused(request: &[u8], status: u16) {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    // A request of one's own before it, so that the refused one is not the first on its connection.
    assert_eq!(client.get("/first").text(), "/first");
    client.send(request);
    let response = client.response();
    let shown = request.escape_ascii();
    assert_eq!((response.status(), response.get("Connection")), (status, Some("close")), "{shown}");
    client.half_close();
    assert_eq!(client.rest().0.escape_ascii().to_string(), "", "{shown}");
    assert_eq!(origin.targets(), ["/first"], "{shown}");
}

#[test]
fn requests_that_could_be_read_in_two_ways_are_answered_400() {
    for request in [
        &b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n\
           GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /x HTTP/1.1\nHost: a\n\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\rY: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: a\0\r\n\r\n",
        b"GET /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775808\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        b"GET /x HTTP/1.1\r\n Host: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n",
        b"GET /x HTTP/1.1\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX: b\x01c\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nX: b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost: user@a\r\n\r\n",
        b"G@T /x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x#b HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a/%2e%2e/%2E%2e/x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x\r\nHost: a\r\n\r\n",
        b"GET /x HTTX/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"garbage\r\n",
    ] {
        refused(request, 400);
    }
}

#[test]
fn versions_that_we_do_not_speak_are_answered_505() {
    refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
    refused(b"GET /x HTTP/1.2\r\nHost: a\r\n\r\n", 505);
    refused(b"GET /x HTTP/2.0\r\nHost: a\r\n\r\n", 505);
}

#[test]
fn a_smuggled_request_in_a_refused_chunked_body_is_not_served() {
    for body in [
        "1\nx\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "5;a\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "5 \r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "10000000000000000\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "0\r\nX: y\n\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "zz\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "-1\r\n\r\n0\r\n\r\n",
        "10000000000000003\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "3\r\nabc\r\n0\r\nX : b\r\n\r\n",
    ] {
        let origin = Origin::start(|_, peer| {
            assert_eq!(peer.head().target(), "/x");
            let (rest, _) = peer.rest();
            assert!(!rest.windows(9).any(|w| w == b"/smuggled"), "{}", rest.escape_ascii());
            assert!(!rest.ends_with(b"0\r\n\r\n"), "it is not whole: {}", rest.escape_ascii());
        });
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
        assert_eq!(client.response().status(), 400, "{body:?}");
        client.half_close();
        assert_eq!(client.rest().0, b"", "{body:?}");
    }
}

#[test]
fn what_looks_like_a_request_inside_a_body_is_a_body() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    let inner = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{inner}", inner.len()));
    client.send("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "/a");
    assert_eq!(client.response().text(), "/b");
    assert_eq!(origin.targets(), ["/a", "/b"]);
}

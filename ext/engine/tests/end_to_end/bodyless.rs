//! Responses that have no body whatever their fields say.

use crate::support::{Origin, Proxy, Reply};

#[test]
fn the_answer_to_head_has_fields_and_no_body() {
    let origin = Origin::answering(|request| {
        let body = if request.start.starts_with("HEAD") { "" } else { "hello" };
        format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{body}")
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("HEAD /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!((head.status(), head.get("Content-Length")), (200, Some("5")));
    assert_eq!(client.response().text(), "hello");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn the_answer_to_head_may_say_chunked_or_nothing() {
    for framing in ["Transfer-Encoding: chunked\r\n", ""] {
        let origin = Origin::answering(move |_| format!("HTTP/1.1 200 OK\r\n{framing}\r\n"));
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        for _ in 0..2 {
            client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.head().status(), 200);
        }
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn an_empty_body_leaves_both_connections_open() {
    let origin = Origin::answering(|_| Reply::ok(""));
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for _ in 0..2 {
        assert_eq!(client.get("/").text(), "");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn no_content_and_not_modified_end_with_their_heads() {
    // The last column: connections to the backend for two requests. One that promises a body where none may be is not
    // used again.
    for (status, fields, length, connections) in [
        ("204 No Content", "", None, 1),
        ("204 No Content", "Content-Length: 0\r\n", None, 1),
        ("204 No Content", "Content-Length: 5\r\n", None, 2),
        ("204 No Content", "Transfer-Encoding: chunked\r\n", None, 2),
        ("304 Not Modified", "", None, 1),
        ("304 Not Modified", "ETag: \"a\"\r\nContent-Length: 5\r\n", Some("5"), 1),
    ] {
        let origin = Origin::answering(move |_| format!("HTTP/1.1 {status}\r\n{fields}\r\n"));
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        for _ in 0..2 {
            client.send_get("/");
            let head = client.head();
            assert_eq!(head.start, format!("HTTP/1.1 {status}"));
            assert_eq!(head.get("Content-Length"), length, "{status} {fields}");
            assert!(!head.has("Transfer-Encoding"));
        }
        assert_eq!(client.unread(), b"");
        assert_eq!(origin.connections(), connections, "{status} {fields}");
    }
}

//! The older protocol, on either side.

use crate::support::{End, Origin, Proxy};

#[test]
fn an_http_1_0_client_gets_a_body_that_ends_with_the_connection() {
    for response in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ] {
        let origin = Origin::start(move |_, peer| {
            peer.request();
            peer.send(response);
        });
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let head = client.head();
        assert!(!head.has("Transfer-Encoding") && !head.has("Content-Length"), "{head:?}");
        assert_eq!(head.get("Connection"), Some("close"));
        assert_eq!(client.rest(), (b"hello".to_vec(), End::Closed));
    }
}

#[test]
fn an_http_1_0_client_keeps_its_connection_if_it_asks_to() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for target in ["/a", "/b"] {
        client.send(format!("GET {target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        let response = client.response();
        assert_eq!((response.text().as_str(), response.get("Connection")), (target, Some("keep-alive")));
    }
    client.send("GET /c HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().get("Connection"), Some("close"));
    client.expect_end();
}

#[test]
fn a_backend_is_spoken_to_in_http_1_1() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.0\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    let request = &origin.requests()[0];
    assert_eq!(request.start, "GET /a HTTP/1.1");
    assert_eq!(request.get("Host"), Some(origin.address().as_str()));
    assert_eq!(request.get("Via"), Some("1.0 proxy"));
}

#[test]
fn a_body_from_an_http_1_0_backend_ends_with_its_connection() {
    let origin = Origin::start(|_, peer| {
        peer.request();
        peer.send("HTTP/1.0 200 OK\r\n\r\nhello");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for _ in 0..2 {
        let response = client.get("/");
        assert_eq!((response.start.as_str(), response.text().as_str()), ("HTTP/1.1 200 OK", "hello"));
        assert_eq!((response.get("Transfer-Encoding"), response.get("Via")), (Some("chunked"), Some("1.0 proxy")));
    }
    assert_eq!(origin.connections(), 2);
}

//! A response that is cut short is cut short for the client too.

use crate::support::{End, Origin, Peer, Proxy};

/// A backend that sends `response` and ends its connection.
fn origin(response: &'static str, end: End) -> Origin {
    Origin::start(move |_, peer| {
        peer.request();
        peer.send(response);
        if end == End::Reset {
            peer.writer().reset();
        }
    })
}

fn ask(proxy: &Proxy, version: &str) -> Peer {
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n"));
    client
}

#[test]
fn a_chunked_body_cut_short_has_no_last_chunk() {
    for response in [
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX : y\r\n\r\n",
    ] {
        let origin = origin(response, End::Closed);
        let proxy = Proxy::before(&origin);
        let mut client = ask(&proxy, "1.1");
        assert_eq!(client.head().status(), 200);
        let (rest, _) = client.rest();
        assert_eq!(rest.escape_ascii().to_string(), "5\\r\\nhello\\r\\n", "{response:?}");
    }
}

#[test]
fn a_body_shorter_than_its_length_stays_shorter() {
    let origin = origin("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", End::Closed);
    let proxy = Proxy::before(&origin);
    let mut client = ask(&proxy, "1.1");
    assert_eq!(client.head().get("Content-Length"), Some("10"));
    assert_eq!(client.rest().0, b"hello");
}

#[test]
fn a_reset_in_a_body_that_ends_with_its_connection_is_no_end() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
        wait.lock().expect("the channel").recv().expect("the client has the beginning");
        socket2::SockRef::from(peer.stream()).set_linger(Some(std::time::Duration::ZERO)).expect("a reset");
    });
    let proxy = Proxy::before(&origin);
    let mut client = ask(&proxy, "1.1");
    assert_eq!(client.head().get("Transfer-Encoding"), Some("chunked"));
    assert_eq!(client.chunk().expect("a chunk"), b"hello");
    go.send(()).expect("the backend waits");
    assert_eq!(client.rest().0, b"", "no last chunk");

    let mut old = ask(&proxy, "1.0");
    old.head();
    assert_eq!(old.read(5), b"hello");
    go.send(()).expect("the backend waits");
    assert_eq!(old.rest(), (Vec::new(), End::Reset));
}

#[test]
fn a_chunked_body_cut_short_resets_an_http_1_0_client() {
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        wait.lock().expect("the channel").recv().expect("the client has the beginning");
    });
    let proxy = Proxy::before(&origin);
    let mut old = ask(&proxy, "1.0");
    old.head();
    assert_eq!(old.read(5), b"hello");
    go.send(()).expect("the backend waits");
    assert_eq!(old.rest(), (Vec::new(), End::Reset));
}

#[test]
fn a_head_that_is_cut_short_is_a_502() {
    for response in ["H", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", "HTTP/1.1 103 -\r\n\r\n"] {
        let origin = origin(response, End::Closed);
        let proxy = Proxy::before(&origin);
        let mut client = ask(&proxy, "1.1");
        let mut head = client.response();
        if head.status() == 103 {
            head = client.response();
        }
        assert_eq!(head.status(), 502, "{response:?}");
        assert_eq!(origin.connections(), 1, "an answer that has begun is not asked for again");
    }
}

#[test]
fn a_length_with_a_reset_before_its_end_stays_shorter() {
    let origin = origin("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", End::Reset);
    let proxy = Proxy::before(&origin);
    let mut client = ask(&proxy, "1.1");
    // The reset may overtake the head; then there was no answer to be cut.
    let head = client.head();
    match head.status() {
        200 => assert_eq!(client.rest().0, b""),
        status => assert_eq!(status, 502),
    }
}

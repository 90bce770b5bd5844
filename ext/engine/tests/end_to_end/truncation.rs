//! A response that is cut short is cut short for the client too.

use crate::support::{End, Gate, Http2Origin, Origin, Peer, Proxy};

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
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX",
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
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
        gate.wait_until("the client has the beginning");
        socket2::SockRef::from(peer.stream()).set_linger(Some(std::time::Duration::ZERO)).expect("a reset");
    });
    let proxy = Proxy::before(&origin);
    let mut client = ask(&proxy, "1.1");
    assert_eq!(client.head().get("Transfer-Encoding"), Some("chunked"));
    assert_eq!(client.chunk().expect("a chunk"), b"hello");
    go.open();
    assert_eq!(client.rest().0, b"", "no last chunk");

    let mut old = ask(&proxy, "1.0");
    old.head();
    assert_eq!(old.read(5), b"hello");
    go.open();
    assert_eq!(old.rest(), (Vec::new(), End::Reset));
}

#[test]
fn a_chunked_body_cut_short_resets_an_http_1_0_client() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        gate.wait_until("the client has the beginning");
    });
    let proxy = Proxy::before(&origin);
    let mut old = ask(&proxy, "1.0");
    old.head();
    assert_eq!(old.read(5), b"hello");
    go.open();
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

/// A backend of HTTP/2 that sends the head of a response and resets the stream.
fn http2_origin() -> Http2Origin {
    Http2Origin::start(
        |_| (),
        |mut exchange| async move {
            let head = http::Response::builder().header("content-length", "10").body(()).expect("a head");
            let mut stream = exchange.response.send_response(head, false).expect("it is open");
            // Both leave, in this order, with what the connection does next.
            tokio::task::yield_now().await;
            stream.send_reset(h2::Reason::INTERNAL_ERROR);
        },
    )
}

#[test]
fn a_response_of_which_nothing_but_the_head_came_is_a_502() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    let over_http2 = http2_origin();
    for method in ["GET", "POST", "DELETE"] {
        let origins = [origin(HEAD, End::Closed), origin(HEAD, End::Reset)];
        let addresses = [origins[0].address(), origins[1].address(), over_http2.address()];
        for address in &addresses {
            let proxy = Proxy::with(&[address], |settings| settings.proxy.retries = Some(0));
            let mut client = proxy.client();
            client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
            assert_eq!(client.response().status(), 502, "{method} to {address}");
            // The connection lives on.
            client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
            client.head();
        }
        assert_eq!(origins[0].connections(), 2, "{method}: each was asked once");
    }
}

//! What a backend sends beyond or beside a well-formed response reaches nobody.

use std::sync::mpsc::channel;

use crate::support::{Gate, Origin, Proxy, PATIENCE};

#[test]
fn a_malformed_response_is_a_502_and_costs_the_connection() {
    for response in [
        "hello\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nab",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 099 X\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        "ICY 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: a\x01\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX\r\n\r\n",
    ] {
        let (sender, ended) = channel();
        let origin = Origin::start(move |_, peer| {
            peer.request();
            peer.send(response);
            peer.rest();
            sender.send(()).expect("a listener");
        });
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        assert_eq!(client.get("/").status(), 502, "{response:?}");
        ended.recv().expect("the backend's connection is closed");
        assert_eq!(origin.connections(), 1, "{response:?} is not asked for again");
        assert_eq!(client.get("/").status(), 502, "the client's connection lives on");
    }
}

#[test]
fn a_response_head_without_an_end_is_a_502_and_costs_the_connection() {
    let (sender, ended) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        let _ = peer.try_send(format!("HTTP/1.1 200 OK\r\nX: {}", "a".repeat(2_000_000)));
        peer.rest();
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    assert_eq!(proxy.client().get("/").status(), 502);
    ended.recv_timeout(PATIENCE).expect("the backend's connection is closed");
}

#[test]
fn a_reset_in_place_of_a_response_is_a_502() {
    let origin = Origin::start(|_, peer| {
        peer.request();
        peer.writer().reset();
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_body("POST", "/", "");
    assert_eq!(client.response().status(), 502);
}

const SMUGGLED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!";

/// The first connection answers `first` to `request`, and whatever else was sent must not reach the next client, whose
/// request comes over a second connection.
fn nothing_leaks(request: &str, first: String, expected_body: &str) {
    let origin = Origin::start(move |number, peer| {
        peer.request();
        match number {
            0 => {
                peer.send(&first);
                assert_eq!(peer.rest().0, b"", "nothing more is asked over it");
            }
            _ => peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"),
        }
    });
    let proxy = Proxy::before(&origin);
    let mut one = proxy.client();
    one.send(request);
    let head = one.head();
    let body = one.read(expected_body.len());
    assert_eq!(String::from_utf8_lossy(&body), expected_body, "{head:?}");
    assert_eq!(proxy.client().get("/").text(), "good");
    assert_eq!(one.get("/again").text(), "good", "and its own connection is clean, too");
}

#[test]
fn bytes_behind_a_response_reach_nobody() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    nothing_leaks(get, format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{SMUGGLED}"), "ok");
    nothing_leaks(get, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n".into(), "ok");
    nothing_leaks(get, format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{SMUGGLED}"), "");
    nothing_leaks(
        get,
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{SMUGGLED}"),
        "2\r\nok\r\n0\r\n\r\n",
    );
}

#[test]
fn a_body_where_none_may_be_reaches_nobody() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    nothing_leaks(get, format!("HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n{SMUGGLED}"), "");
    nothing_leaks(get, format!("HTTP/1.1 204 No Content\r\n\r\n{SMUGGLED}"), "");
    nothing_leaks(get, format!("HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n{SMUGGLED}"), "");
    let head = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
    nothing_leaks(head, format!("HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n{SMUGGLED}"), "");
}

#[test]
fn a_backend_that_speaks_while_idle_loses_its_connection() {
    for unasked in [SMUGGLED, "\r\n", "x", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"] {
        let (go, gate) = Gate::new();
        let (sender, spoken) = channel();
        let origin = Origin::start(move |number, peer| {
            peer.request();
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
            if number == 0 {
                gate.wait_until("the client has its answer");
                peer.send(unasked);
                sender.send(()).expect("a listener");
                assert_eq!(peer.rest().0, b"", "nothing more is asked over it");
            }
        });
        let proxy = Proxy::before(&origin);
        assert_eq!(proxy.client().get("/").text(), "good");
        go.open();
        spoken.recv().expect("the backend spoke");
        assert_eq!(proxy.client().get("/").text(), "good", "{unasked:?}");
        assert_eq!(origin.connections(), 2);
    }
}

#[test]
fn response_fields_cannot_split_the_response() {
    // What a proxy that decodes or unfolds would turn into a second response stays text in a value.
    let origin =
        Origin::answering(|_| "HTTP/1.1 302 Found\r\nLocation: /%0d%0aSet-Cookie:%20a=b\r\nContent-Length: 0\r\n\r\n");
    let proxy = Proxy::before(&origin);
    let response = proxy.client().get("/");
    assert_eq!(response.get("Location"), Some("/%0d%0aSet-Cookie:%20a=b"));
    assert!(!response.has("Set-Cookie"));
}

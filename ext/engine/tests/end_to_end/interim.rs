//! Responses before the response: 100, 103 and others.

use crate::support::{Frame, Gate, Http2Origin, Origin, Proxy, RawHttp2, Reply};

const FINAL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn early_hints_reach_a_client_that_understands_them() {
    let hints =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x\r\nX: y\r\nContent-Length: 5\r\n\r\n";
    let origin = Origin::answering(move |_| format!("{hints}{hints}{FINAL}"));
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for _ in 0..2 {
        client.send_get("/");
        for _ in 0..2 {
            let interim = client.head();
            assert_eq!(interim.start, "HTTP/1.1 103 Early Hints");
            assert_eq!(interim.fields, [("Link".to_owned(), "</a.css>; rel=preload".to_owned())]);
        }
        assert_eq!(client.response().text(), "ok");
    }
    let mut old = proxy.client();
    old.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(old.response().status(), 200);
}

#[test]
fn early_hints_do_not_wait_for_the_final_response() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        gate.wait_until("the client has the hints");
        peer.send(FINAL);
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 103);
    go.open();
    assert_eq!(client.response().status(), 200);
}

#[test]
fn a_client_that_expects_it_is_told_to_go_on_by_the_backend() {
    let origin = Origin::start(|_, peer| {
        while let Some(head) = peer.try_head() {
            assert_eq!(head.get("Expect"), Some("100-continue"));
            assert_eq!(peer.unread(), b"");
            peer.send("HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(peer.read(5), b"hello");
            peer.send(FINAL);
        }
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(client.head().start, "HTTP/1.1 100 Continue");
        client.send("hello");
        assert_eq!(client.response().text(), "ok");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_backend_may_refuse_before_the_body_is_sent() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(Reply::of("413 Too Much", "no"));
        peer.expect_end();
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    let response = client.response();
    // Whether the client sends its body now cannot be known: the connection carries no further request.
    assert_eq!((response.status(), response.get("Connection")), (413, Some("close")));
    client.expect_end();
}

#[test]
fn a_100_that_nobody_waits_for_is_swallowed() {
    let origin = Origin::answering(|_| format!("HTTP/1.1 100 Continue\r\n\r\n{FINAL}"));
    let proxy = Proxy::before(&origin);
    assert_eq!(proxy.client().get("/").status(), 200);
}

#[test]
fn an_http_1_0_client_expects_nothing() {
    let origin = Origin::answering(|request| {
        assert!(!request.has("Expect"));
        FINAL
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response().status(), 200);
}

#[test]
fn an_unknown_expectation_is_refused() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: the-impossible\r\n\r\n");
    assert_eq!(client.response().status(), 417);
    assert_eq!(origin.connections(), 0);
}

/// The statuses of the interim responses that a client gets before the last one, and that one's.
fn interim_of(proxy: &Proxy) -> (Vec<u16>, u16) {
    let mut client = proxy.client();
    client.send_get("/");
    let mut interim = Vec::new();
    loop {
        match client.head().status() {
            status @ 100..=199 => interim.push(status),
            last => return (interim, last),
        }
    }
}

#[test]
fn a_thousand_interim_responses_are_passed_on() {
    for status in [102, 103, 104] {
        let origin = Origin::answering(move |_| format!("HTTP/1.1 {status} X\r\nX-A: b\r\n\r\n").repeat(1_000) + FINAL);
        let proxy = Proxy::before(&origin);
        assert_eq!(interim_of(&proxy), (vec![status; 1_000], 200));
    }
}

#[test]
fn a_thousand_interim_responses_of_a_backend_of_http2_are_passed_on() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange| async move {
            for _ in 0..1_000 {
                let hint = http::Response::builder().status(103).header("link", "</a>").body(()).expect("a head");
                exchange.response.send_informational(hint).expect("it is open");
            }
            exchange.answer(200, b"ok");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    assert_eq!(interim_of(&proxy), (vec![103; 1_000], 200));
}

#[test]
fn a_client_of_http2_gets_them_all_too() {
    let origin = Origin::answering(|_| "HTTP/1.1 103 X\r\nX-A: b\r\n\r\n".repeat(1_000) + FINAL);
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    client.get(1, "/");
    let mut heads = 0;
    loop {
        let frame = client.next().expect("the answer comes first");
        match frame.kind {
            Frame::HEADERS => heads += 1,
            Frame::DATA => break,
            _ => assert_ne!(frame.kind, Frame::GOAWAY),
        }
    }
    assert_eq!(heads, 1_001);
}

#[test]
fn a_flood_of_interim_responses_is_an_error() {
    for (head, most) in [("X: y\r\n".to_owned(), 1_000), (format!("X: {}\r\n", "y".repeat(50_000)), 21)] {
        let origin = Origin::start(move |_, peer| {
            peer.request();
            let _ = peer.try_send(format!("HTTP/1.1 102 Processing\r\n{head}\r\n").repeat(2 * most));
            peer.rest();
        });
        let proxy = Proxy::before(&origin);
        let (interim, last) = interim_of(&proxy);
        assert_eq!(last, 502);
        assert!(interim.len() <= most, "{} were passed on", interim.len());
    }
}

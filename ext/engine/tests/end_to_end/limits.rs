//! Time and size.

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use proxy_engine::config::Setting;

use crate::support::{Origin, Proxy, Reply, Silent, PATIENCE};

#[test]
fn a_head_that_does_not_come_to_its_end_is_answered_408() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_header_timeout = Setting::of(0.3);
    });
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n");
    let response = client.response();
    assert_eq!((response.status(), response.get("Connection")), (408, Some("close")));
    client.expect_end();
    // A client that never says anything gets no answer.
    proxy.client().expect_end();
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_head_that_trickles_in_is_answered_408() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_header_timeout = Setting::of(0.4);
    });
    let mut client = proxy.client();
    let mut writer = client.writer();
    writer.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let trickle = std::thread::spawn(move || {
        while writer.try_send("x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(client.response().status(), 408);
    drop(client);
    trickle.join().expect("the end of the trickle");
}

#[test]
fn a_head_that_is_too_large_is_answered_431_or_414() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.max_header_size = Setting::of(8_192);
    });
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(8_192)), 431),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(8_192)), 414),
        (format!("GET /?{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(80_000)), 414),
        (format!("GET http://a/{}", "x".repeat(8_192)), 414),
        (format!("GET /{} HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(5_000), "x".repeat(5_000)), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200)), 431),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(8_192)), 431),
    ] {
        let mut client = proxy.client();
        client.send(&request);
        assert_eq!(client.response().status(), status, "{}…", &request[..20]);
    }
    let mut client = proxy.client();
    client.send(format!("GET /a HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(8_000)));
    assert_eq!(client.response().text(), "/a");
    assert_eq!(origin.targets(), ["/a"]);
}

#[test]
fn a_response_head_that_is_too_large_is_a_502() {
    let origin = Origin::start(|_, peer| {
        peer.request();
        let _ = peer.try_send(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100_000)));
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    assert_eq!(proxy.client().get("/").status(), 502);
}

#[test]
fn a_response_may_have_a_thousand_fields_and_no_more() {
    for (fields, status) in [(129, 200), (999, 200), (1_000, 502)] {
        let many: String = (0..fields).map(|i| format!("X-{i}: y\r\n")).collect();
        let origin = Origin::answering(move |_| format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nok"));
        let proxy = Proxy::before(&origin);
        let answer = proxy.client().get("/");
        assert_eq!(answer.status(), status, "{fields}");
        assert_eq!(
            answer.fields.iter().filter(|(name, _)| name.starts_with("X-") && name != "X-Request-Id").count(),
            if status == 200 { fields } else { 0 }
        );
    }
}

#[test]
fn a_backend_that_does_not_answer_in_time_is_a_504() {
    let origin = Origin::silent();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.timeout = 0.3);
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 504);
    assert_eq!(client.get("/").status(), 504, "the client's connection lives on");
}

#[test]
fn a_response_that_stalls_is_cut_short() {
    for (framing, beginning) in [("Content-Length: 10", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")] {
        let origin = Origin::start(move |_, peer| {
            peer.request();
            peer.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{beginning}"));
            peer.rest();
        });
        let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.read_timeout = Some(0.3));
        let mut client = proxy.client();
        client.send_get("/");
        assert_eq!(client.head().status(), 200);
        assert_eq!(client.rest().0, beginning.as_bytes(), "{framing}");
    }
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let (sender, ended) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
        while peer.try_send([b'x'; 65_536]).is_ok() {}
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_body_timeout = Setting::of(0.3);
    });
    let mut client = proxy.narrow_client();
    client.send_get("/");
    ended.recv_timeout(PATIENCE).expect("the backend's connection ends");
}

#[test]
fn a_connect_that_does_not_end_in_time_is_a_504() {
    let silent = Silent::new();
    let proxy = Proxy::with(&[silent.address()], |settings| {
        settings.proxy.connect_timeout = 0.2;
        settings.proxy.retries = Some(0);
    });
    assert_eq!(proxy.client().get("/").status(), 504);
}

#[test]
fn connects_count_among_the_time_of_all_attempts() {
    let (unreachable, stalling) = (Silent::new(), Origin::silent());
    let proxy = Proxy::with(&[unreachable.address(), &stalling.address()], |settings| {
        settings.proxy.connect_timeout = 0.2;
        settings.proxy.timeout = 0.5;
    });
    let begun = Instant::now();
    assert_eq!(proxy.client().get("/").status(), 504);
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(450) && taken < Duration::from_secs(3), "{taken:?}");
    assert_eq!(stalling.connections(), 1);
}

#[test]
fn a_response_may_take_longer_than_the_time_to_its_head() {
    let origin = Origin::start(|_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(60));
            peer.send("x");
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.timeout = 0.4);
    assert_eq!(proxy.client().get("/").text(), "xxxxxxxxxx");
}

#[test]
fn an_upload_that_stalls_is_answered_408() {
    let (sender, seen) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        sender.send(peer.rest().0).expect("a listener");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_body_timeout = Setting::of(0.3);
    });
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    let response = client.response();
    assert_eq!((response.status(), response.get("Connection")), (408, Some("close")));
    assert_eq!(seen.recv().expect("what the backend got"), b"hello");
}

#[test]
fn a_slow_upload_puts_the_time_for_the_response_off() {
    let origin = Origin::answering(|request| Reply::ok(request.text()));
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.timeout = 0.4);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(60));
        client.send("x");
    }
    assert_eq!(client.response().text(), "xxxxxxxxxx");
}

/// What a client sends that waits to be told to go on.
const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

#[test]
fn a_backend_that_does_not_say_100_in_time_is_a_504() {
    let origin = Origin::silent();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.timeout = 0.3);
    let mut client = proxy.client();
    client.send(EXPECTING);
    assert_eq!(client.response().status(), 504);
}

#[test]
fn a_client_that_was_told_to_go_on_and_does_not_is_answered_408() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_body_timeout = Setting::of(0.5);
        settings.proxy.timeout = 0.2;
    });
    let mut client = proxy.client();
    client.send(EXPECTING);
    assert_eq!(client.head().status(), 100);
    assert_eq!(client.response().status(), 408);
}

#[test]
fn a_response_may_pause_while_the_request_still_moves() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        peer.read(6);
        peer.send("done");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.read_timeout = Some(0.5));
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    for _ in 0..6 {
        std::thread::sleep(Duration::from_millis(200));
        client.send("x");
    }
    assert_eq!(client.read(4), b"done");
}

#[test]
fn a_response_is_cut_short_when_neither_body_moves() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.read_timeout = Some(0.3));
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nx");
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.rest().0, b"");
}

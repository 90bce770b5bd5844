//! Another configuration for a server that runs: nothing is cut, and what is the same goes on.

mod http2;
mod carry_over;
mod listening;

use proxy_engine::config::{HeaderEdit, HeaderValue};
use proxy_engine::StartError;

use crate::support::{eventually, Gate, Key, Origin, Proxy, Settings};

/// Marks the responses that this configuration makes.
fn mark(name: &'static str) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.proxy.response_headers =
            vec![HeaderEdit { name: "X-Configuration".into(), values: vec![HeaderValue::Literal(name.into())] }];
    }
}

/// A backend that begins an answer, and ends it when it is told to.
fn slow() -> (Origin, Key) {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
            gate.wait_until("the test goes on");
            peer.send("3\r\ntwo\r\n0\r\n\r\n");
        }
    });
    (origin, go)
}

#[test]
fn the_next_request_of_a_connection_gets_the_new_configuration() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], mark("old"));
    let mut client = proxy.client();
    assert_eq!(client.get("/1").get("X-Configuration"), Some("old"));
    proxy.reload(&[&origin.address()], mark("new"));
    let answer = client.get("/2");
    assert_eq!((answer.get("X-Configuration"), answer.text().as_str()), (Some("new"), "/2"));
    assert_eq!(origin.connections(), 1, "the connection to the backend lives on");
}

#[test]
fn a_download_in_flight_finishes_though_its_backend_is_no_longer_there() {
    let ((origin, go), other) = (slow(), Origin::echoing_targets());
    let proxy = Proxy::with(&[&origin.address()], mark("old"));
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().get("X-Configuration"), Some("old"));
    assert_eq!(client.chunk().expect("a chunk"), b"one");
    proxy.reload(&[&other.address()], mark("new"));
    assert_eq!(proxy.client().get("/other").text(), "/other");
    go.open();
    assert_eq!(client.chunks().0, b"two");
    assert_eq!(client.get("/again").get("X-Configuration"), Some("new"));
}

#[test]
fn a_tunnel_lives_on() {
    let origin = Origin::start(|_, peer| {
        peer.request();
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        for _ in 0..2 {
            let text = peer.read(4);
            peer.send(text);
        }
        peer.rest();
    });
    let other = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(client.head().status(), 101);
    client.send("ping");
    assert_eq!(client.read(4), b"ping");
    for _ in 0..3 {
        proxy.reload(&[&other.address()], |_| ());
    }
    client.send("pong");
    assert_eq!(client.read(4), b"pong");
    client.reset();
}

#[test]
fn a_wrong_configuration_changes_nothing_and_all_that_is_wrong_is_told() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], mark("old"));
    let config = Proxy::config(&["host:x"], |settings| {
        settings.server.max_header_size.value = 1;
        settings.server.binds[0].url = "http://127.0.0.2:0".into();
        settings.server.binds[0].backlog = Some(0);
    });
    let Err(StartError::Configuration(problems)) = proxy.server.reload(&config) else { panic!("it is wrong") };
    assert_eq!(
        problems.iter().map(|problem| &*problem.directive).collect::<Vec<_>>(),
        ["max_header_size", "bind", "proxy"]
    );
    assert_eq!(proxy.client().get("/").get("X-Configuration"), Some("old"));
    assert_eq!(proxy.server.urls(), [format!("http://{}", proxy.address())]);
}

#[test]
fn the_number_of_threads_waits_for_the_next_start() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let config = Proxy::config(&[&origin.address()], |settings| {
        settings.server.threads = Some(proxy_engine::config::Setting::of(3));
    });
    let warnings = proxy.server.reload(&config).expect("a sound configuration");
    assert_eq!(
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["threads: 3 of them are for the next start: 1 run until then"]
    );
}

#[test]
fn a_server_that_stops_takes_no_configuration() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    proxy.server.begin_stop(None);
    let config = Proxy::config(&[&origin.address()], |_| ());
    assert!(matches!(proxy.server.reload(&config), Err(StartError::Stopped)));
    assert!(proxy.server.wait(Some(crate::support::PATIENCE)));
    assert!(matches!(proxy.server.reload(&config), Err(StartError::Stopped)));
}

#[test]
fn fewer_connections_are_accepted_once_enough_have_ended_and_more_at_once() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.max_connections.value = 2);
    let (mut first, mut second) = (proxy.client(), proxy.client());
    assert_eq!([first.get("/").status(), second.get("/").status()], [200, 200]);
    proxy.reload(&[&origin.address()], |settings| settings.server.max_connections.value = 1);
    assert_eq!(first.get("/").status(), 200, "those that are there stay");
    let mut third = proxy.client();
    third.send_get("/");
    drop(second);
    eventually("the second one is gone", || proxy.server.stats().connections.active == 1);
    // One is there, which is as many as may be. Then there may be one more.
    proxy.reload(&[&origin.address()], |settings| settings.server.max_connections.value = 2);
    assert_eq!(third.response().status(), 200);
    assert_eq!(proxy.server.stats().connections.accepted, 3);
}

//! Stopping: what is in flight finishes, what is idle closes, and there is an end to it.

use std::net::TcpStream;
use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

use crate::support::{Gate, Key, Origin, Peer, Proxy, Reply, PATIENCE};

/// A backend that says when it has a request, and answers when it is told to.
fn waiting() -> (Origin, Receiver<()>, Key) {
    let (sender, asked) = channel();
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            sender.send(()).expect("a listener");
            if !gate.opens() {
                return;
            }
            peer.send(Reply::ok("ok"));
        }
    });
    (origin, asked, go)
}

fn ask(proxy: &Proxy, asked: &Receiver<()>) -> Peer {
    let mut client = proxy.client();
    client.send_get("/");
    asked.recv_timeout(PATIENCE).expect("the backend is asked");
    client
}

#[test]
fn a_request_in_flight_finishes() {
    let (origin, asked, go) = waiting();
    let proxy = Proxy::before(&origin);
    // Accepted before the other, which therefore proves that it was.
    let mut idle = proxy.client();
    let mut client = ask(&proxy, &asked);
    proxy.server.begin_stop(Some(PATIENCE));
    // It returns at once. That the engine thread knows shows by its closing what is idle.
    idle.expect_end();
    assert!(!proxy.server.is_stopped());
    go.open();
    let response = client.response();
    assert_eq!((response.text().as_str(), response.get("Connection")), ("ok", Some("close")));
    client.expect_end();
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
    assert!(proxy.server.is_stopped() && proxy.server.is_drained());
}

#[test]
fn idle_connections_close_at_once() {
    let (origin, asked, go) = waiting();
    let proxy = Proxy::before(&origin);
    let mut idle = ask(&proxy, &asked);
    go.open();
    assert_eq!(idle.response().text(), "ok");
    let mut busy = ask(&proxy, &asked);
    proxy.server.begin_stop(Some(PATIENCE));
    idle.expect_end();
    go.open();
    assert_eq!(busy.response().text(), "ok");
    assert!(proxy.server.wait(Some(PATIENCE)));
}

#[test]
fn a_download_in_flight_finishes() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        gate.wait_until("the server is stopping");
        peer.send("3\r\ntwo\r\n0\r\n\r\n");
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().expect("a chunk"), b"one");
    proxy.server.begin_stop(Some(PATIENCE));
    go.open();
    assert_eq!(client.chunks().0, b"two");
    client.expect_end();
    assert!(proxy.server.wait(Some(PATIENCE)) && proxy.server.is_drained());
}

#[test]
fn a_request_behind_a_download_is_answered() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            if request.target() == "/next" {
                peer.send(Reply::ok("next"));
                continue;
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none");
            gate.wait_until("the server is stopping");
            peer.send("two");
        }
    });
    let proxy = Proxy::before(&origin);
    let mut idle = proxy.client();
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST /next HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.head().get("Connection"), None, "it goes on");
    assert_eq!(client.read(3), b"one");
    proxy.server.begin_stop(Some(PATIENCE));
    idle.expect_end();
    go.open();
    assert_eq!(client.read(3), b"two");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.get("Connection")), ("next", Some("close")));
    client.expect_end();
    assert!(proxy.server.wait(Some(PATIENCE)) && proxy.server.is_drained());
}

#[test]
fn requests_that_come_just_before_the_stop_are_answered() {
    let origin = Origin::named("ok");
    let proxy = Proxy::before(&origin);
    let mut clients: Vec<_> = (0..100).map(|_| proxy.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("/").text(), "ok");
    }
    clients.iter_mut().for_each(|client| client.send_get("/"));
    proxy.server.begin_stop(Some(PATIENCE));
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
        client.expect_end();
    }
    assert!(proxy.server.wait(Some(PATIENCE)) && proxy.server.is_drained());
}

#[test]
fn the_deadline_cuts_off_what_is_left() {
    let (origin, asked, go) = waiting();
    let proxy = Proxy::before(&origin);
    let mut client = ask(&proxy, &asked);
    let begun = Instant::now();
    proxy.server.begin_stop(Some(Duration::from_millis(300)));
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
    assert!(begun.elapsed() >= Duration::from_millis(250), "after {:?}", begun.elapsed());
    assert!(!proxy.server.is_drained());
    assert_eq!(client.rest().0, b"");
    drop(go);
}

#[test]
fn a_second_order_shortens_the_first() {
    let (origin, asked, go) = waiting();
    let proxy = Proxy::before(&origin);
    let mut client = ask(&proxy, &asked);
    proxy.server.begin_stop(Some(Duration::from_secs(3_600)));
    assert!(!proxy.server.is_stopped());
    proxy.server.begin_stop(Some(Duration::ZERO));
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
    assert_eq!(client.rest().0, b"");
    drop(go);
}

#[test]
fn a_stopping_server_accepts_nobody() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    assert_eq!(proxy.client().get("/").status(), 200);
    proxy.server.begin_stop(Some(PATIENCE));
    assert!(proxy.server.wait(Some(PATIENCE)));
    assert!(TcpStream::connect(proxy.address()).is_err());
}

#[test]
fn a_connection_that_has_sent_an_empty_line_is_idle() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 200);
    client.send("\r\n");
    // Answered by the thread that has the empty line by then.
    assert_eq!(proxy.client().get("/").status(), 200);
    proxy.server.begin_stop(Some(Duration::from_secs(3_600)));
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
}

//! Other protocols over the same connection.

use std::sync::mpsc::channel;

use crate::support::{eventually, End, Gate, Origin, Peer, Proxy, Reply, PATIENCE};

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n";

fn ask(client: &mut Peer, behind: &str) {
    client.send(format!(
        "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: k\r\n\r\n{behind}"
    ));
}

#[test]
fn an_upgraded_connection_carries_anything_both_ways() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        assert_eq!(request.get("Connection"), Some("upgrade"));
        assert_eq!((request.get("Upgrade"), request.get("Sec-WebSocket-Key")), (Some("websocket"), Some("k")));
        peer.send(SWITCHING);
        assert_eq!(peer.read(8), b"\r\n\r\n\0\xff\x01\x02");
        peer.send(b"HTTP/1.1 nothing \0\xff");
        assert_eq!(peer.read(3), b"bye");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    ask(&mut client, "");
    let head = client.head();
    assert_eq!(head.start, "HTTP/1.1 101 Switching Protocols");
    assert_eq!((head.get("Connection"), head.get("Upgrade")), (Some("upgrade"), Some("websocket")));
    assert_eq!(head.get("Sec-WebSocket-Accept"), Some("x"));
    client.send(b"\r\n\r\n\0\xff\x01\x02");
    assert_eq!(client.read(19), b"HTTP/1.1 nothing \0\xff");
    client.send("bye");
    assert_eq!(client.rest().0, b"");
}

#[test]
fn bytes_behind_either_head_belong_to_the_tunnel() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(format!("{SWITCHING}from the backend"));
        assert_eq!(peer.read(15), b"from the client");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    ask(&mut client, "from the client");
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.read(16), b"from the backend");
    assert_eq!(client.rest().0, b"");
}

#[test]
fn each_side_of_a_tunnel_ends_on_its_own() {
    let origin = Origin::start(|number, peer| {
        peer.head();
        peer.send(SWITCHING);
        if number == 0 {
            assert_eq!(peer.rest(), (b"the end".to_vec(), End::Closed));
            peer.send("one more thing");
        } else {
            peer.send("the end");
            peer.half_close();
            assert_eq!(peer.rest(), (b"one more thing".to_vec(), End::Closed));
        }
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    ask(&mut client, "");
    assert_eq!(client.head().status(), 101);
    client.send("the end");
    client.half_close();
    assert_eq!(client.rest(), (b"one more thing".to_vec(), End::Closed));

    let mut client = proxy.client();
    ask(&mut client, "");
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.rest(), (b"the end".to_vec(), End::Closed));
    client.send("one more thing");
    client.half_close();
    // What was sent is to arrive before the proxy is dropped, which would cut it off.
    proxy.server.begin_stop(Some(PATIENCE));
    assert!(proxy.server.wait(Some(PATIENCE)));
}

#[test]
fn what_follows_a_refused_upgrade_is_http_again() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        assert_eq!((request.target(), request.get("Upgrade")), ("/ws", Some("websocket")));
        peer.send(Reply::ok("no"));
        let next = peer.request();
        assert_eq!((next.target(), next.has("Upgrade")), ("/next", false));
        peer.send(Reply::ok("next"));
        assert!(peer.try_request().is_none());
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    ask(&mut client, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().text(), "no");
    assert_eq!(client.response().text(), "next");
    client.send("GE\0T");
    assert_eq!(client.response().status(), 400);
}

#[test]
fn an_upgrade_that_is_no_tunnel_is_not_offered() {
    for (what, request) in [
        (
            "HTTP/2 without TLS",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMA\r\n\r\n",
        ),
        ("HTTP/2 among others", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n"),
        ("Upgrade that Connection does not name", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"),
        ("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n"),
    ] {
        let origin = Origin::echoing_targets();
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        client.send(request);
        assert_eq!(client.response().status(), 200, "{what}");
        let seen = &origin.requests()[0];
        assert!(!seen.has("Upgrade") && !seen.has("Connection") && !seen.has("HTTP2-Settings"), "{what}: {seen:?}");
    }
}

#[test]
fn a_101_to_a_request_whose_upgrade_was_not_offered_is_a_502() {
    let (sender, seen) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(SWITCHING);
        sender.send(peer.rest().0).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(client.response().status(), 502);
    client.send("GET /smuggled HTTP/1.1\r\n\r\n");
    assert_eq!(seen.recv().expect("what the backend got"), b"");
}

#[test]
fn a_101_that_switches_to_another_protocol_is_a_502() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING.replace("websocket", "other"));
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    ask(&mut client, "");
    assert_eq!(client.response().status(), 502);
}

#[test]
fn an_upgrade_over_an_idle_connection_that_dies_goes_to_a_new_one() {
    let origin = Origin::start(|number, peer| {
        peer.head();
        if number == 0 {
            peer.send(Reply::ok("ok"));
            peer.head();
        } else {
            peer.send(SWITCHING);
            peer.rest();
        }
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "ok");
    ask(&mut client, "");
    assert_eq!(client.head().status(), 101);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_silent_tunnel_is_ended() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.tunnel_timeout = 0.3);
    let mut client = proxy.client();
    ask(&mut client, "");
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.rest().0, b"");
}

#[test]
fn a_tunnel_lasts_longer_than_the_other_time_limits() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send(SWITCHING);
        gate.wait_until("the limits are over");
        peer.send("still here");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.timeout = 0.2;
        settings.proxy.read_timeout = Some(0.2);
        settings.proxy.write_timeout = 0.2;
        settings.server.client_body_timeout.value = 0.2;
        settings.server.keepalive_timeout.value = 0.2;
    });
    let mut client = proxy.client();
    ask(&mut client, "");
    assert_eq!(client.head().status(), 101);
    // Time has to pass: nothing is to happen in it, which is the claim.
    std::thread::sleep(std::time::Duration::from_millis(500));
    go.open();
    assert_eq!(client.rest().0, b"still here");
}

#[test]
fn an_upgrade_may_have_a_body_and_the_tunnel_begins_behind_it() {
    for body in [
        "Content-Length: 4\r\n\r\nbody",
        "Content-Length: 0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let origin = Origin::start(|_, peer| {
            let request = peer.request();
            assert_eq!(request.get("Upgrade"), Some("websocket"));
            peer.send(SWITCHING);
            assert_eq!(peer.read(6), b"tunnel");
            peer.send(format!("got {}", String::from_utf8_lossy(&request.body)));
        });
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        client.send(format!(
            "POST /exec HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{body}tunnel"
        ));
        assert_eq!(client.head().status(), 101, "{body}");
        let expected = if body.contains("body") { &b"got body"[..] } else { b"got " };
        assert_eq!(client.rest().0, expected, "{body}");
    }
}

#[test]
fn a_101_that_comes_before_the_body_is_whole_waits_for_the_rest_of_it() {
    let (sender, answered) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        assert_eq!(peer.read(2), b"bo");
        peer.send(format!("{SWITCHING}early"));
        sender.send(()).expect("a listener");
        assert_eq!(peer.read(8), b"dytunnel");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client
        .send("POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 4\r\n\r\nbo");
    answered.recv_timeout(PATIENCE).expect("the backend has answered");
    client.send("dytunnel");
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.rest().0, b"early");
}

#[test]
fn what_follows_an_upgrade_with_a_body_that_was_refused_is_http_again() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send(
        "POST /a HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n\
         hiGET /b HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    assert_eq!(client.response().text(), "/a");
    assert_eq!(client.response().text(), "/b");
}

#[test]
fn a_tunnel_gives_its_place_among_the_requests_back() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        match request.get("Upgrade") {
            Some(_) => {
                peer.send(SWITCHING);
                peer.rest();
            }
            None => peer.send(Reply::ok("ok").with("Connection: close")),
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.max_connections = Some(1);
        settings.pool.max_tunnels = Some(2);
    });
    let open = || {
        let mut client = proxy.client();
        ask(&mut client, "");
        (client.head().status(), client)
    };
    let figures = || {
        let backend = proxy.server.stats().backends.remove(0);
        (backend.in_flight, backend.tunnels)
    };
    let (first, held) = open();
    let (second, other) = open();
    assert_eq!((first, second, open().0), (101, 101, 503), "as many as max_tunnels says");
    assert_eq!(figures(), (0, 2));
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.response().status(), 200);
    drop(held);
    eventually("a tunnel ends", || figures() == (0, 1));
    assert_eq!(open().0, 101);
    drop(other);
}

#[test]
fn an_upgrade_that_is_refused_holds_no_place_for_a_tunnel() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.pool.max_tunnels = Some(1));
    let mut client = proxy.client();
    for _ in 0..3 {
        ask(&mut client, "");
        assert_eq!(client.response().status(), 200);
    }
    eventually("the place is given back", || proxy.server.stats().backends[0].tunnels == 0);
}

#[test]
fn a_426_says_which_protocol_is_wanted() {
    let origin = Origin::start(|_, peer| {
        while peer.try_request().is_some() {
            peer.send(Reply::of("426 Upgrade Required", "").with("Connection: Upgrade").with("Upgrade: websocket"));
        }
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    let response = client.response();
    assert_eq!(response.status(), 426);
    assert_eq!((response.get("Upgrade"), response.get("Connection")), (Some("websocket"), Some("upgrade")));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!(client.response().get("Upgrade"), None, "HTTP/1.0 upgrades nothing");
}

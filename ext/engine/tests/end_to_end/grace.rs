//! What becomes of tunnels and event streams when the server stops: they get `tunnel_grace`, and are told.

mod events;
mod http2;

use std::sync::mpsc::{channel, Receiver};
use std::time::{Duration, Instant};

use crate::support::{eventually, End, Gate, Origin, Peer, Proxy, Reply, PATIENCE};

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
/// What a server sends that goes away, and how that of a client begins.
const GOING_AWAY: &[u8] = &[0x88, 2, 0x03, 0xe9];
const CLIENT_CLOSE: [u8; 2] = [0x88, 0x82];
/// The answer of a client to it.
const CLIENT_ANSWER: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];
const HELLO: &[u8] = b"\x81\x05hello";

/// In front of a backend whose tunnels and event streams get no time.
fn graceless(origin: &Origin) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 0.0)
}

fn open(proxy: &Proxy, protocol: &str) -> Peer {
    let mut client = proxy.client();
    client.send(format!("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: {protocol}\r\n\r\n"));
    assert_eq!(client.head().status(), 101);
    client
}

/// What a script tells.
fn hear<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(PATIENCE).expect("it is told in time")
}

/// The stop is over, and no request was cut.
fn expect_clean_end(proxy: &Proxy) {
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
    assert!(proxy.server.is_drained(), "{:?}", proxy.server.stats().cut);
}

fn cut(proxy: &Proxy) -> (u64, u64, u64) {
    let cut = proxy.server.stats().cut;
    (cut.requests, cut.tunnels, cut.event_streams)
}

/// Unmasks what a close of a client says.
fn code(close: &[u8]) -> u16 {
    assert_eq!(close[..2], CLIENT_CLOSE);
    u16::from_be_bytes([close[6] ^ close[2], close[7] ^ close[3]])
}

#[test]
fn both_sides_of_a_websocket_are_told_between_two_frames_and_answer() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send([SWITCHING.as_bytes(), HELLO].concat());
        assert_eq!(peer.read(6), [0x89, 0x80, 1, 2, 3, 4]);
        assert_eq!(code(&peer.read(8)), 1001);
        peer.send(GOING_AWAY);
        peer.expect_end();
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "WebSocket");
    assert_eq!(client.read(7), HELLO);
    client.send([0x89, 0x80, 1, 2, 3, 4]);
    eventually("the ping has passed", || proxy.server.stats().requests.tunnels == 1);
    proxy.server.begin_stop(Some(PATIENCE));
    assert_eq!(client.read(4), GOING_AWAY);
    client.send(CLIENT_ANSWER);
    client.expect_end();
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 1, 0));
}

#[test]
fn a_websocket_in_the_middle_of_a_frame_is_ended_as_it_is() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send([SWITCHING.as_bytes(), &HELLO[..4]].concat());
        let close = peer.read(8);
        assert_eq!(code(&close), 1001, "it is not in the middle of one itself");
        peer.rest();
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "websocket");
    assert_eq!(client.read(4), HELLO[..4]);
    proxy.server.begin_stop(Some(PATIENCE));
    assert_eq!(client.rest().0, b"", "nothing is put into the frame");
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 1, 0));
}

#[test]
fn a_frame_that_is_on_its_way_arrives_and_none_follows() {
    let (told, stopping) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send([SWITCHING.as_bytes(), &HELLO[..4]].concat());
        assert_eq!(code(&peer.read(8)), 1001);
        peer.send([&HELLO[4..], HELLO].concat());
        told.send(()).expect("a listener");
        peer.rest();
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "websocket");
    assert_eq!(client.read(4), HELLO[..4]);
    proxy.server.begin_stop(Some(PATIENCE));
    hear(&stopping);
    assert_eq!(client.read(3), HELLO[4..]);
    assert_eq!(client.read(4), GOING_AWAY);
    client.send(CLIENT_ANSWER);
    client.expect_end();
    expect_clean_end(&proxy);
}

#[test]
fn a_side_that_has_heard_a_close_hears_no_other() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send([SWITCHING.as_bytes(), &[0x88, 2, 0x03, 0xe8]].concat());
        // The client does not answer, and is not spoken for.
        assert_eq!(code(&peer.read(8)), 1001);
        peer.rest();
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "websocket");
    assert_eq!(client.read(4), [0x88, 2, 0x03, 0xe8]);
    proxy.server.begin_stop(Some(PATIENCE));
    client.expect_end();
    expect_clean_end(&proxy);
}

#[test]
fn a_client_that_does_not_answer_is_not_waited_for_long() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        peer.rest();
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "websocket");
    proxy.server.begin_stop(Some(Duration::from_secs(3_600)));
    assert_eq!(client.rest(), (GOING_AWAY.to_vec(), End::Closed));
    expect_clean_end(&proxy);
}

#[test]
fn a_client_that_goes_on_sending_is_not_listened_to_for_long() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        peer.rest();
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "websocket");
    let mut writer = client.writer();
    let sending = std::thread::spawn(move || while writer.try_send([0x82, 0x80, 0, 0, 0, 0]).is_ok() {});
    proxy.server.begin_stop(Some(Duration::from_secs(3_600)));
    assert_eq!(client.read(4), GOING_AWAY);
    let begun = Instant::now();
    expect_clean_end(&proxy);
    assert!(begun.elapsed() < Duration::from_secs(8), "after {:?}", begun.elapsed());
    sending.join().expect("its end is seen");
}

#[test]
fn nothing_is_added_to_what_is_no_websocket() {
    let (told, seen) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello");
        told.send(peer.rest().0).expect("a listener");
    });
    let proxy = graceless(&origin);
    let mut client = open(&proxy, "tcp");
    assert_eq!(client.read(5), b"hello");
    proxy.server.begin_stop(Some(PATIENCE));
    assert_eq!(client.rest().0, b"");
    assert_eq!(hear(&seen), b"");
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 1, 0));
}

#[test]
fn a_tunnel_that_ends_in_its_grace_is_not_cut() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        assert_eq!(peer.read(4), b"last");
        peer.send(HELLO);
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 3_600.0);
    let mut idle = proxy.client();
    let mut client = open(&proxy, "websocket");
    proxy.server.begin_stop(Some(Duration::from_secs(7_200)));
    idle.expect_end();
    client.send("last");
    assert_eq!(client.rest(), (HELLO.to_vec(), End::Closed));
    drop(client);
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 0, 0));
}

#[test]
fn requests_get_all_of_shutdown_timeout() {
    let (asked, was_asked) = channel();
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        if peer.head().has("Upgrade") {
            peer.send(SWITCHING);
            peer.rest();
        } else {
            asked.send(()).expect("a listener");
            gate.wait_until("the server is stopping");
            peer.send(Reply::ok("ok"));
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 0.1);
    let mut tunnel = open(&proxy, "websocket");
    let mut client = proxy.client();
    client.send_get("/");
    hear(&was_asked);
    proxy.server.begin_stop(Some(PATIENCE));
    assert_eq!(tunnel.rest().0, GOING_AWAY, "the tunnel is over");
    go.open();
    assert_eq!(client.response().text(), "ok");
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 1, 0));
}

#[test]
fn a_stop_that_is_shorter_than_the_grace_tells_before_it_is_over() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        assert_eq!(code(&peer.read(8)), 1001);
        peer.send(GOING_AWAY);
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 3_600.0);
    let mut client = open(&proxy, "websocket");
    let begun = Instant::now();
    proxy.server.begin_stop(Some(Duration::from_secs(2)));
    assert_eq!(client.read(4), GOING_AWAY);
    assert!(begun.elapsed() >= Duration::from_millis(900), "after {:?}", begun.elapsed());
    client.send(CLIENT_ANSWER);
    client.expect_end();
    expect_clean_end(&proxy);
}

#[test]
fn a_second_order_ends_tunnels_too() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 3_600.0);
    let mut client = open(&proxy, "websocket");
    proxy.server.begin_stop(Some(Duration::from_secs(7_200)));
    proxy.server.begin_stop(Some(Duration::ZERO));
    assert_eq!(client.rest().0, b"");
    assert!(proxy.server.wait(Some(PATIENCE)) && !proxy.server.is_drained());
    assert_eq!(cut(&proxy), (0, 1, 0));
}

#[test]
fn a_reload_ends_no_tunnel_and_its_grace_is_that_of_the_next_stop() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(SWITCHING);
        assert_eq!(peer.read(4), b"ping");
        peer.send(HELLO);
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 3_600.0);
    let mut client = open(&proxy, "websocket");
    proxy.reload(&[&origin.address()], |settings| settings.server.tunnel_grace.value = 0.0);
    client.send("ping");
    assert_eq!(client.read(7), HELLO);
    proxy.server.begin_stop(Some(PATIENCE));
    assert_eq!(client.rest().0, GOING_AWAY);
    expect_clean_end(&proxy);
}

#[test]
fn what_is_in_flight_at_the_end_is_counted() {
    let (asked, was_asked) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        asked.send(()).expect("a listener");
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    hear(&was_asked);
    proxy.server.begin_stop(Some(Duration::from_millis(100)));
    assert!(proxy.server.wait(Some(PATIENCE)) && !proxy.server.is_drained());
    assert_eq!(cut(&proxy), (1, 0, 0));
}

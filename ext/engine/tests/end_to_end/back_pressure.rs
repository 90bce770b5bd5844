//! A side that does not read is waited for: what is on its way is bounded.

use std::io::{ErrorKind, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::support::{Gate, Origin, Peer, Proxy, Reply, PATIENCE};

const BODY: usize = 96 << 20;
/// Four kernel buffers that may have grown, and what the proxy holds.
const BOUND: usize = 40 << 20;
/// Without progress for so long, a writer counts as stopped.
const STALL: Duration = Duration::from_millis(700);

/// Writes until nothing is taken any more: how much was.
fn write_until_stuck(peer: &Peer, most: usize) -> usize {
    let mut stream = peer.stream();
    stream.set_write_timeout(Some(STALL)).expect("a time limit");
    let piece = vec![b'x'; 256 * 1024];
    let mut written = 0;
    while written < most {
        match stream.write(&piece[..piece.len().min(most - written)]) {
            Ok(n) => written += n,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    stream.set_write_timeout(Some(PATIENCE)).expect("a time limit");
    written
}

fn write_rest(peer: &mut Peer, mut left: usize) {
    let piece = vec![b'x'; 256 * 1024];
    while left > 0 {
        let n = piece.len().min(left);
        peer.send(&piece[..n]);
        left -= n;
    }
}

fn read_all(peer: &mut Peer, mut left: usize) {
    while left > 0 {
        let n = left.min(1 << 20);
        peer.read(n);
        left -= n;
    }
}

#[test]
fn a_slow_reader_holds_the_backend_back() {
    let (sender, stuck) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n"));
        let written = write_until_stuck(peer, BODY);
        sender.send(written).expect("a listener");
        write_rest(peer, BODY - written);
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.narrow_client();
    client.send_get("/");
    let written = stuck.recv_timeout(PATIENCE * 2).expect("it comes to a halt");
    assert!(written < BOUND, "{written} bytes were taken");
    assert_eq!(client.head().status(), 200);
    read_all(&mut client, BODY);
}

#[test]
fn a_slow_backend_holds_the_client_back() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        gate.wait_until("the client is stuck");
        read_all(peer, BODY);
        peer.send(Reply::ok(""));
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n"));
    let written = write_until_stuck(&client, BODY);
    assert!(written < BOUND, "{written} bytes were taken");
    go.open();
    write_rest(&mut client, BODY - written);
    assert_eq!(client.response().status(), 200);
}

#[test]
fn the_replay_buffer_is_bounded_too() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        gate.wait_until("the client is stuck");
        read_all(peer, BODY);
        peer.send(Reply::ok(""));
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {BODY}\r\n\r\n"));
    let written = write_until_stuck(&client, BODY);
    assert!(written < BOUND, "{written} bytes were taken");
    go.open();
    write_rest(&mut client, BODY - written);
    assert_eq!(client.response().status(), 200);
}

#[test]
fn a_side_of_a_tunnel_that_does_not_read_holds_the_other_back() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
        gate.wait_until("the client is stuck");
        read_all(peer, BODY);
        peer.send("all");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n");
    assert_eq!(client.head().status(), 101);
    let written = write_until_stuck(&client, BODY);
    assert!(written < BOUND, "{written} bytes were taken");
    go.open();
    write_rest(&mut client, BODY - written);
    assert_eq!(client.read(3), b"all");
}

//! What is coded at once is bounded, and so is what waits for a client.

use std::io::{ErrorKind, Write};
use std::sync::mpsc::channel;
use std::time::Duration;

use super::{compressing, decoded, get, page};
use crate::support::{Gate, Origin, Peer, PATIENCE};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";
const GZIP: &str = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";

/// Encoders that a thread has.
const MOST: usize = 256;

#[test]
fn beyond_so_many_bodies_at_once_further_ones_are_sent_as_they_are() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"));
        gate.wait_until("all have their heads");
        peer.send("5\r\nhello\r\n0\r\n\r\n");
    });
    let proxy = compressing(&origin);
    let mut clients: Vec<Peer> = (0..MOST + 2)
        .map(|_| {
            let mut client = proxy.client();
            client.send(GZIP);
            client
        })
        .collect();
    let codings: Vec<_> =
        clients.iter_mut().map(|client| client.head().get("Content-Encoding").map(str::to_owned)).collect();
    assert_eq!(codings.iter().flatten().count(), MOST);
    clients.iter().for_each(|_| go.open());
    for (client, coding) in clients.iter_mut().zip(&codings) {
        let body = client.chunks().0;
        match coding {
            Some(coding) => assert_eq!(decoded(coding, &body), b"hello"),
            None => assert_eq!(body, b"hello"),
        }
    }
    go.open();
    let next = get(&proxy, "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(next.get("Content-Encoding"), Some("gzip"), "there is room again");
}

/// Bytes that no coding makes shorter.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    (0..len / 4).flat_map(|_| next().to_le_bytes()).collect()
}

#[test]
fn a_slow_reader_of_a_coded_body_holds_the_backend_back() {
    const BODY: usize = 96 << 20;
    const BOUND: usize = 40 << 20;
    const PIECE: usize = 1 << 20;
    let (sender, stuck) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("{HEAD}Content-Length: {BODY}\r\n\r\n"));
        let piece = noise(PIECE);
        let mut stream = peer.stream();
        stream.set_write_timeout(Some(Duration::from_millis(1_500))).expect("a time limit");
        let mut written = 0;
        while written < BODY {
            match stream.write(&piece[..piece.len().min(BODY - written)]) {
                Ok(n) => written += n,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => panic!("{error}"),
            }
        }
        sender.send(written).expect("a listener");
        // The client goes away.
        peer.rest();
    });
    let proxy = compressing(&origin);
    let mut client = proxy.narrow_client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd\r\n\r\n");
    let written = stuck.recv_timeout(PATIENCE).expect("it comes to a halt");
    assert!(written < BOUND, "{written} bytes were taken");
    assert_eq!(client.head().get("Content-Encoding"), Some("zstd"));
    drop(client);
}

#[test]
fn a_client_that_leaves_gives_its_place_back() {
    let (sender, gone) = channel();
    let origin = Origin::start(move |number, peer| {
        if peer.try_request().is_none() {
            return;
        }
        peer.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
        if number <= MOST {
            peer.rest();
            sender.send(()).expect("a listener");
        } else {
            peer.send("0\r\n\r\n");
        }
    });
    let proxy = compressing(&origin);
    let mut clients: Vec<Peer> = (0..=MOST)
        .map(|_| {
            let mut client = proxy.client();
            client.send(GZIP);
            client
        })
        .collect();
    clients.iter_mut().for_each(|client| assert_eq!(client.head().status(), 200));
    clients.into_iter().for_each(Peer::reset);
    (0..=MOST).for_each(|_| gone.recv_timeout(PATIENCE).expect("the backend is let go"));
    assert_eq!(get(&proxy, "/", "Accept-Encoding: gzip\r\n").get("Content-Encoding"), Some("gzip"));
}

#[test]
fn a_body_that_takes_long_to_code_lets_others_pass() {
    const BODY: usize = 1_000_000;
    let origin = Origin::answering(|request| match request.target() {
        "/long" => [format!("{HEAD}Content-Length: {BODY}\r\n\r\n").into_bytes(), page(BODY)].concat(),
        _ => format!("{HEAD}Content-Length: 2\r\n\r\nok").into_bytes(),
    });
    let proxy = compressing(&origin);
    let mut long = proxy.client();
    long.send("GET /long HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
    assert_eq!(long.head().get("Content-Encoding"), Some("gzip"));
    let short = get(&proxy, "/short", "Accept-Encoding: gzip\r\n");
    assert_eq!(short.text(), "ok");
    assert!(decoded("gzip", &long.chunks().0) == page(BODY));
}

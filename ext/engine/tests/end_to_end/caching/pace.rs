//! Clients that read one response along, each at its own pace.

use std::sync::Arc;

use proxy_engine::configuration::{BodyFileConfig, BufferingConfig, CacheConfig};

use super::{cached, FRESH};
use crate::support::{pattern, End, Gate, Origin, Peer, Proxy};

const PIECE: usize = 64 * 1024;
/// Length of a body that no cache of these tests stores, and more than the system holds for a client that does not
/// read.
const LONG: usize = 24 << 20;

/// A backend that sends a long body: the first piece at once, and the rest once the gate is open.
fn origin(body: Arc<Vec<u8>>, gate: Gate) -> Origin {
    Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for (number, piece) in body.chunks(PIECE).enumerate() {
            if number == 1 {
                gate.wait_until("all clients read");
            }
            peer.send(format!("{:x}\r\n", piece.len()));
            peer.send(piece);
            peer.send("\r\n");
        }
        peer.send("0\r\n\r\n");
    })
}

fn before(origin: &Origin, buffering: BufferingConfig) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.buffering = buffering;
        let (memory, max_object) = (Some(4 << 20), Some(1 << 20));
        cached(settings, CacheConfig { memory, max_object, zone: Some("z".into()), ..CacheConfig::default() });
        cached(settings, CacheConfig { zone: Some("z".into()), ..CacheConfig::default() });
    })
}

/// Clients that have begun to read the same response: one that reads no further for now, and two others.
fn clients(proxy: &Proxy) -> (Peer, [Peer; 2]) {
    let begun = |mut client: Peer| {
        client.send_get("/");
        client.head();
        client.await_bytes(1);
        client
    };
    (begun(proxy.narrow_client()), [begun(proxy.client()), begun(proxy.client())])
}

/// Whether these clients get the whole body, each in a thread of its own.
fn all_get(body: &Arc<Vec<u8>>, clients: [Peer; 2]) {
    let read = clients.map(|mut client| std::thread::spawn(move || client.chunks().0));
    for client in read {
        assert!(client.join().expect("a body") == **body, "the whole body");
    }
}

#[test]
fn a_slow_client_does_not_slow_the_others_down_and_gets_all() {
    let body = Arc::new(pattern(LONG));
    let (key, gate) = Gate::new();
    let origin = origin(Arc::clone(&body), gate);
    let proxy = before(&origin, BufferingConfig::Switch(true));
    let (mut slow, others) = clients(&proxy);
    key.open();
    all_get(&body, others);
    assert!(slow.chunks().0 == *body, "what it has missed");
    assert_eq!(origin.connections(), 1);
}

/// A client whose response is too far behind those of others is cut, and nobody else.
fn only_the_slow_one_is_cut(file: BodyFileConfig, before_the_rest: impl FnOnce()) {
    let body = Arc::new(pattern(LONG));
    let (key, gate) = Gate::new();
    let origin = origin(Arc::clone(&body), gate);
    let proxy = before(&origin, BufferingConfig::File(file));
    let (mut slow, others) = clients(&proxy);
    before_the_rest();
    key.open();
    all_get(&body, others);
    let (rest, end) = slow.rest();
    assert!(rest.len() < LONG && matches!(end, End::Closed | End::Reset), "{} bytes", rest.len());
    assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "it does not look whole");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_client_that_falls_too_far_behind_is_cut_alone() {
    only_the_slow_one_is_cut(BodyFileConfig { disk: 1 << 20, path: None }, || ());
}

#[test]
fn without_a_disk_only_the_slow_client_is_cut() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().map(str::to_owned);
    only_the_slow_one_is_cut(BodyFileConfig { disk: 1 << 30, path }, || folder.close().expect("it goes"));
}

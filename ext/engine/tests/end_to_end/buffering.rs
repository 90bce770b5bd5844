//! Responses that a slow client takes later than the backend sends them.

use std::sync::mpsc::channel;
use std::sync::OnceLock;

use proxy_engine::configuration::{BodyFileConfig, BufferingConfig};

use crate::support::{eventually, pattern, Frame, Origin, Peer, Proxy, RawHttp2, Settings};

/// More than the system holds between the proxy and a client that does not read.
const LONG: usize = 24 << 20;

/// The long response.
fn long() -> &'static [u8] {
    static LONG_BODY: OnceLock<Vec<u8>> = OnceLock::new();
    LONG_BODY.get_or_init(|| pattern(LONG))
}

/// Answers `/long` with a long response, and everything else with its target.
fn origin(head: &'static str) -> Origin {
    Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            let body = match request.target() {
                "/long" => long().to_vec(),
                other => other.as_bytes().to_vec(),
            };
            let head = format!("HTTP/1.1 200 OK\r\n{head}Content-Length: {}\r\n\r\n", body.len());
            if peer.try_send([head.into_bytes(), body].concat()).is_err() {
                return;
            }
        }
    })
}

/// In front of a backend that serves one request at once.
fn before(origin: &Origin, change: impl FnOnce(&mut Settings)) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| {
        settings.pool.max_connections = Some(1);
        settings.pool.queue = 10;
        settings.pool.queue_timeout = 60.0;
        change(settings);
    })
}

fn on_disk(settings: &mut Settings) {
    let file = BodyFileConfig { disk: 64 << 20, path: Some(std::env::temp_dir().display().to_string()) };
    settings.proxy.buffering = BufferingConfig::File(file);
}

fn read_long(client: &mut Peer) {
    let head = client.head();
    assert_eq!(head.get("Content-Length"), Some(&*LONG.to_string()));
    let body = client.read(LONG);
    assert!(body == long(), "the response is as it was sent");
}

/// Whether another request is served while a client does not read its response.
fn frees_its_place(proxy: &Proxy) -> bool {
    let mut slow = proxy.narrow_client();
    slow.send_get("/long");
    slow.head();
    let mut other = proxy.client();
    other.send_get("/other");
    other.stream().set_read_timeout(Some(std::time::Duration::from_millis(700))).expect("a limit");
    let served = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| other.head().status() == 200));
    served.unwrap_or(false)
}

#[test]
fn a_slow_client_holds_no_place_while_its_response_waits_in_memory() {
    let origin = origin("");
    let proxy = before(&origin, |settings| settings.proxy.buffer_size = LONG as i64);
    let mut slow = proxy.narrow_client();
    slow.send_get("/long");
    for _ in 0..3 {
        assert_eq!(proxy.client().get("/other").text(), "/other");
    }
    eventually("only the slow one is in flight", || proxy.server.stats().requests.in_flight == 1);
    assert_eq!(origin.connections(), 1, "the connection is used again");
    read_long(&mut slow);
    assert_eq!(slow.get("/next").text(), "/next", "its own connection goes on");
}

#[test]
fn a_slow_client_holds_no_place_while_its_response_waits_on_the_disk() {
    let origin = origin("");
    let proxy = before(&origin, on_disk);
    let mut slow: Vec<_> = (0..3).map(|_| proxy.narrow_client()).collect();
    for client in &mut slow {
        client.send_get("/long");
    }
    assert_eq!(proxy.client().get("/other").text(), "/other");
    assert_eq!(origin.connections(), 1, "the connection is used again");
    for client in &mut slow {
        read_long(client);
    }
}

#[test]
fn a_client_of_http2_whose_window_is_closed_holds_no_place() {
    let origin = Origin::start(|_, peer| {
        while let Some(request) = peer.try_request() {
            let body = if request.target() == "/big" { pattern(250_000) } else { b"ok".to_vec() };
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
            peer.send(body);
        }
    });
    let proxy = before(&origin, |_| ());
    let mut client = RawHttp2::over(proxy.client(), &[(4, 0)]);
    client.get(1, "/big");
    assert_eq!(client.next_of(Frame::HEADERS).stream, 1);
    assert_eq!(proxy.client().get("/other").text(), "ok");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_response_holds_its_place_where_nothing_is_taken_in() {
    for (head, change) in [
        ("", (|settings| settings.proxy.buffering = BufferingConfig::Switch(false)) as fn(&mut Settings)),
        ("X-Accel-Buffering: no\r\n", on_disk),
        ("Content-Type: text/event-stream; charset=utf-8\r\n", on_disk),
        ("Content-Type: application/grpc-web\r\n", on_disk),
    ] {
        let origin = origin(head);
        assert!(!frees_its_place(&before(&origin, change)), "{head}");
    }
}

#[test]
fn a_backend_may_ask_for_it() {
    let origin = origin("X-Accel-Buffering: yes\r\n");
    let proxy = before(&origin, |settings| {
        settings.proxy.buffering = BufferingConfig::Switch(false);
        settings.proxy.buffer_size = LONG as i64;
    });
    assert!(frees_its_place(&proxy));
}

#[test]
fn chunks_and_trailers_that_were_taken_in_are_passed_on() {
    let origin = Origin::start(|_, peer| {
        while let Some(request) = peer.try_request() {
            if request.target() != "/long" {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                continue;
            }
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
            for piece in long().chunks(300_000) {
                peer.send(format!("{:x}\r\n", piece.len()));
                peer.send(piece);
                peer.send("\r\n");
            }
            peer.send("0\r\nX-Sum: 17\r\n\r\n");
        }
    });
    let proxy = before(&origin, on_disk);
    let mut slow = proxy.narrow_client();
    slow.send("GET /long HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    assert_eq!(proxy.client().get("/other").text(), "ok");
    slow.head();
    let (body, trailers) = slow.chunks();
    assert!(body == long());
    assert_eq!(trailers, [("X-Sum".to_owned(), "17".to_owned())]);
}

#[test]
fn what_came_of_a_response_that_was_cut_is_passed_on_and_then_cut() {
    let half = LONG / 2;
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n"));
        peer.send(&long()[..half]);
    });
    let proxy = before(&origin, on_disk);
    let mut slow = proxy.narrow_client();
    slow.send_get("/");
    eventually("the failure is known", || proxy.server.stats().backends[0].failures == 1);
    slow.head();
    let (body, _) = slow.rest();
    assert!(body == long()[..half], "{} of {half} bytes came", body.len());
}

#[test]
fn a_disk_that_takes_nothing_costs_no_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let origin = origin("");
    let proxy = before(&origin, |settings| {
        let file = BodyFileConfig { disk: 64 << 20, path: Some(path) };
        settings.proxy.buffering = BufferingConfig::File(file);
    });
    drop(folder);
    let mut slow = proxy.narrow_client();
    slow.send_get("/long");
    read_long(&mut slow);
    assert_eq!(slow.get("/next").text(), "/next");
}

#[test]
fn the_end_of_a_response_frees_the_place_even_if_nothing_of_it_waits_here() {
    let (sender, served) = channel();
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n"));
            if peer.try_send(long()).is_err() {
                return;
            }
            sender.send(request.target().to_owned()).expect("a listener");
        }
    });
    let proxy = before(&origin, |_| ());
    let mut client = proxy.narrow_client();
    client.send_get("/one");
    let mut other = proxy.client();
    read_long(&mut client);
    other.send_get("/two");
    read_long(&mut other);
    assert_eq!([served.recv(), served.recv()].map(|target| target.expect("served")), ["/one", "/two"]);
}

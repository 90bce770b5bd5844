//! Answers that come before the request has been sent whole.

use std::io::ErrorKind;
use std::sync::mpsc::channel;

use proxy_engine::config::Setting;

use crate::support::{nobody, Origin, Proxy, Reply};

#[test]
fn a_refusal_during_an_upload_reaches_the_client() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(Reply::of("413 Too Much", "no").with("Connection: close"));
        // It reads nothing more, and says so.
        peer.half_close();
        peer.rest();
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    let mut writer = client.writer();
    // It goes on sending until that fails, as simple clients do.
    let upload = std::thread::spawn(move || {
        let piece = vec![b'x'; 64 * 1024];
        (0..20).take_while(|_| writer.try_send(&piece).is_ok()).count()
    });
    let response = client.response();
    assert_eq!((response.status(), response.text().as_str(), response.get("Connection")), (413, "no", Some("close")));
    upload.join().expect("an end of the upload");
}

/// A backend that refuses what it is sent before it has read it.
fn refusing() -> Origin {
    Origin::start(|_, peer| {
        peer.head();
        peer.send(Reply::of("413 Too Much", "no").with("Connection: close"));
    })
}

#[test]
fn a_client_that_goes_on_sending_for_too_long_loses_its_connection() {
    let origin = refusing();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000000\r\n\r\n");
    assert_eq!(client.response().get("Connection"), Some("close"));
    let piece = vec![b'x'; 1 << 20];
    let error = std::iter::repeat_with(|| client.try_send(&piece)).find_map(Result::err).expect("an end");
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn nothing_of_a_body_that_was_refused_is_read_as_a_request() {
    let origin = refusing();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    let begun = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{begun}", begun.len() + 1));
    assert_eq!(client.response().status(), 413);
    client.half_close();
    assert_eq!(client.rest().0, b"");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn an_answer_that_the_proxy_gives_itself_reaches_a_client_that_is_sending() {
    let proxy = Proxy::with(&[&nobody()], |_| ());
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    let mut writer = client.writer();
    let upload = std::thread::spawn(move || {
        let piece = vec![b'x'; 10_000];
        (0..100).take_while(|_| writer.try_send(&piece).is_ok()).count()
    });
    let response = client.response();
    assert_eq!((response.status(), response.get("Connection")), (502, Some("close")));
    upload.join().expect("an end of the upload");
}

#[test]
fn both_bodies_flow_at_once() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while let Some(chunk) = peer.chunk() {
            peer.send(format!("{:x}\r\n", chunk.len()));
            peer.send(chunk);
            peer.send("\r\n");
        }
        peer.send("0\r\n\r\n");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    for word in ["one", "two", "six"] {
        client.send(format!("3\r\n{word}\r\n"));
        assert_eq!(client.chunk().expect("its echo"), word.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk(), None);
}

#[test]
fn a_backend_connection_whose_request_was_not_sent_whole_is_not_used_again() {
    let (sender, ended) = channel();
    let origin = Origin::start(move |number, peer| {
        peer.head();
        peer.send(Reply::ok("ok"));
        if number == 0 {
            peer.rest();
            sender.send(()).expect("a listener");
        }
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    assert_eq!(client.response().get("Connection"), Some("close"));
    ended.recv().expect("its connection ends");
    assert_eq!(proxy.client().get("/").status(), 200);
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_malformed_upload_is_answered_400_and_ends_the_backends_connection() {
    let (sender, seen) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        sender.send(peer.rest().0).expect("a listener");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_body_timeout = Setting::of(5.0);
    });
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnot a size\r\n0\r\n\r\n");
    assert_eq!(client.response().status(), 400);
    client.expect_end();
    let body = seen.recv().expect("what the backend got");
    assert!(!body.ends_with(b"0\r\n\r\n"), "{}", body.escape_ascii());
}

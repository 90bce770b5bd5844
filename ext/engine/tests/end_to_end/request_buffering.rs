//! Bodies of requests that are taken in before a backend is chosen.

use proxy_engine::configuration::{BodyFileConfig, BufferingConfig};

use crate::support::{http2, pattern, request, Origin, Peer, Proxy, Reply, Settings};

/// More than stays in memory.
const LONG: usize = 3 << 20;

/// Answers with the length of the request's body, and whether it is [`pattern`].
fn measuring() -> Origin {
    Origin::answering(|request| {
        let is_whole = request.body == pattern(request.body.len());
        let fields =
            ["Content-Length", "Transfer-Encoding", "Expect"].map(|name| request.get(name).unwrap_or("-").to_owned());
        Reply::ok(format!("{} {is_whole} {}", request.body.len(), fields.join(" ")))
    })
}

fn before(backends: &[&Origin], change: impl FnOnce(&mut Settings)) -> Proxy {
    let addresses: Vec<_> = backends.iter().map(|origin| origin.address()).collect();
    let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
    Proxy::with(&addresses, |settings| {
        settings.proxy.request_buffering = BufferingConfig::Switch(true);
        settings.proxy.retry_buffer = 0;
        settings.pool.max_connections = Some(1);
        change(settings);
    })
}

fn send_head(client: &mut Peer, method: &str, field: &str) {
    client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
}

fn send_chunks(client: &mut Peer, data: &[u8]) {
    for chunk in data.chunks(100_000) {
        client.send(format!("{:x}\r\n", chunk.len()));
        client.send(chunk);
        client.send("\r\n");
    }
}

#[test]
fn a_slow_upload_holds_no_place_and_its_length_is_told() {
    let origin = measuring();
    let proxy = before(&[&origin], |_| ());
    let mut slow = proxy.client();
    let data = pattern(LONG);
    send_head(&mut slow, "POST", "Transfer-Encoding: chunked");
    send_chunks(&mut slow, &data[..LONG / 2]);
    assert_eq!(proxy.client().get("/other").text(), "0 true - - -");
    send_chunks(&mut slow, &data[LONG / 2..]);
    assert_eq!(origin.requests().len(), 1, "the upload is not there whole");
    slow.send("0\r\n\r\n");
    assert_eq!(slow.response().text(), format!("{LONG} true {LONG} - -"));
    slow.send_body("POST", "/", "\0");
    assert_eq!(slow.response().text(), "1 true 1 - -");
    send_head(&mut slow, "POST", "Transfer-Encoding: chunked");
    slow.send("0\r\n\r\n");
    assert_eq!(slow.response().text(), "0 true 0 - -");
}

#[test]
fn a_body_with_trailers_stays_chunked() {
    let origin = Origin::start(|_, peer| {
        let request = peer.request();
        assert_eq!(request.get("Transfer-Encoding"), Some("chunked"));
        assert_eq!(request.body, b"hello");
        assert_eq!(request.trailers, [("X-Sum".to_owned(), "17".to_owned())]);
        peer.send(Reply::ok("ok"));
    });
    let proxy = before(&[&origin], |settings| settings.proxy.request_trailers = true);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
    client.send("5\r\nhello\r\n0\r\nX-Sum: 17\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn a_long_body_is_sent_again_to_another_backend() {
    let first = Origin::start(|_, peer| {
        peer.head();
        peer.read(LONG * 2 / 3);
    });
    let second = measuring();
    let proxy = before(&[&first, &second], |_| ());
    let mut client = proxy.client();
    send_head(&mut client, "PUT", &format!("Content-Length: {LONG}"));
    client.send(pattern(LONG));
    assert_eq!(client.response().text(), format!("{LONG} true {LONG} - -"));
    assert_eq!((first.connections(), second.connections()), (1, 1));
}

#[test]
fn what_may_have_effects_is_not_sent_again() {
    let first = Origin::start(|_, peer| {
        peer.head();
        peer.read(LONG * 2 / 3);
    });
    let second = measuring();
    let proxy = before(&[&first, &second], |_| ());
    let mut client = proxy.client();
    send_head(&mut client, "POST", &format!("Content-Length: {LONG}"));
    client.send(pattern(LONG));
    assert_eq!(client.response().status(), 502);
    assert_eq!(second.connections(), 0);
}

#[test]
fn a_client_that_waits_for_a_go_ahead_gets_it_from_the_proxy() {
    let origin = measuring();
    let proxy = before(&[&origin], |_| ());
    let mut client = proxy.client();
    send_head(&mut client, "POST", "Content-Length: 5\r\nExpect: 100-continue");
    assert_eq!(client.head().start, "HTTP/1.1 100 Continue");
    assert_eq!(origin.connections(), 0);
    client.send(pattern(5));
    assert_eq!(client.response().text(), "5 true 5 - -");
}

#[test]
fn a_body_that_is_too_long_reaches_no_backend() {
    let origin = measuring();
    let proxy = before(&[&origin], |settings| settings.proxy.max_body = Some(LONG as i64 - 1));
    let mut client = proxy.client();
    send_head(&mut client, "POST", &format!("Content-Length: {LONG}\r\nExpect: 100-continue"));
    assert_eq!(client.response().status(), 413);
    let mut client = proxy.client();
    send_head(&mut client, "POST", "Transfer-Encoding: chunked");
    send_chunks(&mut client, &pattern(LONG));
    assert_eq!(client.response().status(), 413);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn what_the_file_has_no_room_for_is_streamed() {
    let origin = measuring();
    let proxy = before(&[&origin], |settings| {
        let file = BodyFileConfig { disk: 300_000, path: None };
        settings.proxy.request_buffering = BufferingConfig::File(file);
    });
    let mut client = proxy.client();
    send_head(&mut client, "PUT", "Transfer-Encoding: chunked");
    send_chunks(&mut client, &pattern(LONG));
    client.send("0\r\n\r\n");
    assert_eq!(client.response().text(), format!("{LONG} true - chunked -"));
}

#[test]
fn a_disk_that_takes_nothing_is_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().display().to_string();
    let origin = measuring();
    let proxy = before(&[&origin], |settings| {
        let file = BodyFileConfig { disk: 64 << 20, path: Some(path) };
        settings.proxy.request_buffering = BufferingConfig::File(file);
    });
    drop(folder);
    let mut client = proxy.client();
    send_head(&mut client, "PUT", &format!("Content-Length: {LONG}"));
    client.send(pattern(LONG));
    assert_eq!(client.response().status(), 503);
    assert_eq!(origin.connections(), 0);
    let mut client = proxy.client();
    send_head(&mut client, "PUT", "Content-Length: 100000");
    client.send(pattern(100_000));
    assert_eq!(client.response().text(), "100000 true 100000 - -", "what fits into memory needs no disk");
}

#[test]
fn an_upload_that_stops_is_given_up() {
    let origin = measuring();
    let proxy = before(&[&origin], |settings| settings.server.client_body_timeout.value = 0.3);
    let mut client = proxy.client();
    send_head(&mut client, "POST", &format!("Content-Length: {LONG}"));
    client.send(&pattern(LONG)[1..]);
    assert_eq!(client.response().status(), 408);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn bodies_of_http2_are_taken_in_too() {
    let origin = measuring();
    let proxy = before(&[&origin], |_| ());
    http2(&proxy, |client| async move {
        let upload = request("POST", "/").body(()).expect("a request");
        let answer = client.send(upload, Some(&pattern(LONG))).await.expect("an answer");
        assert_eq!(answer.text(), format!("{LONG} true {LONG} - -"));
    });
}

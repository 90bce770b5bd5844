//! HTTP/2 from clients: sides that do not read, or do not send.

use std::sync::mpsc::channel;

use crate::support::{http2, pattern, read, request, Frame, Gate, Origin, Proxy, RawHttp2, Reply};

#[test]
fn a_stream_that_is_not_read_stops_its_backend_and_nothing_else() {
    let (sender, sent) = channel();
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            if request.target() != "/huge" {
                peer.send(Reply::ok("ok"));
                continue;
            }
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
            let socket = socket2::SockRef::from(peer.stream());
            socket.set_send_buffer_size(64 * 1024).expect("a small buffer");
            socket.set_write_timeout(Some(std::time::Duration::from_millis(500))).expect("a limit");
            let piece = pattern(16 * 1024);
            let taken = (0..6_000).take_while(|_| peer.try_send(&piece).is_ok()).count() * piece.len();
            sender.send(taken).expect("a listener");
            return;
        }
    });
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let mut requests = client.requests.clone().ready().await.expect("ready");
        let (response, _body) =
            requests.send_request(request("GET", "/huge").body(()).expect("a request"), true).expect("sent");
        let response = response.await.expect("an answer");
        for _ in 0..50 {
            assert_eq!(client.get("/other").await.text(), "ok");
        }
        let taken = loop {
            match sent.try_recv() {
                Ok(taken) => break taken,
                Err(_) => assert_eq!(client.get("/other").await.text(), "ok"),
            }
        };
        assert!(taken < 8_000_000, "{taken} bytes were taken for a client that reads nothing");
        drop(response);
        assert_eq!(client.get("/other").await.text(), "ok");
    });
}

#[test]
fn an_upload_that_a_backend_does_not_read_stops_and_nothing_else() {
    let origin = Origin::start(|_, peer| {
        while let Some(head) = peer.try_head() {
            if head.target() == "/stuck" {
                // Until the proxy closes it.
                std::thread::park_timeout(std::time::Duration::from_millis(1_500));
                return;
            }
            peer.send(Reply::ok("ok"));
        }
    });
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let mut requests = client.requests.clone().ready().await.expect("ready");
        let mut stuck = Vec::new();
        for _ in 0..20 {
            let (response, mut body) =
                requests.send_request(request("POST", "/stuck").body(()).expect("a request"), false).expect("sent");
            body.send_data(vec![0; 2_000_000].into(), true).expect("queued");
            stuck.push(response);
        }
        for _ in 0..20 {
            assert_eq!(client.get("/other").await.text(), "ok");
        }
        let small =
            client.send(request("POST", "/other").header("content-length", "0").body(()).expect("a request"), None);
        assert_eq!(small.await.expect("an answer").text(), "ok");
    });
}

#[test]
fn a_client_that_takes_nothing_of_a_response_loses_it_in_time() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        let _ = peer.try_send(pattern(100_000));
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.client_body_timeout.value = 0.3);
    // Windows of no size for streams.
    let mut client = RawHttp2::over(proxy.client(), &[(4, 0)]);
    client.get(1, "/");
    assert_eq!(client.next_of(Frame::HEADERS).stream, 1);
    let reset = client.next_of(Frame::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (1, 2));
}

#[test]
fn a_body_that_does_not_come_is_answered_408() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.client_body_timeout.value = 0.3);
    http2(&proxy, |client| async move {
        let mut requests = client.requests.clone().ready().await.expect("ready");
        let head = request("POST", "/").body(()).expect("a request");
        let (response, _body) = requests.send_request(head, false).expect("sent");
        let answer = read(response.await.expect("an answer")).await.expect("whole");
        assert_eq!(answer.status, 408);
    });
}

#[test]
fn each_event_leaves_at_once() {
    let (next, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for number in 0..3 {
            peer.send(format!("8\r\ndata: {number}\n\r\n"));
            gate.wait_until("the event has arrived");
        }
        peer.send("0\r\n\r\n");
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    client.get(1, "/");
    for number in 0..3 {
        assert_eq!(client.next_of(Frame::DATA).payload, format!("data: {number}\n").as_bytes());
        next.open();
    }
    assert_eq!(client.next_of(Frame::DATA).flags & Frame::END_STREAM, Frame::END_STREAM);
}

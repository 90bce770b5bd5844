//! Event streams: they end between two events, or visibly in one.

use super::{cut, expect_clean_end, graceless};
use crate::support::{http2, request, Gate, Origin, PATIENCE};

/// A backend that sends these pieces of an event stream, one for each time that it is told to, and holds on.
fn events(pieces: &'static [&'static str]) -> Origin {
    Origin::start(move |_, peer| {
        peer.request();
        peer.send(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n",
        );
        for piece in pieces {
            peer.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
        }
        peer.rest();
    })
}

#[test]
fn an_event_stream_ends_in_order_between_two_events() {
    for pieces in [&["data: one\n\n", ": ping\r\n\r\n"][..], &[]] {
        let origin = events(pieces);
        let proxy = graceless(&origin);
        let mut client = proxy.client();
        client.send_get("/events");
        assert_eq!(client.head().status(), 200);
        for piece in pieces {
            assert_eq!(client.chunk().expect("a chunk"), piece.as_bytes());
        }
        assert_eq!(proxy.server.stats().requests.event_streams, 1);
        proxy.server.begin_stop(Some(PATIENCE));
        assert_eq!(client.chunks().0, b"");
        client.expect_end();
        expect_clean_end(&proxy);
        assert_eq!(cut(&proxy), (0, 0, 1));
    }
}

#[test]
fn an_event_stream_in_the_middle_of_an_event_or_to_no_get_is_cut_short() {
    for (method, piece) in [("GET", "data: on"), ("GET", "data: one\n"), ("POST", "data: one\n\n")] {
        let origin = Origin::start(move |_, peer| {
            peer.request();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n\
                 {piece}\r\n",
                piece.len()
            ));
            peer.rest();
        });
        let proxy = graceless(&origin);
        let mut client = proxy.client();
        client.send_body(method, "/events", "");
        assert_eq!(client.head().status(), 200);
        assert_eq!(client.chunk().expect("a chunk"), piece.as_bytes());
        proxy.server.begin_stop(Some(PATIENCE));
        assert_eq!(client.rest().0, b"", "no last chunk");
        expect_clean_end(&proxy);
        assert_eq!(cut(&proxy), (0, 0, 1));
        assert_eq!(proxy.server.stats().backends[0].failures, 0, "the backend is not to blame");
    }
}

#[test]
fn a_download_is_no_event_stream() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        gate.wait_until("the server is stopping");
        peer.send("3\r\ntwo\r\n0\r\n\r\n");
        peer.rest();
    });
    let proxy = graceless(&origin);
    let mut idle = proxy.client();
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().expect("a chunk"), b"one");
    proxy.server.begin_stop(Some(PATIENCE));
    idle.expect_end();
    go.open();
    assert_eq!(client.chunks().0, b"two");
    expect_clean_end(&proxy);
    assert_eq!(cut(&proxy), (0, 0, 0));
}

#[test]
fn event_streams_of_http2_end_in_order_or_with_a_reset() {
    for (piece, in_order) in [("data: one\n\n", true), ("data: on", false)] {
        let origin = Origin::start(move |_, peer| {
            peer.request();
            peer.send(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n\
                 {piece}\r\n",
                piece.len()
            ));
            peer.rest();
        });
        let proxy = graceless(&origin);
        let ended = http2(&proxy, |client| {
            let server = &proxy.server;
            async move {
                let mut requests = client.requests.clone().ready().await.expect("it is ready");
                let asked = request("GET", "/").body(()).expect("a request");
                let (response, _) = requests.send_request(asked, true).expect("it is sent");
                let mut body = response.await.expect("a head").into_body();
                assert_eq!(body.data().await.expect("data").expect("data"), piece.as_bytes());
                server.begin_stop(Some(PATIENCE));
                loop {
                    match body.data().await {
                        None => return Ok(()),
                        // The end alone.
                        Some(Ok(data)) => assert_eq!(data, ""),
                        Some(Err(error)) => return Err(error.is_reset()),
                    }
                }
            }
        });
        assert_eq!(ended, if in_order { Ok(()) } else { Err(true) }, "{piece:?}");
        expect_clean_end(&proxy);
    }
}

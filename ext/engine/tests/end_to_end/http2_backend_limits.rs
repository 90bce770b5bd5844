//! Backends that speak HTTP/2 and keep to no rule, and clients who do not take what they send.

use bytes::Bytes;
use http::Response;

use crate::http2_backend::{before, raw};
use crate::support::{pattern, Exchange, Frame, Http2Origin, Origin, Proxy, RawHttp2};

/// A setting.
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// Makes one more frame of a flood.
type Flood = Box<dyn Fn() -> Frame + Send + Sync>;

#[test]
fn a_backend_that_floods_is_dropped() {
    let ping = || Frame::new(Frame::PING, 0, 0, [0; 8]);
    let settings = || Frame::new(Frame::SETTINGS, 0, 0, []);
    let continuation = || Frame::new(Frame::CONTINUATION, 0, 1, crate::support::block(&[("a", "b")]));
    let interim = || Frame::new(Frame::HEADERS, Frame::END_HEADERS, 1, crate::support::block(&[(":status", "103")]));
    let unknown = || Frame::new(0x42, 0, 0, []);
    let push = || {
        let mut payload = 2u32.to_be_bytes().to_vec();
        payload.extend(crate::support::block(&[
            (":method", "GET"),
            (":path", "/"),
            (":scheme", "http"),
            (":authority", "a"),
        ]));
        Frame::new(5, Frame::END_HEADERS, 1, payload)
    };
    let floods: [(&str, Flood); 6] = [
        ("ping", Box::new(ping)),
        ("settings", Box::new(settings)),
        ("continuation", Box::new(continuation)),
        ("interim", Box::new(interim)),
        ("unknown", Box::new(unknown)),
        ("push", Box::new(push)),
    ];
    for (name, frame) in floods {
        let origin = raw(move |_, backend| {
            backend.next_request();
            let mut frames = Vec::new();
            if name == "continuation" {
                frames.extend(Frame::new(Frame::HEADERS, 0, 1, crate::support::block(&[(":status", "200")])).bytes());
            }
            for _ in 0..100 {
                frames.extend(frame().bytes());
            }
            let mut reader = RawHttp2 { peer: backend.peer.writer() };
            std::thread::spawn(move || while reader.next().is_some() {});
            // As long as it is taken. The test's own time limit says if that has no end.
            while backend.peer.try_send(&frames).is_ok() {}
        });
        let proxy = Proxy::with(&[&format!("h2://{}", origin.address())], |settings| settings.proxy.retries = Some(0));
        let mut client = proxy.client();
        client.send_get("/");
        let status = std::iter::repeat_with(|| client.head().status()).find(|status| *status >= 200);
        assert_eq!(status, Some(502), "{name}");
    }
}

#[test]
fn a_response_that_breaks_the_rules_is_refused() {
    for fields in [
        &[(":status", "200"), ("content-length", "3"), ("content-length", "4")][..],
        &[(":status", "200"), ("connection", "close")],
        &[(":status", "200"), ("Upper", "1")],
        &[(":status", "200"), ("content-length", "7")],
        &[("x", "no status")],
        &[(":status", "101")],
    ] {
        let origin = raw(|_, backend| {
            let stream = backend.next_request();
            backend.answer(stream, fields, None);
            while backend.next().is_some() {}
        });
        let proxy = before(&origin);
        assert_eq!(proxy.client().get("/").status(), 502, "{fields:?}");
    }
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let origin = raw(|_, backend| {
        let stream = backend.next_request();
        let long = "x".repeat(10_000);
        backend.answer(stream, &[(":status", "200"), ("x-long", &long)], None);
        while backend.next().is_some() {}
    });
    let proxy = Proxy::with(&[&format!("h2://{}", origin.address())], |settings| {
        settings.server.max_header_size = proxy_engine::config::Setting::of(8192);
    });
    assert_eq!(proxy.client().get("/").status(), 502);
}

#[test]
fn a_body_where_none_may_be_reaches_nobody() {
    let origin = raw(|_, backend| {
        let stream = backend.next_request();
        backend.answer(stream, &[(":status", "204")], Some("smuggled"));
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 204);
    assert_eq!(client.rest().0, b"");
}

#[test]
fn a_client_that_stops_reading_does_not_stop_the_others() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange: Exchange| async move {
            let head = Response::new(());
            let mut stream = exchange.response.send_response(head, false).expect("sent");
            let data = Bytes::from(pattern(8 << 20));
            let mut sent = 0;
            while sent < data.len() {
                stream.reserve_capacity(64 * 1024);
                let capacity = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
                let Some(Ok(n)) = capacity else { return };
                let n = n.min(data.len() - sent);
                sent += n;
                if stream.send_data(data.slice(sent - n..sent), sent == data.len()).is_err() {
                    return;
                }
            }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut stalled: Vec<_> = (0..20).map(|_| proxy.narrow_client()).collect();
    for client in &mut stalled {
        client.send_get("/");
        assert_eq!(client.head().status(), 200);
    }
    assert!(proxy.client().get("/").body == pattern(8 << 20));
    assert_eq!(origin.connections(), 1);
    // What their streams held comes back when they go.
    drop(stalled);
    for _ in 0..3 {
        assert!(proxy.client().get("/").body == pattern(8 << 20));
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn clients_that_go_away_together_take_nobody_with_them() {
    const CLIENTS: usize = 128;
    let origin = raw(|_, backend| {
        let streams: Vec<_> = (0..CLIENTS).map(|_| backend.next_request()).collect();
        let fields = crate::support::block(&[(":status", "200")]);
        for stream in &streams {
            backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, *stream, &fields));
        }
        let gone: Vec<_> = (1..CLIENTS).map(|_| backend.next_of(Frame::RST_STREAM).stream).collect();
        // As if all of it had been on its way.
        for _ in 0..20 {
            let frames: Vec<_> =
                gone.iter().flat_map(|stream| Frame::new(Frame::DATA, 0, *stream, "late").bytes()).collect();
            backend.peer.send(frames);
            backend.send(Frame::new(Frame::PING, 0, 0, [0; 8]));
            backend.next_of(Frame::PING);
        }
        let left = streams.into_iter().find(|stream| !gone.contains(stream)).expect("one is left");
        backend.send(Frame::new(Frame::DATA, Frame::END_STREAM, left, "whole"));
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send_get("/"));
    clients.iter_mut().for_each(|client| assert_eq!(client.head().status(), 200));
    let mut left = clients.remove(0);
    clients.into_iter().for_each(|client| client.reset());
    assert_eq!(String::from_utf8_lossy(&left.chunks().0), "whole");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn who_waits_for_a_stream_hears_when_the_backend_takes_more() {
    let origin = Origin::start(|_, peer| {
        let mut backend = RawHttp2::accept(peer, &[(MAX_CONCURRENT_STREAMS, 0)]);
        backend.next_of(Frame::SETTINGS);
        // The request is there by now, and waits.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let settings = [&MAX_CONCURRENT_STREAMS.to_be_bytes()[..], &10u32.to_be_bytes()].concat();
        backend.send(Frame::new(Frame::SETTINGS, 0, 0, settings));
        let stream = backend.next_request();
        backend.answer(stream, &[(":status", "200")], Some("ok"));
        while backend.next().is_some() {}
    });
    let proxy = Proxy::with(&[&format!("h2://{}", origin.address())], |settings| settings.proxy.timeout = 4.0);
    assert_eq!(proxy.client().get("/").text(), "ok");
}

#[test]
fn small_pieces_for_a_client_that_does_not_read_harm_nobody_else() {
    const STALLED: usize = 5;
    let origin = raw(|_, backend| {
        // Until then the window is a smaller one.
        backend.send(Frame::new(Frame::SETTINGS, Frame::ACK, 0, []));
        let fields = crate::support::block(&[(":status", "200")]);
        for _ in 0..STALLED {
            let stream = backend.next_request();
            backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, &fields));
            // All that its window takes.
            let piece = Frame::new(Frame::DATA, 0, stream, "8 bytes.").bytes();
            (0..32).for_each(|_| backend.peer.send(piece.repeat(1024)));
        }
        let last = backend.next_request();
        backend.answer(last, &[(":status", "200")], Some("whole"));
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    crate::support::http2(&proxy, |client| async move {
        let mut stalled = Vec::new();
        for _ in 0..STALLED {
            let mut requests = client.requests.clone().ready().await.expect("an open connection");
            let head = crate::support::request("GET", "/").body(()).expect("a request");
            stalled.push(requests.send_request(head, true).expect("sent").0.await.expect("a head"));
        }
        assert_eq!(client.get("/").await.text(), "whole");
        let mut first = stalled.remove(0).into_body();
        let mut read = 0;
        while read < 32 * 1024 * 8 {
            let data = first.data().await.expect("more").expect("data");
            first.flow_control().release_capacity(data.len()).expect("released");
            assert!(data.iter().enumerate().all(|(at, byte)| b"8 bytes."[(read + at) % 8] == *byte), "in order");
            read += data.len();
        }
    });
    assert_eq!(origin.connections(), 1);
}

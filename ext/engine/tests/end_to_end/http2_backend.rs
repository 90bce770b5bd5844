//! Backends that speak HTTP/2.

use std::sync::mpsc::channel;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::sync::Barrier;

use crate::support::{eventually, pattern, Exchange, Frame, Http2Origin, Origin, Peer, Proxy, RawHttp2, Seen};

/// REFUSED_STREAM and CANCEL.
const REFUSED: u32 = 7;
const CANCEL: u32 = 8;
/// A setting.
const MAX_CONCURRENT_STREAMS: u16 = 3;

/// A backend whose script knows frames.
fn raw(script: impl Fn(usize, &mut RawHttp2) + Send + Sync + 'static) -> Origin {
    Origin::start(move |number, peer: &mut Peer| script(number, &mut RawHttp2::accept(peer, &[])))
}

fn before(origin: &Origin) -> Proxy {
    Proxy::with(&[&format!("h2://{}", origin.address())], |_| ())
}

fn post(client: &mut Peer, body: &str) {
    client.send(format!("POST /p HTTP/1.1\r\nHost: site.example\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
}

#[test]
fn a_request_is_translated_and_its_answer_too() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange: Exchange| async move {
            let fields = exchange.request.headers().clone();
            let seen = ["host", "connection", "transfer-encoding", "te", "x-kept"]
                .map(|name| fields.get(name).map(|value| value.to_str().expect("text").to_owned()));
            let body = exchange.body().await;
            let text = format!("{:?} {} {seen:?} {}", exchange.request.uri(), body.len(), exchange.request.method());
            exchange.answer(201, text.as_bytes());
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut client = proxy.client();
    client.send("PUT /a%20b?c={d} HTTP/1.1\r\nHost: site.example\r\nX-Kept: 1\r\nConnection: X-Dropped\r\nX-Dropped: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status(), answer.start.as_str()), (201, "HTTP/1.1 201 Created"));
    let host = origin.address().replace("h2://", "http://");
    assert_eq!(answer.text(), format!("{host}/a%20b?c={{d}} 3 [None, None, None, None, Some(\"1\")] PUT"));
    assert_eq!(answer.get("Via"), Some("2.0 proxy"));
}

#[test]
fn requests_share_one_connection() {
    let barrier = Arc::new(Barrier::new(20));
    let origin = Http2Origin::start(
        |_| (),
        move |exchange: Exchange| {
            let barrier = barrier.clone();
            async move {
                barrier.wait().await;
                exchange.echo().await;
            }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut clients: Vec<_> = (0..20).map(|_| proxy.client()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    for (number, client) in clients.iter_mut().enumerate() {
        let answer = client.response();
        assert!(answer.text().contains(&format!("/{number} ")), "{answer:?}");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_stream_limit_makes_for_more_connections() {
    let barrier = Arc::new(Barrier::new(3));
    let origin = Http2Origin::start(
        |builder| {
            builder.max_concurrent_streams(1);
        },
        move |exchange: Exchange| {
            let barrier = barrier.clone();
            async move {
                barrier.wait().await;
                exchange.echo().await;
            }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    clients.iter_mut().for_each(|client| assert_eq!(client.response().status(), 200));
    assert_eq!(origin.connections(), 3);
}

#[test]
fn trailers_pass_in_both_directions() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange: Exchange| async move {
            exchange.body().await;
            let trailers = exchange.request.body_mut().trailers().await.expect("a whole body").expect("trailers");
            let head = Response::builder().header("trailer", "x-sum").body(()).expect("a head");
            let mut stream = exchange.response.send_response(head, false).expect("sent");
            stream.send_data(Bytes::from_static(b"data"), false).expect("sent");
            let mut back = HeaderMap::new();
            back.insert("x-sum", trailers["x-up"].clone());
            stream.send_trailers(back).expect("sent");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Up: 7\r\n\r\n");
    let answer = client.response();
    assert_eq!(answer.text(), "data");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "7".to_owned())]);
}

#[test]
fn a_backend_may_send_as_many_fields_as_in_http_1() {
    for (extra, status) in [(0, 200), (1, 502)] {
        let origin = Http2Origin::start(
            |_| (),
            move |mut exchange: Exchange| async move {
                let mut head = Response::builder();
                for _ in 0..128 + extra {
                    head = head.header("x", "");
                }
                exchange.response.send_response(head.body(()).expect("a head"), true).expect("sent");
            },
        );
        let proxy = Proxy::with(&[&origin.address()], |_| ());
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.response().status(), status);
    }
}

#[test]
fn a_refused_stream_is_tried_again_whatever_the_method() {
    let origin = raw(|_, backend| {
        let first = backend.next_request();
        backend.reset(first, REFUSED);
        let second = backend.next_request();
        let data = backend.next_of(Frame::DATA);
        assert_eq!((second, data.payload), (3, b"hello".to_vec()));
        backend.answer(second, &[(":status", "200")], Some("ok"));
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    post(&mut client, "hello");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(origin.connections(), 1, "the connection lives on");
}

#[test]
fn a_request_above_the_last_one_that_goaway_names_is_sent_again_whole() {
    let seen: Seen<Vec<u8>> = Seen::default();
    let log = seen.clone();
    let origin = raw(move |number, backend| {
        let stream = backend.next_request();
        let data = backend.next_of(Frame::DATA).payload;
        log.lock().expect("the log").push(data);
        match number {
            0 => backend.go_away(0, 0),
            _ => backend.answer(stream, &[(":status", "200")], Some("ok")),
        }
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    post(&mut client, "hello");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(origin.connections(), 2);
    assert_eq!(*seen.lock().expect("the log"), [b"hello", b"hello"]);
}

#[test]
fn a_connection_that_goes_away_costs_no_attempt_and_ends_what_it_has() {
    let (begin, begun) = channel();
    let begin = std::sync::Mutex::new(begin);
    let other_came = Arc::new(std::sync::Barrier::new(2));
    let origin = raw(move |number, backend| {
        let stream = backend.next_request();
        if number == 0 {
            backend.send(Frame::new(
                Frame::HEADERS,
                Frame::END_HEADERS,
                stream,
                crate::support::block(&[(":status", "200")]),
            ));
            backend.go_away(stream, 0);
            begin.lock().expect("a sender").send(()).expect("a receiver");
            // The second request comes over another connection.
            other_came.wait();
            backend.send(Frame::new(Frame::DATA, Frame::END_STREAM, stream, "first"));
        } else {
            other_came.wait();
            backend.answer(stream, &[(":status", "200")], Some("second"));
        }
        while let Some(frame) = backend.next() {
            assert!(number > 0 || frame.kind != Frame::HEADERS, "a new stream after GOAWAY");
        }
    });
    let proxy = Proxy::with(&[&format!("h2://{}", origin.address())], |settings| settings.proxy.retries = Some(0));
    let (mut first, mut second) = (proxy.client(), proxy.client());
    first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    begun.recv().expect("it began");
    post(&mut second, "x");
    assert_eq!(second.response().text(), "second");
    assert_eq!(first.response().text(), "first");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_request_that_may_have_been_served_is_not_sent_again() {
    let origin = raw(|_, backend| {
        backend.next_request();
    });
    let other = Http2Origin::echoing();
    let proxy = Proxy::with(&[&format!("h2://{}", origin.address()), &other.address()], |_| ());
    let mut client = proxy.client();
    post(&mut client, "x");
    assert_eq!(client.response().status(), 502);
    assert_eq!(proxy.client().get("/").status(), 200, "a GET goes on");
    assert_eq!(other.connections(), 1);
}

#[test]
fn a_response_that_is_reset_is_cut_short() {
    let origin = raw(|_, backend| {
        let stream = backend.next_request();
        let fields = crate::support::block(&[(":status", "200")]);
        backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, fields));
        backend.send(Frame::new(Frame::DATA, 0, stream, "half"));
        backend.reset(stream, 2);
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    let (rest, _) = client.rest();
    let rest = String::from_utf8_lossy(&rest).into_owned();
    assert!(!rest.ends_with("0\r\n\r\n"), "{rest:?}");
}

#[test]
fn a_whole_response_may_stop_the_upload() {
    let origin = raw(|_, backend| {
        let stream = backend.next_request();
        backend.answer(stream, &[(":status", "413")], Some("too much"));
        backend.reset(stream, 0);
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nbegun");
    let answer = client.response();
    assert_eq!((answer.status(), answer.text().as_str()), (413, "too much"));
}

#[test]
fn a_client_that_goes_away_cancels_its_stream_and_no_other() {
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let origin = raw(move |_, backend| {
        let first = backend.next_request();
        tell.lock().expect("a sender").send(()).expect("a receiver");
        let reset = backend.next_of(Frame::RST_STREAM);
        assert_eq!((reset.stream, reset.code()), (first, CANCEL));
        tell.lock().expect("a sender").send(()).expect("a receiver");
        let second = backend.next_request();
        backend.answer(second, &[(":status", "200")], Some("ok"));
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    told.recv().expect("the request");
    client.reset();
    told.recv().expect("the reset");
    assert_eq!(proxy.client().get("/").text(), "ok");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_timeout_cancels_the_stream() {
    let origin = raw(|_, backend| {
        let first = backend.next_request();
        let reset = backend.next_of(Frame::RST_STREAM);
        assert_eq!((reset.stream, reset.code()), (first, CANCEL));
        while backend.next().is_some() {}
    });
    let proxy = Proxy::with(&[&format!("h2://{}", origin.address())], |settings| settings.proxy.timeout = 0.1);
    assert_eq!(proxy.client().get("/").status(), 504);
}

#[test]
fn a_server_of_http_1_is_found_out_before_a_request_is_sent() {
    let wrong = Origin::start(|_, peer| {
        peer.read(24);
        peer.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
    let right = Http2Origin::echoing();
    let proxy = Proxy::with(&[&format!("h2://{}", wrong.address()), &right.address()], |_| ());
    let mut client = proxy.client();
    post(&mut client, "x");
    assert_eq!(client.response().status(), 200);
    let proxy = before(&wrong);
    assert_eq!(proxy.client().get("/").status(), 502);
}

#[test]
fn interim_responses_pass() {
    let origin = raw(|_, backend| {
        let stream = backend.next_request();
        for status in ["103", "100"] {
            let fields = crate::support::block(&[(":status", status), ("link", "</a>")]);
            backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, fields));
        }
        backend.next_of(Frame::DATA);
        backend.answer(stream, &[(":status", "204")], None);
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    let early = client.head();
    assert_eq!((early.status(), early.get("Link")), (103, Some("</a>")));
    assert_eq!(client.head().status(), 100);
    client.send("x");
    assert_eq!(client.head().status(), 204);
}

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
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
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
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
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
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
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
fn an_idle_connection_is_closed_in_time() {
    let origin = Http2Origin::echoing();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.pool.keepalive = 0);
    assert_eq!(proxy.client().get("/").status(), 200);
    eventually("keepalive: 0 closes at once", || origin.open() == 0);
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.pool.keepalive_timeout = 0.2);
    assert_eq!(proxy.client().get("/").status(), 200);
    assert_eq!(origin.open(), 1);
    eventually("keepalive_timeout closes", || origin.open() == 0);
}

#[test]
fn a_websocket_goes_through_an_extended_connect() {
    let origin = Http2Origin::start(
        |builder| {
            builder.enable_connect_protocol();
        },
        |mut exchange: Exchange| async move {
            let protocol =
                exchange.request.extensions().get::<h2::ext::Protocol>().expect("a protocol").as_str().to_owned();
            assert_eq!((exchange.request.method().as_str(), protocol.as_str()), ("CONNECT", "websocket"));
            assert!(!exchange.request.headers().contains_key("sec-websocket-key"));
            let mut stream = exchange.response.send_response(Response::new(()), false).expect("sent");
            let body = exchange.request.body_mut();
            while let Some(Ok(data)) = body.data().await {
                let _ = body.flow_control().release_capacity(data.len());
                stream.send_data(data, false).expect("sent");
            }
            stream.send_data(Bytes::new(), true).expect("sent");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut client = proxy.client();
    let upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.send(upgrade);
    let answer = client.head();
    assert_eq!((answer.status(), answer.get("Upgrade")), (101, Some("websocket")));
    assert_eq!(answer.get("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    client.send("ping");
    assert_eq!(client.read(4), b"ping");
    client.half_close();
    client.expect_end();

    let without = Http2Origin::echoing();
    let proxy = Proxy::with(&[&without.address()], |_| ());
    let mut client = proxy.client();
    client.send(upgrade);
    assert_eq!(client.response().status(), 502);
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
    clients.iter_mut().for_each(|client| client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
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

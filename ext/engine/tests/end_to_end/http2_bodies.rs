//! Bodies over HTTP/2 in small pieces, in large ones that nobody asked for, and at no speed at all.

use std::time::{Duration, Instant};

use proxy_engine::configuration::{Directive, Setting, StaticResponseConfig};

use crate::support::{block, Frame, Http2Origin, Origin, Proxy, RawHttp2, Reply};

fn post(stream: u32, fields: &[(&str, &str)]) -> Frame {
    let head = [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, block(&[&head[..], fields].concat()))
}

/// Says how long the body was.
fn measuring() -> Origin {
    Origin::answering(|request| {
        let length = request.body.len().to_string();
        Reply::ok(length)
    })
}

/// Status and body of a stream's answer.
fn answer(client: &mut RawHttp2, stream: u32) -> String {
    loop {
        let frame = client.next().expect("the connection goes on");
        assert_ne!(frame.kind, Frame::GOAWAY, "{frame:?}");
        if (frame.kind, frame.stream) == (Frame::DATA, stream) {
            return String::from_utf8(frame.payload).expect("text");
        }
    }
}

#[test]
fn pieces_of_any_size_are_no_flood() {
    let origin = measuring();
    let proxy = Proxy::before(&origin);
    let empty = Frame::new(Frame::DATA, 0, 1, []).bytes();
    let padded = Frame::new(Frame::DATA, 8, 1, [&[200][..], &[0; 200]].concat()).bytes();
    let small = Frame::new(Frame::DATA, 0, 1, [0; 10]).bytes();
    let small_and_padded = Frame::new(Frame::DATA, 8, 1, [&[50][..], &[0; 60]].concat()).bytes();
    for (what, piece, count, length) in [
        ("empty ones", &empty, 100_000, 0),
        ("nothing but padding", &padded, 5_000, 0),
        ("small ones", &small, 5_000, 50_000),
        ("small ones with padding", &small_and_padded, 3_000, 30_000),
    ] {
        eprintln!("{what}");
        let mut client = RawHttp2::connect(&proxy);
        client.next_of(Frame::SETTINGS);
        client.send(post(1, &[]));
        let mut writer = client.peer.writer();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // As much as the window has room for; it is given back before it is used up.
                for _ in 0..count / 500 {
                    writer.try_send(piece.repeat(500)).expect("it is taken");
                    std::thread::sleep(Duration::from_millis(5));
                }
                writer.try_send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, []).bytes()).expect("it is taken");
            });
            assert_eq!(answer(&mut client, 1), length.to_string());
        });
        client.get(3, "/");
        assert_eq!(answer(&mut client, 3), "0", "the connection serves on");
    }
}

#[test]
fn a_pseudo_field_in_trailers_costs_the_stream() {
    // What is reset may have reached it in part.
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange| async move {
            let length = exchange.body().await.len().to_string();
            exchange.answer(200, length.as_bytes());
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut client = RawHttp2::connect(&proxy);
    for (stream, trailers) in
        [(1, block(&[(":path", "/x")])), (3, vec![0x84]), (5, block(&[("x", "y"), (":method", "z")]))]
    {
        client.send(post(stream, &[]));
        client.send(Frame::new(Frame::DATA, 0, stream, "body"));
        client.send(Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, stream, trailers));
        let reset = client.next_of(Frame::RST_STREAM);
        assert_eq!((reset.stream, reset.code()), (stream, 1));
    }
    client.send(post(7, &[]));
    client.send(Frame::new(Frame::DATA, 0, 7, "body"));
    client.send(Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, 7, block(&[("x", "y")])));
    assert_eq!(answer(&mut client, 7), "4");
}

#[test]
fn what_is_still_sent_behind_an_early_answer_is_taken_before_the_stream_is_reset() {
    let proxy = Proxy::with(&["127.0.0.1:1"], |settings| {
        let refusal = StaticResponseConfig { code: 403, body: "no".into(), ..StaticResponseConfig::default() };
        settings.server.routes.push(Directive::StaticResponse(refusal));
    });
    let mut client = RawHttp2::connect(&proxy);
    client.send(post(1, &[]));
    assert_eq!(answer(&mut client, 1), "no");
    // Eight times the window.
    let (mut room, mut sent) = (65_535, 0);
    while sent < 1 << 20 {
        while room < 16_384 {
            let frame = client.next().expect("the connection goes on");
            assert_ne!(frame.kind, Frame::RST_STREAM, "after {sent} bytes");
            if (frame.kind, frame.stream) == (Frame::WINDOW_UPDATE, 1) {
                room += frame.code() as usize;
            }
        }
        client.send(Frame::new(Frame::DATA, 0, 1, [0; 16_384]));
        (room, sent) = (room - 16_384, sent + 16_384);
    }
    client.send(Frame::new(Frame::DATA, Frame::END_STREAM, 1, []));
}

#[test]
fn a_body_that_trickles_in_is_answered_408() {
    let origin = Origin::start(|_, peer| {
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.min_rate = Setting::of(1_000));
    let begun = Instant::now();
    let (mut old, mut new) = (proxy.client(), RawHttp2::connect(&proxy));
    old.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n");
    new.send(post(1, &[]));
    // The backend speaks HTTP/1.1, so this is no call, whatever the client says.
    let mut call = RawHttp2::connect(&proxy);
    call.send(post(1, &[("content-type", "application/grpc")]));
    let (mut one, mut two, mut three) = (old.writer(), new.peer.writer(), call.peer.writer());
    // The allowance alone takes as long as a test usually waits, which a writer says again for the socket that it
    // shares.
    for peer in [&old, &new.peer, &call.peer] {
        peer.stream().set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit");
    }
    let trickling = std::thread::spawn(move || {
        let piece = Frame::new(Frame::DATA, 0, 1, "x").bytes();
        while begun.elapsed() < Duration::from_secs(30)
            && one.try_send("x").is_ok()
            && two.try_send(&piece).is_ok()
            && three.try_send(&piece).is_ok()
        {
            std::thread::sleep(Duration::from_millis(300));
        }
    });
    assert_eq!(old.response().status(), 408);
    // The answer, which is small, and no reset before it.
    new.next_of(Frame::HEADERS);
    call.next_of(Frame::HEADERS);
    assert!(begun.elapsed() >= Duration::from_secs(10), "{:?}", begun.elapsed());
    drop((old, new, call));
    trickling.join().expect("it ends");
}

#[test]
fn a_backend_of_http_2_may_read_a_request_before_it_begins() {
    let late = Origin::start(|_, peer| {
        let mut backend = RawHttp2 { peer: peer.writer() };
        backend.peer.read(24);
        let stream = backend.next_of(Frame::HEADERS).stream;
        backend.send(Frame::new(Frame::SETTINGS, 0, 0, []));
        backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, stream, [0x88]));
        while backend.next().is_some() {}
    });
    let proxy = Proxy::with(&[&format!("h2://{}", late.address())], |_| ());
    assert_eq!(proxy.client().get("/").status(), 200);
}

#[test]
fn a_body_shorter_than_it_said_is_cut_short_for_every_client() {
    let origin = Origin::start(|_, peer| {
        let mut backend = RawHttp2::accept(peer, &[]);
        while let Some(frame) = backend.next() {
            if frame.kind == Frame::HEADERS {
                let fields = block(&[(":status", "200"), ("content-length", "10")]);
                backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, frame.stream, fields));
                backend.send(Frame::new(Frame::DATA, Frame::END_STREAM, frame.stream, "four"));
            }
        }
    });
    let proxy = Proxy::with(&[&format!("h2://{}", origin.address())], |_| ());
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let text = String::from_utf8_lossy(&client.rest().0).into_owned();
    // Nothing of it, or less than was promised before the connection ends.
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    assert!(text.contains(" 502 ") || text.contains("content-length: 10") && body.len() < 10, "{text}");
    let mut client = RawHttp2::connect(&proxy);
    client.get(1, "/");
    // It is reset, or answered by the proxy itself.
    let mut body = Vec::new();
    loop {
        let frame = client.next().expect("the connection goes on");
        if frame.kind == Frame::RST_STREAM {
            break;
        }
        if frame.kind == Frame::DATA {
            body.extend(frame.payload);
        }
        if frame.stream == 1 && frame.flags & Frame::END_STREAM != 0 {
            assert_ne!(body, b"four", "it is completed");
            break;
        }
    }
}

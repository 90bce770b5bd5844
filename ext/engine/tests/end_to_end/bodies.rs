//! Bodies in every framing, in both directions.

use std::sync::mpsc::channel;

use crate::support::{pattern, Gate, Origin, Proxy, Reply};

fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Sends back the body of each request in the framing that its target names.
fn echo() -> Origin {
    Origin::start(|_, peer| {
        while let Some(request) = peer.try_request() {
            let body = &request.body;
            match request.target() {
                "/length" => {
                    peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
                    peer.send(body);
                }
                "/chunked" => {
                    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    peer.send(chunked(body, 7_001));
                    peer.send("0\r\n\r\n");
                }
                _ => {
                    peer.send("HTTP/1.1 200 OK\r\n\r\n");
                    peer.send(body);
                    return;
                }
            }
        }
    })
}

#[test]
fn bodies_arrive_as_they_were_sent_in_every_framing() {
    let origin = echo();
    let proxy = Proxy::before(&origin);
    for size in [0, 1, 4_095, 4_096, 16_384, 16_385, 65_536, 1_000_000] {
        let body = pattern(size);
        for target in ["/length", "/chunked", "/close"] {
            for framed in [true, false] {
                let mut client = proxy.client();
                let mut writer = client.writer();
                let body_sent = body.clone();
                let head = format!("POST {target} HTTP/1.1\r\nHost: a\r\n");
                // It echoes only when it has everything, but what is sent and not yet taken must not be in the way.
                let sender = std::thread::spawn(move || {
                    if framed {
                        writer.send(format!("{head}Content-Length: {size}\r\n\r\n"));
                        writer.send(body_sent);
                    } else {
                        writer.send(format!("{head}Transfer-Encoding: chunked\r\n\r\n"));
                        writer.send(chunked(&body_sent, 10_007));
                        writer.send("0\r\n\r\n");
                    }
                });
                let response = client.response();
                sender.join().expect("sent");
                assert!(response.body == body, "{size} bytes to {target}, length {framed}");
                let expected = (target == "/length").then(|| size.to_string());
                assert_eq!(response.get("Content-Length").map(str::to_owned), expected);
            }
        }
    }
}

#[test]
fn chunk_extensions_are_no_part_of_a_body() {
    let origin = Origin::answering(|request| Reply::ok(request.text()));
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2;z=\"q\"\r\nde\r\n0\r\n\r\n",
    );
    assert_eq!(client.response().text(), "abcde");
}

#[test]
fn trailers_pass_in_both_directions() {
    let (sender, receiver) = channel();
    let origin = Origin::start(move |_, peer| {
        sender.send(peer.request()).expect("a listener");
        peer.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\
             Content-Length: 9\r\n\r\n",
        );
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.request_trailers = true);
    let mut client = proxy.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\nTrailer: X-Check\r\n\
         Transfer-Encoding: chunked\r\n\r\n\
         2\r\nhi\r\n0\r\nX-Check: 1\r\nHost: evil\r\nContent-Length: 9\r\nAuthorization: evil\r\n\
         X_Forwarded_For: evil\r\n\r\n",
    );
    let response = client.response();
    assert_eq!(response.text(), "ok");
    assert_eq!(response.trailers, [("X-Sum".to_owned(), "7".to_owned())]);
    assert_eq!(response.get("Trailer"), Some("X-Sum"));
    let request = receiver.recv().expect("a request");
    assert_eq!(
        (request.text().as_str(), request.get("TE"), request.get("Trailer")),
        ("hi", Some("trailers"), Some("X-Check"))
    );
    assert_eq!(request.trailers, [("X-Check".to_owned(), "1".to_owned())]);
}

#[test]
fn every_piece_of_a_stream_leaves_at_once() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for i in 0..5 {
            gate.wait_until("the client has the last piece");
            peer.send(format!("8\r\ndata: {i}\n\r\n"));
        }
        gate.wait_until("the client has the last piece");
        peer.send("0\r\n\r\n");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    for i in 0..5 {
        go.open();
        assert_eq!(client.chunk().expect("a chunk"), format!("data: {i}\n").into_bytes());
    }
    go.open();
    assert_eq!(client.chunk(), None);
}

#[test]
fn every_piece_of_an_upload_leaves_at_once() {
    let (sender, pieces) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        while let Some(chunk) = peer.chunk() {
            sender.send(chunk).expect("a listener");
        }
        peer.send(Reply::ok(""));
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for piece in ["one", "two", "six"] {
        client.send(format!("3\r\n{piece}\r\n"));
        assert_eq!(pieces.recv().expect("a piece"), piece.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert_eq!(client.response().status(), 200);
}

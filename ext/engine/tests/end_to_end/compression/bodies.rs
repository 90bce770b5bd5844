//! A coded body is the body that the backend sent, as soon and as complete as the backend sent it.

use bytes::Bytes;
use proxy_engine::configuration::CompressConfig;

use super::{begun, compressing, compressing_with, decoded, get, page, try_decoded, ALL};
use crate::support::{http2, request, Gate, Http2Origin, Origin, Peer, Proxy};

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";

/// Sends a page in pieces: with a length, chunked, or until the connection ends.
fn send_page(peer: &mut Peer, framing: &str, len: usize, piece: usize) {
    let (body, chunked) = (page(len), framing == "chunked");
    let line = match framing {
        "length" => format!("Content-Length: {len}\r\n"),
        "chunked" => "Transfer-Encoding: chunked\r\n".to_owned(),
        _ => "Connection: close\r\n".to_owned(),
    };
    peer.send(format!("{HEAD}{line}\r\n"));
    for piece in body.chunks(piece) {
        match chunked {
            true => peer.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()),
            false => peer.send(piece),
        }
    }
    if chunked {
        peer.send("0\r\n\r\n");
    }
}

#[test]
fn a_body_comes_whole_whatever_frames_it_and_in_whatever_pieces() {
    let origin = Origin::start(|_, peer| {
        while let Some(request) = peer.try_request() {
            let mut wanted = request.target().trim_start_matches('/').split('/');
            let mut next = || wanted.next().expect("a part").to_owned();
            let (framing, len, piece) = (next(), next().parse().expect("a number"), next().parse().expect("a number"));
            send_page(peer, &framing, len, piece);
            if framing == "close" {
                return;
            }
        }
    });
    let all = CompressConfig { min_size: 0, ..CompressConfig::default() };
    let proxy = compressing_with(&origin, all);
    for framing in ["length", "chunked", "close"] {
        for (len, piece) in [(1, 1), (700, 1), (1_024, 100), (70_000, 10_000), (300_000, 65_536), (300_000, 300_000)] {
            let target = format!("/{framing}/{len}/{piece}");
            for coding in ALL {
                let response = get(&proxy, &target, &format!("Accept-Encoding: {coding}\r\n"));
                assert_eq!(response.get("Content-Encoding"), Some(coding), "{target}");
                assert!(decoded(coding, &response.body) == page(len), "{coding} {target}");
            }
        }
    }
    http2(&proxy, |client| async move {
        for coding in ALL {
            for target in ["/length/300000/65536", "/chunked/70000/10000", "/close/70000/70000"] {
                let asked = request("GET", target).header("accept-encoding", coding).body(()).expect("a request");
                let answer = client.send(asked, None).await.expect("an answer");
                let len = target.split('/').nth(2).expect("a length").parse().expect("a number");
                assert!(decoded(coding, &answer.body) == page(len), "{coding} {target}");
            }
        }
    });
}

#[test]
fn a_backend_of_http_2_is_coded_too() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange| async move {
            let head = http::Response::builder().header("content-type", "text/html").body(()).expect("a head");
            let mut stream = exchange.response.send_response(head, false).expect("it is sent");
            stream.send_data(page(50_000).into(), false).expect("it is taken");
            let mut trailers = http::HeaderMap::new();
            trailers.insert("x-sum", "5".parse().expect("a value"));
            trailers.insert("content-digest", "of the plain body".parse().expect("a value"));
            trailers.insert("etag", "\"of the plain body\"".parse().expect("a value"));
            stream.send_trailers(trailers).expect("they are taken");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.routes.push(super::compress(CompressConfig::default()));
    });
    for coding in ALL {
        let lines = format!("TE: trailers\r\nConnection: TE\r\nAccept-Encoding: {coding}\r\n");
        let response = get(&proxy, "/", &lines);
        assert!(decoded(coding, &response.body) == page(50_000));
        assert_eq!(response.trailers, [("x-sum".to_owned(), "5".to_owned())], "{coding}");
        http2(&proxy, |client| async move {
            let asked = request("GET", "/").header("accept-encoding", coding).body(()).expect("a request");
            let answer = client.send(asked, None).await.expect("an answer");
            assert!(decoded(coding, &answer.body) == page(50_000));
            assert_eq!(answer.trailers.get("x-sum").map(|value| value.as_bytes()), Some(&b"5"[..]));
            assert_eq!(answer.trailers.len(), 1);
        });
    }
}

#[test]
fn a_piece_can_be_read_before_the_next_one_is_there() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n"));
        for number in 0..5 {
            let piece = format!("<li>{number}</li>");
            peer.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
            gate.wait_until("the client has read it");
        }
        peer.send("0\r\n\r\n");
    });
    let proxy = compressing(&origin);
    for coding in ALL {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAccept-Encoding: {coding}\r\n\r\n"));
        assert_eq!(client.head().get("Content-Encoding"), Some(coding));
        let (mut coded, mut body) = (Vec::new(), String::new());
        for number in 0..5 {
            body += &format!("<li>{number}</li>");
            while begun(coding, &coded) != body.as_bytes() {
                coded.extend(client.chunk().expect("more of it"));
            }
            go.open();
        }
        while let Some(chunk) = client.chunk() {
            coded.extend(chunk);
        }
        assert_eq!(decoded(coding, &coded), body.as_bytes());
    }
}

#[test]
fn an_event_leaves_at_once_and_is_not_coded() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..3 {
            peer.send("9\r\ndata: a\n\n\r\n");
            gate.wait_until("the client has the event");
        }
        peer.send("0\r\n\r\n");
    });
    let proxy = compressing(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: zstd, br, gzip\r\n\r\n");
    let head = client.head();
    assert_eq!((head.get("Content-Encoding"), head.get("Vary")), (None, None));
    for _ in 0..3 {
        assert_eq!(client.chunk().as_deref(), Some(&b"data: a\n\n"[..]));
        go.open();
    }
    assert_eq!(client.chunk(), None);
}

#[test]
fn what_is_cut_short_stays_cut_short() {
    for response in [
        format!("{HEAD}Content-Length: 5000\r\n\r\nhello"),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n"),
    ] {
        let origin = Origin::start(move |_, peer| {
            if peer.try_request().is_some() {
                peer.send(&response);
            }
        });
        let proxy = compressing(&origin);
        for coding in ALL {
            let mut client = proxy.client();
            client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: {coding}\r\n\r\n"));
            assert_eq!(client.head().get("Content-Encoding"), Some(coding));
            let (rest, _) = client.rest();
            assert!(!rest.ends_with(b"0\r\n\r\n"), "there is no last chunk: {rest:?}");
            let mut coded = Vec::new();
            let mut rest = &rest[..];
            while let Some(at) = rest.windows(2).position(|pair| pair == b"\r\n") {
                let size =
                    usize::from_str_radix(std::str::from_utf8(&rest[..at]).expect("a size"), 16).expect("a size");
                coded.extend_from_slice(&rest[at + 2..at + 2 + size]);
                rest = &rest[at + 2 + size + 2..];
            }
            assert_eq!(begun(coding, &coded), b"hello", "{coding}: what came before is there, without an end");
            assert!(try_decoded(coding, &coded).is_err());
        }
        http2(&proxy, |client| async move {
            for coding in ALL {
                let asked = request("GET", "/").header("accept-encoding", coding).body(()).expect("a request");
                assert!(client.send(asked, None).await.is_err(), "{coding}: the stream is reset");
            }
        });
    }
}

#[test]
fn a_request_body_that_is_still_sent_is_passed_on_beside_a_coded_response() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send(format!("{HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
        assert_eq!(peer.chunks().0.len(), 200_000);
        peer.send("0\r\n\r\n");
    });
    let proxy = compressing(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(client.head().get("Content-Encoding"), Some("gzip"));
    let mut coded = client.chunk().expect("the beginning");
    while begun("gzip", &coded) != b"hello" {
        coded.extend(client.chunk().expect("more of it"));
    }
    for _ in 0..20 {
        client.send(["2710\r\n".as_bytes(), &Bytes::from(vec![b'x'; 10_000]), b"\r\n"].concat());
    }
    client.send("0\r\n\r\n");
    while let Some(chunk) = client.chunk() {
        coded.extend(chunk);
    }
    assert_eq!(decoded("gzip", &coded), b"hello");
}

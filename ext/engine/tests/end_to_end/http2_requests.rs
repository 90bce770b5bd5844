//! HTTP/2 from clients: requests and responses.

use std::sync::mpsc::channel;

use bytes::Bytes;
use h2::Reason;

use crate::support::{block, eventually, http2, pattern, read, request, Frame, Origin, Proxy, RawHttp2, Reply};

/// The code of the reset that answers a request of these fields.
fn reset_of(client: &mut RawHttp2, stream: u32, fields: &[(&str, &str)]) -> u32 {
    client.send(RawHttp2::head(stream, fields));
    let reset = client.next_of(Frame::RST_STREAM);
    assert_eq!(reset.stream, stream);
    reset.code()
}

#[test]
fn what_is_malformed_by_http2_is_reset_and_disturbs_no_other() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    let good = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];
    let with = |field| [&good[..], &[field]].concat();
    let without = |name| good.iter().copied().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    for (number, fields) in [
        with(("connection", "close")),
        with(("transfer-encoding", "chunked")),
        with(("upgrade", "websocket")),
        with(("keep-alive", "5")),
        with(("proxy-connection", "close")),
        with(("te", "gzip")),
        with((":path", "/again")),
        with((":status", "200")),
        with((":protocol", "websocket")),
        with(("content-length", "5")),
        [&[("x", "1")][..], &good[..]].concat(),
        without(":method"),
        without(":scheme"),
        without(":path"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(reset_of(&mut client, number as u32 * 2 + 1, &fields), 1, "{fields:?}");
    }
    client.get(101, "/still-here");
    assert_eq!(client.next_of(Frame::DATA).payload, b"/still-here");
}

#[test]
fn names_and_values_that_are_none_end_the_connection() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    for field in [("X-Capital", "1"), ("x y", "1"), ("x", "a\r\nb: c"), ("x", "\0"), ("", "1"), (":unknown", "1")] {
        let mut client = RawHttp2::connect(&proxy);
        let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a"), field];
        client.send(RawHttp2::head(1, &fields));
        // To take a malformed request for an error of the connection is allowed (RFC 9113, section 5.4.2), and what
        // `h2` does.
        client.expect_go_away(1);
    }
    assert!(origin.requests().is_empty());
}

#[test]
fn what_is_malformed_in_any_version_is_answered_400() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        for (target, field) in [
            ("/..", None),
            ("/%zz", None),
            ("/", Some(("host", "other.example"))),
            ("/", Some(("x", " spaces "))),
            ("/", Some(("content-length", ""))),
        ] {
            let mut head = request("GET", target);
            if let Some((name, value)) = field {
                head = head.header(name, value);
            }
            let answer = client.send(head.body(()).expect("a request"), None).await;
            match answer {
                Ok(answer) => assert_eq!(answer.status, 400, "{target} {field:?}"),
                Err(error) => assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR), "{target} {field:?}"),
            }
        }
        let connect = http::Request::builder().method("CONNECT").uri("a.example:443").body(()).expect("a request");
        assert_eq!(client.send(connect, None).await.expect("an answer").status, 405);
        assert_eq!(client.get("/").await.status, 200);
    });
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn heads_that_are_too_large_are_answered_431() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.max_header_size.value = 20_000);
    http2(&proxy, |client| async move {
        let ask = async |name: &str, value: String, times: usize| {
            let mut head = request("GET", "/");
            for _ in 0..times {
                head = head.header(name, &value);
            }
            client.send(head.body(()).expect("a request"), None).await.expect("an answer")
        };
        assert_eq!(ask("x", "a".repeat(15_000), 1).await.status, 200);
        let answer = ask("x", "a".repeat(25_000), 1).await;
        assert_eq!(answer.status, 431);
        assert!(!answer.body.is_empty(), "an answer of ours");
        assert_eq!(ask("x", "a".repeat(70_000), 1).await.status, 431);
        assert_eq!(ask("x", "a".into(), 140).await.status, 431);
        assert_eq!(ask("cookie", "a=b".into(), 140).await.status, 200, "crumbs of one cookie");
        assert_eq!(client.get("/").await.status, 200);
    });
    assert_eq!(proxy.server.stats().requests.status_4xx, 2, "what `h2` answers by itself is not seen");
}

#[test]
fn bodies_pass_both_ways_with_their_trailers() {
    let origin = Origin::start(|_, peer| {
        let request = peer.request();
        assert_eq!((request.get("Transfer-Encoding"), request.get("TE")), (Some("chunked"), Some("trailers")));
        assert_eq!(request.body, pattern(300_000));
        assert_eq!(request.trailers, [("x-sum".to_owned(), "1".to_owned())]);
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
        for piece in pattern(300_000).chunks(50_000) {
            peer.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        peer.send("0\r\nX-Sum: 2\r\nContent-Length: 9\r\n\r\n");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.request_trailers = true);
    http2(&proxy, |client| async move {
        let head = request("POST", "/").header("te", "trailers").body(()).expect("a request");
        let mut requests = client.requests.clone().ready().await.expect("ready");
        let (response, mut body) = requests.send_request(head, false).expect("sent");
        body.send_data(pattern(300_000).into(), false).expect("sent");
        let mut trailers = http::HeaderMap::new();
        trailers.append("x-sum", "1".parse().expect("a value"));
        trailers.append("content-length", "300000".parse().expect("a value"));
        trailers.append("x-forwarded-for", "10.0.0.1".parse().expect("a value"));
        body.send_trailers(trailers).expect("sent");
        let answer = read(response.await.expect("an answer")).await.expect("whole");
        assert_eq!((answer.status, answer.get("transfer-encoding")), (200, None));
        assert_eq!(answer.body, pattern(300_000));
        assert_eq!(answer.trailers.len(), 1);
        assert_eq!(answer.trailers["x-sum"], "2");
    });
}

#[test]
fn trailers_may_be_as_many_as_fields() {
    let origin = Origin::start(|number, peer| {
        if number > 0 {
            peer.rest();
            return;
        }
        peer.request();
        peer.send(Reply::ok("").with("Connection: close"));
    });
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        for (many, status) in [(128, 200), (129, 400)] {
            let mut requests = client.requests.clone().ready().await.expect("ready");
            let head = request("POST", "/").body(()).expect("a request");
            let (response, mut body) = requests.send_request(head, false).expect("sent");
            let mut trailers = http::HeaderMap::new();
            for _ in 0..many {
                trailers.append("x", "".parse().expect("a value"));
            }
            body.send_trailers(trailers).expect("sent");
            assert_eq!(response.await.expect("an answer").status(), status);
        }
    });
}

#[test]
fn a_length_that_was_told_is_kept_and_one_that_is_wrong_is_reset() {
    let origin = Origin::start(|number, peer| {
        let request = if number == 0 { peer.try_request() } else { peer.try_head() };
        // The second one may be found out before any of it was sent.
        let Some(request) = request else { return assert_eq!(number, 1) };
        assert_eq!((request.get("Content-Length"), request.get("Transfer-Encoding")), (Some("5"), None));
        if number == 0 {
            peer.send(Reply::ok("ok"));
        }
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.pool.keepalive = 0);
    http2(&proxy, |client| async move {
        let head = || request("POST", "/").header("content-length", "5").body(()).expect("a request");
        assert_eq!(client.send(head(), Some(b"hello")).await.expect("an answer").text(), "ok");
        let error = client.send(head(), Some(b"hell")).await.expect_err("too short");
        assert_eq!(error.reason(), Some(Reason::PROTOCOL_ERROR));
    });
}

#[test]
fn responses_that_have_no_body_have_none() {
    let origin = Origin::answering(|request| match request.target() {
        "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
        "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nKeep-Alive: timeout=5\r\n\r\n",
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    for (stream, method, target) in [(1, "HEAD", "/"), (3, "GET", "/204"), (5, "GET", "/304")] {
        client.send(RawHttp2::head(
            stream,
            &[(":method", method), (":scheme", "http"), (":path", target), (":authority", "a")],
        ));
        let head = client.next_of(Frame::HEADERS);
        assert_eq!((head.stream, head.flags & Frame::END_STREAM), (stream, Frame::END_STREAM), "{target}");
    }
    http2(&proxy, |client| async move {
        let refused = client.send(request("HEAD", "/..").body(()).expect("a request"), None).await.expect("an answer");
        assert_eq!((refused.status, refused.body.len()), (400, 0));
        let head = client.send(request("HEAD", "/").body(()).expect("a request"), None).await.expect("an answer");
        assert_eq!((head.get("content-length"), head.get("keep-alive")), (Some("7"), None));
    });
}

#[test]
fn interim_responses_reach_the_client() {
    let origin = Origin::start(|_, peer| {
        let request = peer.head();
        peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n");
        if request.has("Expect") {
            peer.send("HTTP/1.1 100 Continue\r\n\r\n");
            assert_eq!(peer.read(2), b"hi");
        }
        peer.send(Reply::ok("ok"));
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.pool.keepalive = 0);
    http2(&proxy, |client| async move {
        let mut requests = client.requests.clone().ready().await.expect("ready");
        let (mut response, _) =
            requests.send_request(request("GET", "/").body(()).expect("a request"), true).expect("sent");
        let mut interim = Vec::new();
        while let Some(head) = std::future::poll_fn(|cx| response.poll_informational(cx)).await {
            interim.push(head.expect("a head"));
        }
        assert_eq!(interim.iter().map(|head| head.status().as_u16()).collect::<Vec<_>>(), [103, 102]);
        assert_eq!(interim[0].headers()["link"], "</a.css>");
        assert_eq!(read(response.await.expect("an answer")).await.expect("whole").text(), "ok");

        let head = request("POST", "/").header("expect", "100-continue").header("content-length", "2");
        let (mut response, mut body) = requests.send_request(head.body(()).expect("a request"), false).expect("sent");
        let mut statuses = Vec::new();
        while statuses.last() != Some(&100) {
            let head = std::future::poll_fn(|cx| response.poll_informational(cx)).await.expect("one more");
            statuses.push(head.expect("a head").status().as_u16());
        }
        body.send_data(Bytes::from_static(b"hi"), true).expect("sent");
        assert_eq!(read(response.await.expect("an answer")).await.expect("whole").text(), "ok");
    });
}

#[test]
fn a_response_that_is_cut_short_is_reset() {
    let origin = Origin::start(|_, peer| {
        let target = peer.head().target().to_owned();
        peer.send(match target.as_str() {
            "/length" => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
            _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        });
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    for (stream, target) in [(1, "/length"), (3, "/chunked")] {
        client.get(stream, target);
        let head = client.next_of(Frame::HEADERS);
        assert_eq!(head.flags & Frame::END_STREAM, 0);
        let data = client.next_of(Frame::DATA);
        assert_eq!((data.payload.as_slice(), data.flags & Frame::END_STREAM), (&b"hello"[..], 0), "{target}");
        let reset = client.next_of(Frame::RST_STREAM);
        assert_eq!((reset.stream, reset.code()), (stream, 2), "{target}");
    }
}

#[test]
fn an_answer_before_the_whole_body_reaches_the_client_and_stops_it() {
    let proxy = Proxy::with(&["127.0.0.1:1"], |settings| settings.proxy.max_body = Some(1_000));
    let mut client = RawHttp2::connect(&proxy);
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"), ("content-length", "2000")];
    client.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, 1, block(&fields)));
    assert_eq!(client.next_of(Frame::HEADERS).stream, 1);
    let last = loop {
        let data = client.next_of(Frame::DATA);
        if data.flags & Frame::END_STREAM != 0 {
            break data;
        }
    };
    assert!(!last.payload.is_empty());
    let reset = client.next_of(Frame::RST_STREAM);
    assert_eq!((reset.stream, reset.code()), (1, 0), "it is to send no more");
    assert_eq!(proxy.server.stats().requests.status_4xx, 1);
}

#[test]
fn a_client_that_takes_a_request_back_frees_its_backend() {
    let (sender, gone) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.rest();
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    client.get(1, "/");
    eventually("the backend is asked", || origin.connections() == 1);
    client.send(Frame::new(Frame::RST_STREAM, 0, 1, 8u32.to_be_bytes()));
    gone.recv_timeout(crate::support::PATIENCE).expect("the backend's connection is closed");
    eventually("it is counted", || proxy.server.stats().requests.client_closed == 1);
}

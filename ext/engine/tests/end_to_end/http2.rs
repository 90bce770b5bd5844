//! HTTP/2 from clients: what a connection and its streams do.

use crate::support::{http2, request, Frame, Gate, Origin, Proxy, RawHttp2, Reply};

#[test]
fn a_client_that_knows_it_beforehand_speaks_http2() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let answer = client.get("/a?b").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "/a?b"));
        assert_eq!((answer.get("content-length"), answer.get("via")), (Some("4"), Some("1.1 proxy")));
        assert!(answer.get("date").is_some() && answer.get("connection").is_none(), "{answer:?}");
    });
    let seen = &origin.requests()[0];
    assert_eq!(seen.start, "GET /a?b HTTP/1.1");
    assert_eq!((seen.get("X-Forwarded-Host"), seen.get("Via")), (Some("site.example"), Some("2.0 proxy")));
}

#[test]
fn http_1_1_is_still_spoken_where_http2_might_have_been() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    for (what, sent, status) in [
        (
            "an upgrade to HTTP/2, which is not offered",
            "GET / HTTP/1.1\r\nHost: a\r\n\
             Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
             HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
            200,
        ),
        ("something like the preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", 505),
        ("the preface of another version", "PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n", 505),
        ("a method of that name", "PRI / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
    ] {
        let mut client = proxy.client();
        client.send(sent);
        assert_eq!(client.response().status(), status, "{what}");
    }
    let mut client = proxy.client();
    client.get("/");
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!(client.response().status(), 505, "behind a request of HTTP/1.1");
}

#[test]
fn the_preface_may_come_byte_by_byte() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for byte in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        client.send([*byte]);
    }
    let mut client = RawHttp2 { peer: client };
    client.send(Frame::new(Frame::SETTINGS, 0, 0, []));
    client.get(1, "/slow");
    assert_eq!(client.next_of(Frame::DATA).payload, b"/slow");
}

#[test]
fn what_the_proxy_is_willing_to_do_stands_in_its_settings() {
    let proxy = Proxy::with(&["127.0.0.1:1"], |_| ());
    let mut client = RawHttp2::connect(&proxy);
    let settings = client.next_of(Frame::SETTINGS).payload;
    let settings: Vec<(u16, u32)> = settings
        .chunks(6)
        .map(|pair| (u16::from_be_bytes([pair[0], pair[1]]), u32::from_be_bytes([pair[2], pair[3], pair[4], pair[5]])))
        .collect();
    assert!(settings.contains(&(3, 128)), "streams: {settings:?}");
    assert!(settings.contains(&(8, 1)), "extended CONNECT: {settings:?}");
}

#[test]
fn answers_come_as_they_are_ready_and_not_as_they_were_asked_for() {
    let (release, gate) = Gate::new();
    let origin = Origin::answering(move |request| {
        if request.target() == "/first" {
            gate.wait_until("the second is answered");
        }
        Reply::ok("ok")
    });
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let first = tokio::task::spawn_local({
            let client = client.clone();
            async move { client.get("/first").await }
        });
        assert_eq!(client.get("/second").await.text(), "ok");
        assert!(!first.is_finished());
        release.open();
        assert_eq!(first.await.expect("an answer").text(), "ok");
    });
}

#[test]
fn ten_thousand_requests_over_one_connection_get_their_own_answers() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        let mut asking = tokio::task::JoinSet::new();
        for number in 0..10_000 {
            if asking.len() == 100 {
                asking.join_next().await;
            }
            let client = client.clone();
            asking.spawn_local(async move {
                let target = format!("/{number}");
                assert_eq!(client.get(&target).await.text(), target);
            });
        }
        while let Some(done) = asking.join_next().await {
            done.expect("an answer of its own");
        }
    });
    let stats = proxy.server.stats();
    assert_eq!((stats.connections.accepted, stats.requests.total), (1, 10_000));
}

#[test]
fn a_drained_connection_finishes_what_it_has_and_is_told_to_go() {
    let (release, gate) = Gate::new();
    let origin = Origin::answering(move |_| {
        gate.wait_until("the connection is told to go");
        Reply::ok("ok")
    });
    let proxy = Proxy::before(&origin);
    let mut client = RawHttp2::connect(&proxy);
    client.get(1, "/");
    crate::support::eventually("the request arrives", || proxy.server.stats().requests.in_flight == 1);
    proxy.server.begin_stop(Some(crate::support::PATIENCE));
    let told = client.next_of(Frame::GOAWAY);
    assert_eq!(
        (told.code(), &told.payload[..4]),
        (0, &[0x7f, 0xff, 0xff, 0xff][..]),
        "whatever is on its way is served"
    );
    let ping = client.next_of(Frame::PING);
    client.send(Frame { flags: Frame::ACK, ..ping });
    assert_eq!(client.next_of(Frame::GOAWAY).payload[..4], [0, 0, 0, 1], "the last request that is served");
    release.open();
    assert_eq!(client.next_of(Frame::DATA).payload, b"ok");
    assert_eq!(client.peer.rest().1, crate::support::End::Closed);
    assert!(proxy.server.wait(Some(crate::support::PATIENCE)), "and that was the last connection");
}

#[test]
fn an_idle_connection_is_told_to_go_and_closed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.keepalive_timeout.value = 0.2);
    let mut idle = RawHttp2::connect(&proxy);
    idle.get(1, "/");
    assert_eq!(idle.next_of(Frame::DATA).payload, b"/");
    assert_eq!(idle.next_of(Frame::GOAWAY).code(), 0);
    // It says nothing to that.
    idle.expect_go_away(0);

    let proxy = Proxy::before(&origin);
    let mut idle = RawHttp2::connect(&proxy);
    idle.next_of(Frame::SETTINGS);
    proxy.server.begin_stop(Some(crate::support::PATIENCE));
    let begun = std::time::Instant::now();
    assert_eq!(idle.next_of(Frame::GOAWAY).code(), 0);
    idle.expect_go_away(0);
    assert!(begun.elapsed().as_secs() < 3);
}

#[test]
fn a_head_that_does_not_come_whole_ends_the_connection() {
    let proxy = Proxy::with(&["127.0.0.1:1"], |settings| settings.server.client_header_timeout.value = 0.2);
    let mut slow = proxy.client();
    slow.send("PRI * HTTP/2.0\r\n\r\nSM");
    // Nothing was agreed on that an error could be told in.
    assert_eq!(slow.rest().1, crate::support::End::Closed);

    let mut slow = RawHttp2::connect(&proxy);
    slow.send(Frame::new(Frame::HEADERS, 0, 1, crate::support::block(&[(":method", "GET")])));
    slow.expect_go_away(11);
}

#[test]
fn requests_are_counted_like_others() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    http2(&proxy, |client| async move {
        client.get("/").await;
        let malformed = request("GET", "/..").body(()).expect("a request");
        assert_eq!(client.send(malformed, None).await.expect("an answer").status, 400);
        assert_eq!(client.get("/").await.status, 200, "the others are not disturbed");
    });
    let stats = proxy.server.stats();
    assert_eq!((stats.connections.accepted, stats.requests.status_2xx, stats.requests.status_4xx), (1, 2, 1));
}

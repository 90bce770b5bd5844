//! gRPC as HTTP/2 shows it.

use std::sync::mpsc::channel;
use std::time::Instant;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, Response};
use proxy_engine::config::{HeaderEdit, HeaderValue};

use crate::support::{http2, nobody, request, Http2Origin, Origin, Proxy, Seen};

fn call(fields: &[(&'static str, &str)]) -> http::Request<()> {
    let mut builder = request("POST", "/a.B/c").header("content-type", "application/grpc").header("te", "trailers");
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request")
}

#[test]
fn an_answer_of_the_proxys_own_is_a_head_that_ends_the_stream() {
    let proxy = Proxy::with(&[&nobody()], |_| ());
    http2(&proxy, |client| async move {
        let mut requests = client.requests.ready().await.expect("a place");
        // The client has more to send.
        let (response, _sending) = requests.send_request(call(&[]), false).expect("it is sent");
        let response = response.await.expect("an answer");
        assert!(response.body().is_end_stream());
        let get = |name: &str| response.headers().get(name).map(|value| value.to_str().expect("text"));
        assert_eq!((response.status().as_u16(), get("content-type")), (200, Some("application/grpc")));
        assert_eq!((get("grpc-status"), get("content-length")), (Some("14"), None));
    });
}

#[test]
fn metadata_that_is_too_large_is_status_13() {
    let proxy = Proxy::with(&[&nobody()], |settings| {
        settings.server.max_header_size = proxy_engine::config::Setting::of(2000);
    });
    http2(&proxy, |client| async move {
        let answer = client.send(call(&[("x-large", &"x".repeat(3000))]), None).await.expect("an answer");
        assert_eq!((answer.status, answer.get("grpc-status")), (200, Some("13")));
    });
}

#[test]
fn a_backend_is_told_to_stop_when_the_time_of_a_call_is_over() {
    let (sender, reset) = channel();
    let origin = Http2Origin::start(
        |_| (),
        move |mut exchange| {
            let sender = sender.clone();
            async move {
                let reason = std::future::poll_fn(|cx| exchange.response.poll_reset(cx)).await;
                sender.send(reason.expect("a reset")).expect("a listener");
            }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let begun = Instant::now();
    http2(&proxy, |client| async move {
        let answer = client.send(call(&[("grpc-timeout", "100m")]), Some(b"\0\0\0\0\0")).await.expect("an answer");
        assert_eq!((answer.status, answer.get("grpc-status"), answer.body.len()), (200, Some("4"), 0));
    });
    assert_eq!(reset.recv_timeout(crate::support::PATIENCE), Ok(Reason::CANCEL));
    assert!((100..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

#[test]
fn a_stream_that_is_not_over_in_time_is_reset_on_both_sides() {
    let (sender, reset) = channel();
    let origin = Http2Origin::start(
        |_| (),
        move |mut exchange| {
            let sender = sender.clone();
            async move {
                let mut stream = exchange.response.send_response(Response::new(()), false).expect("it is taken");
                stream.send_data(Bytes::from_static(b"one"), false).expect("it is taken");
                let reason = std::future::poll_fn(|cx| stream.poll_reset(cx)).await;
                sender.send(reason.expect("a reset")).expect("a listener");
            }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    http2(&proxy, |client| async move {
        let mut requests = client.requests.ready().await.expect("a place");
        let (response, _sending) = requests.send_request(call(&[("grpc-timeout", "150m")]), false).expect("it is sent");
        let mut body = response.await.expect("a head").into_body();
        assert_eq!(body.data().await.expect("a message").expect("whole"), "one");
        assert!(body.data().await.expect("an end").expect_err("a reset").is_reset());
    });
    assert_eq!(reset.recv_timeout(crate::support::PATIENCE), Ok(Reason::CANCEL));
}

#[test]
fn a_call_that_is_answered_before_it_was_sent_whole_keeps_its_trailers() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange| async move {
            let mut stream = exchange.response.send_response(Response::new(()), false).expect("it is taken");
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", "8".parse().expect("a value"));
            trailers.insert("x-why-bin", "AP8".parse().expect("a value"));
            stream.send_trailers(trailers).expect("they are taken");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    http2(&proxy, |client| async move {
        let mut requests = client.requests.ready().await.expect("a place");
        let (response, mut sending) = requests.send_request(call(&[]), false).expect("it is sent");
        sending.send_data(Bytes::from_static(b"\0\0\0\0\x01x"), false).expect("it is taken");
        let mut body = response.await.expect("a head").into_body();
        assert!(body.data().await.is_none());
        let trailers = body.trailers().await.expect("no reset").expect("trailers");
        assert_eq!((trailers["grpc-status"].as_bytes(), trailers["x-why-bin"].as_bytes()), (&b"8"[..], &b"AP8"[..]));
    });
}

#[test]
fn metadata_with_underscores_and_dots_passes() {
    let seen: Seen<HeaderMap> = Seen::default();
    let log = seen.clone();
    let origin = Http2Origin::start(
        |_| (),
        move |exchange| {
            log.lock().expect("the list").push(exchange.request.headers().clone());
            async move { exchange.echo().await }
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let value = HeaderValue::Literal("ours".into());
        settings.proxy.headers = vec![HeaderEdit { name: "X-User".into(), values: vec![value] }];
    });
    let metadata =
        [("user_id", "7"), ("x.y", "d"), ("x_user", "evil"), ("x_real_ip", "evil"), ("x.forwarded.for", "evil")];
    http2(&proxy, |client| async move {
        assert_eq!(client.send(call(&metadata), Some(b"")).await.expect("an answer").status, 200);
        let mut plain = request("POST", "/");
        for (name, value) in metadata {
            plain = plain.header(name, value);
        }
        assert_eq!(client.send(plain.body(()).expect("a request"), Some(b"")).await.expect("an answer").status, 200);
    });
    let seen = seen.lock().expect("the list");
    let odd = |fields: &HeaderMap| {
        let odd = fields.keys().map(|name| name.as_str().to_owned()).filter(|name| name.contains(['_', '.']));
        odd.collect::<Vec<_>>()
    };
    assert_eq!((odd(&seen[0]), odd(&seen[1])), (vec!["user_id".to_owned(), "x.y".to_owned()], vec![]));
}

#[test]
fn metadata_with_underscores_reaches_no_backend_of_http_1() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.allow_underscores = vec!["x_kept".into()];
    });
    http2(&proxy, |client| async move {
        let sent = call(&[("user_id", "7"), ("x.y", "d"), ("x_kept", "1")]);
        assert_eq!(client.send(sent, Some(b"")).await.expect("an answer").status, 200);
    });
    let request = &origin.requests()[0];
    assert_eq!((request.get("user_id"), request.get("x.y"), request.get("x_kept")), (None, None, Some("1")));
}

#[test]
fn figures_have_what_a_refusal_stands_for() {
    let proxy = Proxy::with(&[&nobody()], |_| ());
    http2(&proxy, |client| async move {
        assert_eq!(client.send(call(&[]), Some(b"")).await.expect("an answer").status, 200);
        // No call: gRPC has no such method.
        let other = request("PUT", "/a.B/c").header("content-type", "application/grpc").body(()).expect("a request");
        assert_eq!(client.send(other, Some(b"")).await.expect("an answer").status, 502);
    });
    let requests = proxy.server.stats().requests;
    assert_eq!((requests.status_2xx, requests.status_5xx), (0, 2));
}

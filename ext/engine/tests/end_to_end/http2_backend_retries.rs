//! Streams to backends that end before their time: what is tried again, and what is not.

use std::sync::mpsc::channel;
use std::sync::Arc;

use crate::http2_backend::{before, post, raw};
use crate::support::{Frame, Http2Origin, Proxy, Seen};

/// REFUSED_STREAM and CANCEL.
const REFUSED: u32 = 7;
const CANCEL: u32 = 8;

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
            begin.send(()).expect("a receiver");
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
    first.send_get("/");
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
    client.send_get("/");
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
    let origin = raw(move |_, backend| {
        let first = backend.next_request();
        tell.send(()).expect("a receiver");
        let reset = backend.next_of(Frame::RST_STREAM);
        assert_eq!((reset.stream, reset.code()), (first, CANCEL));
        tell.send(()).expect("a receiver");
        let second = backend.next_request();
        backend.answer(second, &[(":status", "200")], Some("ok"));
        while backend.next().is_some() {}
    });
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
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

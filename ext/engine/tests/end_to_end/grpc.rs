//! What gRPC's clients are told, and how long their calls may take, as far as HTTP/1.1 shows it.

use std::time::{Duration, Instant};

use proxy_engine::configuration::{
    self, Content, CustomError, Directive, ErrorResponseConfig, FilterConfig, MaxBodyConfig,
};

use crate::http2_backend::{before, raw};
use crate::support::{nobody, Frame, Message, Origin, Proxy, RawHttp2, Reply};

/// A call of a browser, with one empty message.
fn call(fields: &str) -> String {
    let head = "POST /a.B/c HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web+proto\r\nContent-Length: 5\r\n";
    format!("{head}{fields}\r\n\0\0\0\0\0")
}

/// A backend that begins an answer, goes on after `pause`, and otherwise says no more.
fn answering(pause: Option<Duration>) -> Origin {
    raw(move |_, backend: &mut RawHttp2| {
        let stream = backend.next_request();
        let head = super::support::block(&[(":status", "200")]);
        backend.send(Frame::new(Frame::HEADERS, Frame::END_HEADERS, stream, head));
        backend.send(Frame::new(Frame::DATA, 0, stream, "x"));
        if let Some(pause) = pause {
            std::thread::sleep(pause);
            backend.send(Frame::new(Frame::DATA, Frame::END_STREAM, stream, "y"));
        }
        backend.peer.rest();
    })
}

/// One that never answers.
fn silent() -> Origin {
    raw(|_, backend: &mut RawHttp2| {
        backend.next_request();
        backend.peer.rest();
    })
}

/// Its address, as a backend that speaks HTTP/2 is written.
fn h2(address: &str) -> String {
    format!("h2://{address}")
}

fn status(answer: &Message) -> (u16, Option<&str>, Option<&str>, &[u8]) {
    (answer.status(), answer.get("Content-Type"), answer.get("grpc-status"), &answer.body)
}

#[test]
fn a_backend_that_cannot_be_reached_is_status_14() {
    let proxy = Proxy::with(&[&h2(&nobody())], |settings| {
        // What it says is for those who read HTTP.
        let text = Some(Content::Inline("Down".into()));
        let custom = CustomError { status: Some(503), plaintext: text, ..CustomError::default() };
        settings.proxy.error_response = Some(ErrorResponseConfig::Custom(custom));
    });
    let mut client = proxy.client();
    client.send(call(""));
    let answer = client.response();
    assert_eq!(status(&answer), (200, Some("application/grpc-web"), Some("14"), &b""[..]));
    let message = "503 Service Unavailable: This service is not available at the moment. Please try again soon.";
    assert_eq!((answer.get("grpc-message"), answer.get("Content-Length")), (Some(message), Some("0")));
    // The connection serves on.
    client.send(call(""));
    assert_eq!(status(&client.response()).2, Some("14"));
}

#[test]
fn everything_that_the_proxy_refuses_is_told_in_grpcs_terms() {
    let proxy = Proxy::with(&[&h2(&nobody())], |settings| {
        settings.server.routes.push(Directive::Filter(FilterConfig::MaxBody(MaxBodyConfig {
            bytes: Some(4),
            ..MaxBodyConfig::default()
        })));
    });
    let mut client = proxy.client();
    client.send(call(""));
    assert_eq!(status(&client.response()).2, Some("2"), "413");
}

#[test]
fn a_content_type_alone_makes_no_call() {
    let origin = Origin::answering(|_| Reply::of("503 Service Unavailable", ""));
    let refusing = |settings: &mut crate::support::Settings| {
        let nobody = configuration::AddressListConfig { networks: vec!["192.0.2.1".into()], ..Default::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::AllowList(nobody)));
    };
    let proxies = [
        (Proxy::with(&[&origin.address()], refusing), 403),
        (Proxy::with(&[&nobody()], |_| ()), 502),
        (Proxy::with(&[&nobody(), &h2(&nobody())], |_| ()), 502),
        (Proxy::before(&origin), 503),
    ];
    for (proxy, expected) in &proxies {
        for content_type in ["application/grpc", "application/grpc-web", "Application/GRPC+proto"] {
            let mut client = proxy.client();
            client.send(format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: {content_type}\r\nContent-Length: 0\r\n\r\n"
            ));
            let answer = client.response();
            assert_eq!((answer.status(), answer.get("grpc-status")), (*expected, None), "{content_type}");
        }
    }
    // Nor does a method that gRPC does not have, whatever the backends speak.
    let proxy = Proxy::with(&[&h2(&nobody())], |_| ());
    for method in ["GET", "PUT", "DELETE"] {
        let mut client = proxy.client();
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc\r\n\r\n"));
        assert_eq!(client.response().status(), 502, "{method}");
    }
    assert_eq!(proxy.server.stats().requests.status_5xx, 3);
}

#[test]
fn a_call_to_a_backend_of_http_1_has_the_time_limits_of_any_request() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
        peer.rest();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.timeout = 0.2);
    let mut client = proxy.client();
    client.send(call(""));
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().expect("the beginning"), b"x");
    client.expect_end();
}

#[test]
fn a_backends_own_errors_pass_through() {
    let origin = Origin::answering(|_| {
        let fields = "Content-Type: application/grpc-web\r\ngrpc-status: 5\r\ngrpc-message: no%20such\r\n";
        format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n")
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send(call(""));
    let answer = client.response();
    assert_eq!((answer.get("grpc-status"), answer.get("grpc-message")), (Some("5"), Some("no%20such")));
}

#[test]
fn a_call_whose_time_has_run_out_is_status_4() {
    let origin = silent();
    let proxy = Proxy::with(&[&h2(&origin.address())], |settings| settings.pool.max_fails = 1);
    let mut client = proxy.client();
    let begun = Instant::now();
    client.send(call("grpc-timeout: 80m\r\n"));
    assert_eq!(status(&client.response()), (200, Some("application/grpc-web"), Some("4"), &b""[..]));
    assert!((80..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    assert_eq!(proxy.server.stats().backends[0].failures, 0, "it is not the backend's fault");
}

#[test]
fn a_call_that_has_no_time_at_all_reaches_no_backend() {
    let origin = silent();
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send(call("grpc-timeout: 0n\r\n"));
    assert_eq!(status(&client.response()).2, Some("4"));
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_time_limit_that_is_malformed_is_none() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send(call("grpc-timeout: soon\r\n"));
    assert_eq!(client.response().text(), "/a.B/c");
    assert_eq!(origin.requests()[0].get("grpc-timeout"), Some("soon"));
}

#[test]
fn timeout_is_the_limit_of_a_call_that_has_more_time() {
    let origin = silent();
    let proxy = Proxy::with(&[&h2(&origin.address())], |settings| settings.proxy.timeout = 0.1);
    let mut client = proxy.client();
    client.send(call("grpc-timeout: 1H\r\n"));
    assert_eq!(status(&client.response()).2, Some("14"));
}

#[test]
fn a_response_that_is_not_over_in_time_is_cut_short() {
    let origin = answering(None);
    let proxy = before(&origin);
    let mut client = proxy.client();
    client.send(call("grpc-timeout: 100m\r\n"));
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().expect("the beginning"), b"x");
    client.expect_end();
}

#[test]
fn a_stream_of_messages_may_pause_longer_than_timeout() {
    let pause = Duration::from_millis(400);
    let origin = answering(Some(pause));
    let proxy = Proxy::with(&[&h2(&origin.address())], |settings| settings.proxy.timeout = 0.1);
    let mut client = proxy.client();
    client.send(call(""));
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().expect("the beginning"), b"x");
    assert_eq!(client.chunk().expect("what came after the pause"), b"y");
    assert_eq!(client.chunk(), None);
}

#[test]
fn read_timeout_holds_for_calls_where_it_is_written() {
    let origin = answering(None);
    let proxy = Proxy::with(&[&h2(&origin.address())], |settings| settings.proxy.read_timeout = Some(0.1));
    let mut client = proxy.client();
    client.send(call(""));
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.chunk().expect("the beginning"), b"x");
    client.expect_end();
}

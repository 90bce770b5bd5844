//! Trailers are fields that come late, and can say nothing that the head could not.

use bytes::Bytes;
use http::{HeaderMap, Response};
use proxy_engine::configuration::{Directive, FilterConfig, HeaderChangesConfig, HeaderEdit, HeaderValue};

use crate::support::{http2, request, Exchange, Http2Origin, Message, Origin, Proxy, Seen, Settings};

const LATE: &str = "X-Up: 1\r\nX-INTERNAL: late\r\nx-debug: late\r\nX-Filtered: late\r\nX-Gone: late\r\n\
                    X-Named: late\r\n\
                    X-Real-IP: late\r\nX-Forwarded-User: late\r\nTrue-Client-Ip: late\r\nX_Internal: late\r\n\
                    X_Up: late\r\nx.up: late\r\n\
                    Host: late\r\nAuthorization: late\r\nCookie: late\r\nX-Request-Id: late\r\nVia: late\r\n";

fn edit(name: &str, value: Option<&str>) -> HeaderEdit {
    HeaderEdit { name: name.into(), values: value.iter().map(|text| HeaderValue::Literal((*text).into())).collect() }
}

fn changes(added: &str, removed: &str) -> HeaderChangesConfig {
    HeaderChangesConfig {
        additions: vec![(added.into(), vec!["ours".into()])],
        removals: vec![removed.into()],
        ..HeaderChangesConfig::default()
    }
}

/// Whatever can change a head.
fn changing(settings: &mut Settings) {
    settings.proxy.headers = vec![edit("X-Internal", Some("no")), edit("X-Debug", None)];
    settings.proxy.response_headers = vec![edit("X-Internal", Some("no")), edit("X-Debug", None), edit("Server", None)];
    let routes = &mut settings.server.routes;
    routes.push(Directive::Filter(FilterConfig::RequestHeaders(changes("X-Filtered", "X-Gone"))));
    routes.push(Directive::Filter(FilterConfig::ResponseHeaders(changes("X-Filtered", "X-Gone"))));
}

fn names(trailers: &[(String, String)]) -> Vec<&str> {
    trailers.iter().map(|(name, _)| name.as_str()).collect()
}

fn upload(proxy: &Proxy) -> Message {
    let mut client = proxy.client();
    client.send(format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: X-Named\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\
         hi\r\n0\r\n{LATE}\r\n"
    ));
    client.response()
}

#[test]
fn a_backend_of_http_1_gets_none_unless_it_is_said_to_want_them() {
    let origin = Origin::echoing_targets();
    assert_eq!(upload(&Proxy::with(&[&origin.address()], changing)).status(), 200);
    let wanting = Proxy::with(&[&origin.address()], |settings| {
        changing(settings);
        settings.proxy.request_trailers = true;
    });
    assert_eq!(upload(&wanting).status(), 200);
    let requests = origin.requests();
    assert_eq!((names(&requests[0].trailers), requests[0].get("Trailer")), (vec![], None));
    assert_eq!((names(&requests[1].trailers), requests[1].get("Trailer")), (vec!["X-Up"], Some("X-Up")));
}

/// Remembers the trailers of requests.
fn remembering(seen: Seen<Option<HeaderMap>>) -> Http2Origin {
    Http2Origin::start(
        |_| (),
        move |mut exchange: Exchange| {
            let seen = seen.clone();
            async move {
                exchange.body().await;
                let trailers = exchange.request.body_mut().trailers().await.expect("a whole body");
                seen.lock().expect("the list").push(trailers);
                exchange.answer(200, b"ok");
            }
        },
    )
}

#[test]
fn a_backend_of_http_2_gets_those_that_nobody_else_has_touched() {
    let seen: Seen<Option<HeaderMap>> = Seen::default();
    let origin = remembering(seen.clone());
    let proxy = Proxy::with(&[&origin.address()], changing);
    assert_eq!(upload(&proxy).status(), 200);
    http2(&proxy, |client| async move {
        let mut requests = client.requests.ready().await.expect("a place");
        let head = request("POST", "/").header("content-length", "2").body(()).expect("a request");
        let (response, mut sending) = requests.send_request(head, false).expect("it is sent");
        sending.send_data(Bytes::from_static(b"hi"), false).expect("it is taken");
        let mut trailers = HeaderMap::new();
        for name in ["x-up", "x-internal", "x-debug", "x-filtered", "x-gone", "x-forwarded-for", "x_up"] {
            trailers.insert(name, "late".parse().expect("a value"));
        }
        sending.send_trailers(trailers).expect("they are taken");
        assert_eq!(response.await.expect("an answer").status(), 200);
    });
    let seen = seen.lock().expect("the list");
    let names = |at: usize| {
        let trailers: Option<&HeaderMap> = seen[at].as_ref();
        trailers.map(|map| map.keys().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!((names(0), names(1)), (Some(vec!["x-up".to_owned()]), Some(vec!["x-up".to_owned()])));
}

#[test]
fn a_length_gives_way_to_the_trailers_that_a_backend_of_http_1_wants() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.request_trailers = true);
    http2(&proxy, |client| async move {
        let mut requests = client.requests.ready().await.expect("a place");
        let head =
            request("POST", "/").header("content-length", "2").header("trailer", "x-up").body(()).expect("a request");
        let (response, mut sending) = requests.send_request(head, false).expect("it is sent");
        sending.send_data(Bytes::from_static(b"hi"), false).expect("it is taken");
        let mut trailers = HeaderMap::new();
        trailers.insert("x-up", "1".parse().expect("a value"));
        sending.send_trailers(trailers).expect("they are taken");
        assert_eq!(response.await.expect("an answer").status(), 200);
    });
    let request = &origin.requests()[0];
    assert_eq!((request.get("Content-Length"), request.text().as_str()), (None, "hi"));
    assert_eq!(names(&request.trailers), ["x-up"]);
}

#[test]
fn a_response_says_late_nothing_that_it_may_not_say_at_once() {
    let late = "X-Down: 1\r\nX-Internal: late\r\nx-debug: late\r\nX-Filtered: late\r\nX-Gone: late\r\nserver: late\r\n\
                Date: late\r\n\
                Set-Cookie: late\r\nX-Hop: late\r\n";
    let origin = Origin::answering(move |_| {
        format!("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n{late}\r\n")
    });
    let proxy = Proxy::with(&[&origin.address()], changing);
    let answer = proxy.client().get("/");
    assert_eq!(names(&answer.trailers), ["X-Down"]);
    http2(&proxy, |client| async move {
        let answer = client.get("/").await;
        assert_eq!(answer.trailers.keys().map(ToString::to_string).collect::<Vec<_>>(), ["x-down"]);
    });
}

#[test]
fn trailers_behind_a_body_of_known_length_reach_a_client_of_http_1() {
    let origin = Http2Origin::start(
        |_| (),
        |mut exchange: Exchange| async move {
            let head = Response::builder().header("content-length", "4").body(()).expect("a head");
            let mut stream = exchange.response.send_response(head, false).expect("sent");
            stream.send_data(Bytes::from_static(b"body"), false).expect("sent");
            let mut late = HeaderMap::new();
            late.insert("x-sum", "42".parse().expect("a value"));
            stream.send_trailers(late).expect("sent");
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    for (fields, length, expected) in
        [("Connection: TE\r\nTE: trailers\r\n", None, &["x-sum"][..]), ("", Some("4"), &[])]
    {
        let mut client = proxy.client();
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let answer = client.response();
        assert_eq!((answer.get("Content-Length"), answer.text().as_str()), (length, "body"), "{fields}");
        assert_eq!(names(&answer.trailers), expected, "{fields}");
        // The connection serves on.
        assert_eq!(client.get("/").text(), "body");
    }
}

//! Backends that speak HTTP/2.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::sync::Barrier;

use crate::support::{eventually, Exchange, Frame, Http2Origin, Origin, Peer, Proxy, RawHttp2, Reply};

/// A backend whose script knows frames.
pub(crate) fn raw(script: impl Fn(usize, &mut RawHttp2) + Send + Sync + 'static) -> Origin {
    Origin::start(move |number, peer: &mut Peer| script(number, &mut RawHttp2::accept(peer, &[])))
}

pub(crate) fn before(origin: &Origin) -> Proxy {
    Proxy::with(&[&format!("h2://{}", origin.address())], |_| ())
}

pub(crate) fn post(client: &mut Peer, body: &str) {
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
    client.send(
        "PUT /a%20b?c={d} HTTP/1.1\r\nHost: site.example\r\nX-Kept: 1\r\nConnection: X-Dropped\r\n\
         X-Dropped: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
    let answer = client.response();
    assert_eq!((answer.status(), answer.start.as_str()), (201, "HTTP/1.1 201 Created"));
    let host = origin.address().replace("h2://", "http://");
    assert_eq!(answer.text(), format!("{host}/a%20b?c={{d}} 3 [None, None, None, None, Some(\"1\")] PUT"));
    assert_eq!(answer.get("Via"), Some("2.0 proxy"));
}

#[test]
fn the_host_of_the_client_becomes_the_authority_if_that_is_wanted() {
    let origin = Http2Origin::start(
        |_| (),
        |exchange: Exchange| async move {
            let authority = exchange.request.uri().authority().map(ToString::to_string);
            exchange.answer(200, authority.unwrap_or_default().as_bytes());
        },
    );
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.to = Some("http://backend.example".into());
        settings.proxy.preserve_host = true;
    });
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: site.example:8443\r\n\r\n");
    assert_eq!(client.response().text(), "site.example:8443");
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
        client.send_get(&format!("/{number}"));
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
    clients.iter_mut().for_each(|client| client.send_get("/"));
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
    client.send(
        "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\
         a\r\n0\r\nX-Up: 7\r\n\r\n",
    );
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
                for _ in 0..1_000 + extra {
                    head = head.header("x", "");
                }
                exchange.response.send_response(head.body(()).expect("a head"), true).expect("sent");
            },
        );
        let proxy = Proxy::with(&[&origin.address()], |_| ());
        let mut client = proxy.client();
        client.send_get("/");
        assert_eq!(client.response().status(), status);
    }
}

#[test]
fn a_server_of_http_1_is_found_out_and_has_served_nothing() {
    let wrong = Origin::start(|_, peer| {
        peer.read(24);
        peer.send(Reply::of("400 Bad Request", "").with("Connection: close"));
        peer.rest();
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
    let upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
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

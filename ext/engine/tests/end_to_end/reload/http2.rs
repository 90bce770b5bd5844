//! HTTP/2 on both sides: a connection lives on, and each of its streams has the configuration that it began with.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tokio::sync::Notify;

use super::mark;
use crate::support::{http2, read, request, Exchange, Http2Origin, Proxy};

/// A backend that begins a call, and ends it when it is told to.
fn calls(go: &Arc<Notify>) -> Http2Origin {
    let go = Arc::clone(go);
    Http2Origin::start(
        |_| (),
        move |exchange: Exchange| {
            let go = Arc::clone(&go);
            async move {
                let Exchange { mut response, .. } = exchange;
                let head = Response::builder().header("content-type", "application/grpc").body(()).expect("a head");
                let mut stream = response.send_response(head, false).expect("sent");
                stream.send_data(Bytes::from_static(b"one"), false).expect("sent");
                go.notified().await;
                stream.send_data(Bytes::from_static(b"two"), false).expect("sent");
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().expect("a value"));
                stream.send_trailers(trailers).expect("sent");
            }
        },
    )
}

#[test]
fn a_call_in_flight_finishes_and_the_next_one_gets_the_new_configuration() {
    let (first, second) = (Arc::<Notify>::default(), Arc::<Notify>::default());
    let (old, new) = (calls(&first), calls(&second));
    let proxy = Proxy::with(&[&old.address()], mark("old"));
    let (proxy, origin, first, second) = (&proxy, &new, &first, &second);
    http2(proxy, |client| async move {
        let client = &client;
        let call = || async {
            let head =
                request("POST", "/service/Method").header("content-type", "application/grpc").header("te", "trailers");
            let mut requests = client.requests.clone().ready().await.expect("an open connection");
            let (response, sending) = requests.send_request(head.body(()).expect("a request"), false).expect("sent");
            (response.await.expect("a head"), sending)
        };
        let (before, mut up) = call().await;
        assert_eq!(before.headers()["x-configuration"], "old");
        proxy.reload(&[&origin.address()], mark("new"));
        let (after, _up) = call().await;
        assert_eq!(after.headers()["x-configuration"], "new");
        second.notify_one();
        assert_eq!(read(after).await.expect("a whole answer").text(), "onetwo");
        up.send_data(Bytes::from_static(b"more"), true).expect("its stream is open");
        first.notify_one();
        let answer = read(before).await.expect("a whole answer");
        assert_eq!(
            (answer.text().as_str(), &answer.trailers["grpc-status"]),
            ("onetwo", &"0".parse().expect("a value"))
        );
    });
    assert_eq!((old.connections(), new.connections()), (1, 1));
}

#[test]
fn streams_of_both_configurations_share_the_connection_to_a_backend_that_stays() {
    let go = Arc::<Notify>::default();
    let origin = calls(&go);
    let proxy = Proxy::with(&[&origin.address()], mark("old"));
    let (proxy, backend, go) = (&proxy, &origin, &go);
    http2(proxy, |client| async move {
        let client = &client;
        let call = || async {
            let mut requests = client.requests.clone().ready().await.expect("an open connection");
            let head = request("GET", "/").body(()).expect("a request");
            requests.send_request(head, true).expect("sent").0.await.expect("a head")
        };
        let before = call().await;
        proxy.reload(&[&backend.address()], mark("new"));
        let after = call().await;
        for answer in [before, after] {
            go.notify_one();
            assert_eq!(read(answer).await.expect("a whole answer").text(), "onetwo");
        }
    });
    assert_eq!(origin.connections(), 1);
}

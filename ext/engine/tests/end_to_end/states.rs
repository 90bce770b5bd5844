//! What somebody says of backends while the server runs.

use proxy_engine::Admin;

use crate::support::{eventually, Origin, Proxy};

/// The name of a backend as figures show it: `UPSTREAM/BACKEND`.
fn name(proxy: &Proxy, index: usize) -> String {
    let backend = &proxy.server.stats().backends[index];
    format!("{}/{}", backend.upstream, backend.address)
}

#[test]
fn a_backend_that_is_down_or_draining_gets_no_new_requests() {
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    let mut client = proxy.client();
    for (state, word, answer) in
        [(Admin::Down, "down", "second"), (Admin::Draining, "draining", "second"), (Admin::Ready, "ready", "first")]
    {
        proxy.server.set_state(&name(&proxy, 0), state).expect("it is known");
        assert_eq!(proxy.states(), [word, "ready"]);
        assert_eq!(client.get("/").text(), answer);
    }
}

#[test]
fn what_is_in_flight_at_a_draining_backend_finishes() {
    let (first, second) = (
        Origin::start(|_, peer| {
            peer.request();
            peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
            // Until the other side says so.
            peer.rest();
        }),
        Origin::named("second"),
    );
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    let mut client = proxy.client();
    client.send_get("/");
    client.head();
    assert_eq!(client.chunk().expect("a chunk"), b"hi");
    proxy.server.set_state(&name(&proxy, 0), Admin::Draining).expect("it is known");
    assert_eq!(proxy.client().get("/").text(), "second");
    assert_eq!(proxy.server.stats().backends[0].in_flight, 1, "the first one goes on");
    client.reset();
    eventually("it is over", || proxy.server.stats().backends[0].in_flight == 0);
}

#[test]
fn an_upstream_stands_for_all_of_its_backends() {
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    let upstream = proxy.server.stats().backends[0].upstream.clone();
    proxy.server.set_state(&upstream, Admin::Down).expect("it is known");
    assert_eq!(proxy.states(), ["down", "down"]);
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 503);
    proxy.server.set_state(&name(&proxy, 1), Admin::Ready).expect("it is known");
    assert_eq!((proxy.states(), client.get("/").text()), (vec!["down", "ready"], "second".into()));
}

#[test]
fn an_unknown_name_is_an_error_that_lists_those_there_are() {
    let origin = Origin::named("a");
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let error = proxy.server.set_state("app/nobody", Admin::Down).expect_err("nobody is called that").to_string();
    let (upstream, backend) = (proxy.server.stats().backends[0].upstream.clone(), name(&proxy, 0));
    assert_eq!(error, format!("\"app/nobody\" is not a valid backend: write one of {upstream}, {backend}"));
}

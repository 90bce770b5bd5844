//! Connections outlive a message, on both sides, unless one side says otherwise.

use std::sync::Barrier;
use std::time::Instant;

use proxy_engine::config::Setting;

use crate::support::{Origin, Proxy};

#[test]
fn many_requests_share_one_connection_on_each_side() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    for target in ["/a", "/b", "/c"] {
        let response = client.get(target);
        assert_eq!((response.status(), response.text().as_str()), (200, target));
        assert_eq!(response.get("Connection"), None);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn clients_in_turn_share_a_backend_connection() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    for target in ["/a", "/b", "/c"] {
        assert_eq!(proxy.client().get(target).text(), target);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn clients_at_once_share_nothing() {
    let both = Barrier::new(2);
    let origin = Origin::start(move |number, peer| {
        peer.request();
        // Nobody is answered before both are here.
        both.wait();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{number}"));
        assert!(peer.try_request().is_none());
    });
    let proxy = Proxy::before(&origin);
    let (mut one, mut two) = (proxy.client(), proxy.client());
    one.send_get("/");
    two.send_get("/");
    let mut answers = [one.response().text(), two.response().text()];
    answers.sort();
    assert_eq!(answers, ["0", "1"]);
}

#[test]
fn a_request_that_says_close_is_the_last() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.get("Connection")), ("/a", Some("close")));
    client.expect_end();
    // The backend has nothing to do with it.
    assert_eq!(proxy.client().get("/b").text(), "/b");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_backend_connection_that_says_close_is_not_used_again() {
    for head in ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.0 200 OK"] {
        let origin = Origin::start(move |_, peer| {
            peer.request();
            peer.send(format!("{head}\r\nContent-Length: 2\r\n\r\nok"));
            assert!(peer.try_request().is_none(), "it is closed by the proxy");
        });
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        for _ in 0..2 {
            let response = client.get("/");
            assert_eq!((response.text().as_str(), response.get("Connection")), ("ok", None));
        }
        assert_eq!(origin.connections(), 2);
    }
}

#[test]
fn an_http_1_0_backend_that_keeps_its_connection_is_used_again() {
    let origin = Origin::answering(|_| "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Proxy::before(&origin);
    for _ in 0..2 {
        assert_eq!(proxy.client().get("/").text(), "ok");
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn no_backend_connection_is_kept_where_none_may_be() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.pool.keepalive = 0);
    let mut client = proxy.client();
    client.get("/a");
    client.get("/b");
    assert_eq!(origin.connections(), 2);
    assert_eq!(origin.requests()[0].get("Connection"), Some("close"));
}

#[test]
fn an_idle_client_connection_is_closed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.keepalive_timeout = Setting::of(0.2);
    });
    let mut client = proxy.client();
    client.get("/");
    let begun = Instant::now();
    client.expect_end();
    assert!(begun.elapsed().as_millis() >= 150, "after {:?}", begun.elapsed());
}

#[test]
fn an_empty_line_leaves_a_client_connection_idle() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.client_header_timeout = Setting::of(0.2);
        settings.server.keepalive_timeout = Setting::of(0.5);
    });
    let mut client = proxy.client();
    client.get("/");
    let begun = Instant::now();
    client.send("\r\n");
    client.expect_end();
    assert!(begun.elapsed().as_millis() >= 400, "after {:?}", begun.elapsed());
}

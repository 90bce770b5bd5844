//! Passwords are verified beside what is served, and concern nobody once the server stops.

use std::time::{Duration, Instant};

use proxy_engine::configuration::{AuthBasicConfig, Directive, FilterConfig};

use crate::support::{eventually, Origin, Proxy, PATIENCE};

/// Takes longer than anyone here waits.
const ENDLESS: &str =
    "$6$rounds=500000$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1";

#[test]
fn a_password_that_is_being_verified_holds_up_nobody() {
    let origin = Origin::start(|_, peer| {
        peer.request();
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let credentials = Some(vec![("ann".into(), ENDLESS.into())]);
        let auth = AuthBasicConfig { credentials, ..AuthBasicConfig::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::AuthBasic(auth)));
    });
    let mut waiting = proxy.client();
    waiting.send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n\r\n");
    // Accepted behind the other, by the same thread.
    assert_eq!(proxy.client().get("/").status(), 401);

    let begun = Instant::now();
    proxy.server.begin_stop(Some(Duration::ZERO));
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?}", begun.elapsed());
}

#[test]
fn a_client_that_leaves_while_its_password_is_verified_is_noticed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let credentials = Some(vec![("ann".into(), ENDLESS.into())]);
        let auth = AuthBasicConfig { credentials, ..AuthBasicConfig::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::AuthBasic(auth)));
    });
    proxy.client().send("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YW5uOnNlY3JldA==\r\n\r\n");
    eventually("it is given up", || proxy.server.stats().requests.client_closed == 1);
    proxy.server.begin_stop(Some(Duration::ZERO));
    assert!(proxy.server.wait(Some(PATIENCE)), "the server stops");
}

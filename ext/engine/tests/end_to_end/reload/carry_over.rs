//! What goes on when it is the same in both configurations.

use proxy_engine::configuration::{Directive, FilterConfig, HealthCheck, RateLimitConfig};
use proxy_engine::stats::BackendStats;
use proxy_engine::Admin;

use super::slow;
use crate::support::{eventually, nobody, Origin, Proxy, Settings};

fn backends(proxy: &Proxy) -> Vec<BackendStats> {
    proxy.server.stats().backends
}

/// Whether the backends are checked, and how often.
fn checked(path: &'static str) -> impl Fn(&mut Settings) {
    move |settings| {
        settings.pool.health_check =
            Some(HealthCheck { path: path.into(), interval: 0.02, fall: 1, rise: 1, ..HealthCheck::default() });
    }
}

#[test]
fn backends_that_stay_keep_connections_figures_and_what_somebody_wants_of_them() {
    let (first, second) = (Origin::echoing_targets(), Origin::echoing_targets());
    let proxy = Proxy::with(&[&first.address()], |_| ());
    let mut client = proxy.client();
    for _ in 0..3 {
        assert_eq!(client.get("/").status(), 200);
    }
    let upstream = backends(&proxy)[0].upstream.clone();
    // First as it is, then with another backend and other options.
    proxy.reload(&[&first.address()], |_| ());
    assert_eq!(backends(&proxy)[0].requests, 3);
    proxy.reload(&[&first.address(), &second.address()], |settings| settings.pool.keepalive = 5);
    assert_eq!(client.get("/").status(), 200);
    assert_eq!(backends(&proxy).iter().map(|backend| backend.requests).collect::<Vec<_>>(), [4, 0]);
    assert_eq!(first.connections(), 1);
    proxy.server.set_state(&format!("{upstream}/{}", first.address()), Admin::Down).expect("it is known");
    proxy.reload(&[&first.address(), &second.address()], |settings| settings.pool.keepalive = 6);
    assert_eq!(proxy.states(), ["down", "ready"]);
    assert_eq!((client.get("/second").text().as_str(), first.requests().len()), ("/second", 4));
    // What is wanted of the upstream holds for a backend that comes later.
    proxy.server.set_state(&upstream, Admin::Draining).expect("it is known");
    proxy.reload(&[&first.address(), &second.address(), "127.0.0.1:1"], |_| ());
    assert_eq!(proxy.states(), ["draining"; 3]);
    proxy.server.set_state(&upstream, Admin::Ready).expect("it is known");
    assert_eq!(proxy.states(), ["ready"; 3]);
}

#[test]
fn another_way_to_connect_makes_another_backend() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    assert_eq!(proxy.client().get("/").status(), 200);
    proxy.reload(&[&origin.address()], |settings| settings.pool.tls_sni = false);
    assert_eq!(proxy.client().get("/").status(), 200);
    assert_eq!((origin.connections(), backends(&proxy)[0].requests), (2, 1));
}

#[test]
fn requests_under_both_configurations_share_the_room_of_a_backend() {
    let (origin, go) = slow();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let mut old = proxy.client();
    old.send_get("/old");
    old.head();
    proxy.reload(&[&origin.address()], |settings| {
        settings.pool.max_connections = Some(1);
        settings.pool.queue = 1;
    });
    assert_eq!(backends(&proxy)[0].in_flight, 1);
    let mut new = proxy.client();
    new.send_get("/new");
    eventually("it waits", || proxy.server.stats().requests.queued == 1);
    go.open();
    old.chunks();
    // The backend has become free.
    new.head();
    go.open();
    new.chunks();
}

#[test]
fn what_checks_found_holds_on_unless_they_ask_something_else() {
    let (origin, dead) = (Origin::echoing_targets(), nobody());
    let proxy = Proxy::with(&[&dead, &origin.address()], checked("/healthz"));
    eventually("it is noticed", || proxy.states() == ["unhealthy", "ready"]);
    proxy.reload(&[&dead, &origin.address(), "127.0.0.1:1"], |settings| {
        checked("/healthz")(settings);
        settings.pool.keepalive = 5;
    });
    assert_eq!(proxy.states()[..2], ["unhealthy", "ready"]);
    eventually("the new one is checked", || proxy.states() == ["unhealthy", "ready", "unhealthy"]);
    let asked = |path: &str| origin.targets().iter().any(|target| target == path);
    eventually("the others are checked too", || asked("/healthz"));
    assert!(!asked("/other"));
    proxy.reload(&[&dead, &origin.address()], checked("/other"));
    eventually("the new checks are made", || asked("/other"));
    proxy.reload(&[&dead, &origin.address()], |_| ());
    assert_eq!(proxy.states(), ["ready", "ready"], "nothing is checked any more");
    assert!(backends(&proxy).iter().all(|backend| backend.check.is_none()));
}

#[test]
fn counts_of_a_limit_go_on_where_it_is_the_same() {
    let limited = |requests: i64| {
        move |settings: &mut Settings| {
            let limit =
                RateLimitConfig { requests: Some(requests), seconds: Some(600.0), ..RateLimitConfig::default() };
            settings.server.routes.push(Directive::Filter(FilterConfig::RateLimit(limit)));
        }
    };
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], limited(2));
    let mut client = proxy.client();
    assert_eq!(client.get("/").get("X-RateLimit-Remaining"), Some("1"));
    proxy.reload(&[&origin.address(), "127.0.0.1:1"], limited(2));
    assert_eq!(client.get("/").get("X-RateLimit-Remaining"), Some("0"));
    assert_eq!(client.get("/").status(), 429);
    proxy.reload(&[&origin.address()], limited(3));
    assert_eq!(client.get("/").get("X-RateLimit-Remaining"), Some("2"), "another limit begins anew");
}

//! Which backend is asked first, and which one last.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::Arc;
use std::time::{Duration, Instant};

use proxy_engine::config::{HealthCheck, Priority, StickyConfig};

use crate::support::{eventually, nobody, Origin, Proxy, Reply, Settings};

fn by(policy: &str) -> Priority {
    match policy {
        "hash" => Priority::Hash("{path}".into()),
        "sticky" => Priority::Sticky(StickyConfig { cookie: "backend".into(), secret: None }),
        name => Priority::Named(name.into()),
    }
}

/// How often each backend was asked.
fn asked(proxy: &Proxy) -> Vec<u64> {
    proxy.server.stats().backends.iter().map(|backend| backend.requests).collect()
}

#[test]
fn an_unreachable_backend_costs_few_requests_a_try_under_any_policy() {
    for policy in ["round_robin", "ordered", "random", "least_conn", "random_two", "ip_hash", "hash", "sticky"] {
        let (first, second) = (Origin::named("first"), Origin::named("second"));
        let proxy = Proxy::with(&[&nobody(), &first.address(), &second.address()], |settings| {
            settings.pool.backend_priority = by(policy);
        });
        let begun = Instant::now();
        let mut client = proxy.client();
        for number in 0..60 {
            assert_eq!(client.get(&format!("/{number}")).status(), 200, "{policy}");
        }
        let (tries, seconds) = (asked(&proxy)[0], begun.elapsed().as_secs());
        assert!(tries <= 2 + seconds, "{policy}: {tries} tries in {seconds} s");
    }
}

#[test]
fn it_comes_behind_the_backups_and_serves_again_once_it_can_be_connected_to() {
    let address = nobody();
    let backup = Origin::named("backup");
    let proxy = Proxy::with(&[&address, &backup.address()], |settings| {
        settings.pool.backends.as_mut().expect("two")[1].backup = true;
    });
    let mut client = proxy.client();
    for _ in 0..20 {
        assert_eq!(client.get("/").text(), "backup");
    }
    let _back = Origin::back_at(&address);
    eventually("a request finds it", || client.get("/").text() == "back");
    assert_eq!(client.get("/").text(), "back");
}

#[test]
fn the_only_backend_is_asked_however_often_it_could_not_be_connected_to() {
    let address = nobody();
    let proxy = Proxy::with(&[&address], |_| ());
    let mut client = proxy.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").status(), 502);
    }
    assert!(asked(&proxy)[0] >= 5);
    let _back = Origin::back_at(&address);
    assert_eq!(client.get("/").text(), "back", "at once");
}

#[test]
fn a_retry_takes_no_turn() {
    // Every answer of the first is one to ask another for: without a turn of their own those are spread over the
    // others.
    let failing = Origin::answering(|_| Reply::of("503 No", ""));
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let proxy = Proxy::with(&[&failing.address(), &first.address(), &second.address()], |settings| {
        settings.pool.backend_priority = by("round_robin");
        settings.proxy.retry_on = vec!["503".into()];
    });
    let mut client = proxy.client();
    for _ in 0..300 {
        assert_eq!(client.get("/").status(), 200);
    }
    let asked = asked(&proxy);
    assert_eq!(asked[0], 100);
    assert!(asked[1..].iter().all(|asked| (120..=180).contains(asked)), "{asked:?}");
}

#[test]
fn requests_without_the_value_that_decides_are_spread() {
    for (rewrite, field) in
        [("{X-Tenant}", "X-Tenant: "), ("tenant-{X-Tenant}", "A: b"), ("{cookie.tenant}", "Cookie: other=1")]
    {
        let origins = [Origin::named("first"), Origin::named("second"), Origin::named("third")];
        let addresses: Vec<_> = origins.iter().map(Origin::address).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let proxy = Proxy::with(&addresses, |settings| {
            settings.pool.backend_priority = Priority::Hash(rewrite.into());
        });
        let mut client = proxy.client();
        for _ in 0..30 {
            client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n"));
            assert_eq!(client.response().status(), 200);
        }
        assert_eq!(asked(&proxy), [10, 10, 10], "{rewrite}");
        for _ in 0..9 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Tenant: 7\r\nCookie: tenant=7\r\n\r\n");
            assert_eq!(client.response().status(), 200);
        }
        assert!(asked(&proxy).contains(&19), "{rewrite}: a value decides");
    }
}

/// A backend whose checks fail until it is told to be well, and which answers its name.
fn booting(name: &'static str) -> (Origin, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(false));
    let of_origin = well.clone();
    let origin = Origin::answering(move |request| match request.target() {
        "/healthz" if !of_origin.load(SeqCst) => Reply::of("503 No", ""),
        _ => Reply::ok(name),
    });
    (origin, well)
}

fn checks(settings: &mut Settings) {
    settings.pool.health_check =
        Some(HealthCheck { path: "/healthz".into(), interval: 0.03, ..HealthCheck::default() });
}

#[test]
fn a_new_backend_gets_nothing_before_its_first_good_check() {
    let ((first, well), (second, second_well)) = (booting("first"), booting("second"));
    second_well.store(true, SeqCst);
    let proxy = Proxy::with(&[&first.address(), &second.address()], checks);
    let mut client = proxy.client();
    for _ in 0..5 {
        assert_eq!(client.get("/").text(), "second");
    }
    well.store(true, SeqCst);
    eventually("it is checked", || proxy.states() == ["ready", "ready"]);
    assert_eq!(client.get("/").text(), "first");
}

#[test]
fn requests_wait_for_the_first_good_check_where_nobody_has_had_one() {
    let (origin, well) = booting("only");
    let proxy = Proxy::with(&[&origin.address()], checks);
    let mut client = proxy.client();
    client.send_get("/");
    eventually("its checks fail", || proxy.states() == ["unhealthy"]);
    well.store(true, SeqCst);
    assert_eq!(client.response().text(), "only");
}

#[test]
fn they_wait_no_longer_than_the_timeout_and_no_more_than_the_queue_has_room_for() {
    let (origin, _) = booting("only");
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        checks(settings);
        settings.proxy.timeout = 0.3;
        settings.pool.queue = 1;
    });
    let (mut first, mut second) = (proxy.client(), proxy.client());
    let begun = Instant::now();
    first.send_get("/");
    eventually("it waits", || proxy.server.stats().requests.in_flight == 1);
    assert_eq!(second.get("/").status(), 503, "there is no room");
    assert_eq!(first.response().status(), 503);
    assert!(begun.elapsed() >= Duration::from_millis(300));
}

#[test]
fn after_a_reload_those_before_serve_until_the_new_ones_are_well() {
    let (old, (new, well)) = (Origin::named("old"), booting("new"));
    let proxy = Proxy::with(&[&old.address()], checks);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "old");
    proxy.reload(&[&new.address()], checks);
    for _ in 0..5 {
        assert_eq!(client.get("/").text(), "old");
    }
    // Another reload in between changes nothing of that.
    proxy.reload(&[&new.address(), &nobody()], checks);
    assert_eq!(client.get("/").text(), "old");
    well.store(true, SeqCst);
    eventually("it is well", || client.get("/").text() == "new");
    assert_eq!(client.get("/").text(), "new");
}

#[test]
fn after_a_reload_requests_wait_where_those_before_are_gone() {
    let (new, well) = booting("new");
    let proxy = Proxy::with(&[&nobody()], |_| ());
    let mut client = proxy.client();
    proxy.reload(&[&new.address()], checks);
    client.send_get("/");
    eventually("its checks fail", || proxy.states() == ["unhealthy"]);
    well.store(true, SeqCst);
    assert_eq!(client.response().text(), "new");
}

#[test]
fn what_a_backend_says_of_keeping_connections_is_believed() {
    for (said, kept) in [
        ("timeout=5", true),
        ("timeout=5, max=7", true),
        ("timeout=1", false),
        ("timeout=0", false),
        ("TIMEOUT = 1 , max=9", false),
        ("timeout=5, max=0", false),
        ("max=1", true),
        ("timeout=-1", true),
        ("timeout=\"1\"", true),
        ("timeout", true),
        ("timeout=99999999999999999999999", true),
    ] {
        let origin =
            Origin::answering(move |_| format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: {said}\r\n\r\nok"));
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        let answer = client.get("/");
        assert!(!answer.has("Keep-Alive"));
        assert_eq!(client.get("/").text(), "ok");
        assert_eq!(origin.connections(), if kept { 1 } else { 2 }, "{said}");
    }
}

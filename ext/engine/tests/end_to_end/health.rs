//! Which backends get requests.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

use proxy_engine::configuration::{CustomError, ErrorResponseConfig, HealthCheck};

use crate::support::{eventually, nobody, Origin, Proxy, Reply, Settings};

/// A backend that answers its name, and its checks with 200 or 500.
fn named(name: &'static str) -> (Origin, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(true));
    let of_origin = well.clone();
    let origin = Origin::answering(move |request| match request.target() {
        "/healthz" if of_origin.load(SeqCst) => Reply::ok(""),
        "/healthz" => Reply::of("500 No", ""),
        _ => Reply::ok(name),
    });
    (origin, well)
}

fn checks(settings: &mut Settings) {
    settings.pool.health_check =
        Some(HealthCheck { path: "/healthz".into(), interval: 0.03, rise: 2, fall: 2, ..HealthCheck::default() });
}

#[test]
fn a_backend_whose_checks_fail_gets_no_requests_until_they_succeed_again() {
    let ((first, well), (second, _)) = (named("first"), named("second"));
    let proxy = Proxy::with(&[&first.address(), &second.address()], checks);
    let mut client = proxy.client();
    eventually("they are checked", || proxy.states() == ["ready", "ready"]);
    assert_eq!(client.get("/").text(), "first");
    well.store(false, SeqCst);
    eventually("it leaves", || proxy.states() == ["unhealthy", "ready"]);
    assert_eq!(client.get("/").text(), "second");
    let check = proxy.server.stats().backends[0].check.clone().expect("a result");
    assert_eq!((check.healthy, check.error.as_deref()), (false, Some("the answer is a 500")));
    well.store(true, SeqCst);
    eventually("it returns", || proxy.states() == ["ready", "ready"]);
    assert_eq!(client.get("/").text(), "first");
}

#[test]
fn a_503_is_answered_until_a_backend_is_well_again() {
    let (origin, well) = named("only");
    let proxy = Proxy::with(&[&origin.address()], checks);
    eventually("it is checked", || proxy.states() == ["ready"]);
    well.store(false, SeqCst);
    eventually("it leaves", || proxy.states() == ["unhealthy"]);
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 503);
    well.store(true, SeqCst);
    eventually("it returns", || proxy.states() == ["ready"]);
    assert_eq!(client.get("/").text(), "only");
}

#[test]
fn a_response_of_ones_own_stands_for_the_503_too() {
    let custom = CustomError { status: Some(521), ..CustomError::default() };
    for (response, status) in
        [(ErrorResponseConfig::Custom(custom), 521), (ErrorResponseConfig::Named("not_found".into()), 404)]
    {
        let proxy = Proxy::with(&[&nobody()], |settings| {
            checks(settings);
            settings.proxy.timeout = 0.2;
            settings.proxy.error_response = Some(response);
        });
        eventually("it leaves", || proxy.states() == ["unhealthy"]);
        assert_eq!(proxy.client().get("/").status(), status);
    }
}

#[test]
fn failed_attempts_take_a_backend_out_and_one_request_brings_it_back() {
    let address = nobody();
    let (second, _) = named("second");
    let proxy = Proxy::with(&[&address, &second.address()], |settings| {
        settings.pool.max_fails = 2;
        settings.pool.fail_timeout = 3.0;
    });
    let mut client = proxy.client();
    // After the first one it comes last for a moment, and is tried once more at its end.
    eventually("it is ejected", || client.get("/").text() == "second" && proxy.states() == ["ejected", "ready"]);
    let stats = proxy.server.stats().backends;
    assert_eq!((stats[0].requests, stats[0].failures), (2, 2));
    let _back = Origin::back_at(&address);
    eventually("a request finds it well", || client.get("/").text() == "back");
    assert_eq!(proxy.states(), ["ready", "ready"]);
}

#[test]
fn answers_that_retry_on_names_count_as_failed_and_others_do_not() {
    let first = Origin::answering(|_| Reply::of("503 No", ""));
    let (second, _) = named("second");
    let with = |reasons: &[&str]| {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        Proxy::with(&[&first.address(), &second.address()], |settings| {
            settings.pool.max_fails = 1;
            settings.proxy.retry_on = reasons;
        })
    };
    let proxy = with(&["503"]);
    assert_eq!(proxy.client().get("/").text(), "second");
    assert_eq!(proxy.states(), ["ejected", "ready"]);
    let proxy = with(&[]);
    assert_eq!(proxy.client().get("/").status(), 503);
    assert_eq!(proxy.states(), ["ready", "ready"]);
}

#[test]
fn answers_that_break_off_count_as_failed() {
    for broken in ["garbage\r\n\r\n", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi"] {
        let first = Origin::start(move |_, peer| {
            peer.request();
            peer.send(broken);
        });
        let (second, _) = named("second");
        let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| settings.pool.max_fails = 1);
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        client.rest();
        eventually("it is ejected", || proxy.states() == ["ejected", "ready"]);
    }
}

#[test]
fn a_client_that_leaves_is_not_held_against_a_backend() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let first = Origin::start(move |_, peer| {
        peer.request();
        count.fetch_add(1, SeqCst);
        peer.rest();
    });
    let (second, _) = named("second");
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| settings.pool.max_fails = 1);
    let mut client = proxy.client();
    client.send_get("/");
    eventually("the backend is asked", || asked.load(SeqCst) == 1);
    client.reset();
    eventually("it is over", || proxy.server.stats().requests.client_closed == 1);
    assert_eq!(proxy.states(), ["ready", "ready"]);
}

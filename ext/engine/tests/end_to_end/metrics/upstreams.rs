//! Figures of upstreams and backends.

use proxy_engine::configuration::{HealthCheck, Setting};
use proxy_engine::Admin;

use super::{await_series, shown, Scrape};
use crate::support::{eventually, http2, nobody, Gate, Http2Origin, Origin, Proxy, Reply};

#[test]
fn answers_connections_and_times_count_for_the_backend() {
    let origin = Origin::answering(|request| match request.target() {
        "/bad" => Reply::of("500 No", "no"),
        _ => Reply::ok("yes"),
    });
    let address = origin.address();
    let proxy = Proxy::with(&[&address], shown);
    let mut client = proxy.client();
    for target in ["/", "/", "/bad"] {
        client.get(target);
    }
    let labels = format!("upstream=\"{address}\",backend=\"{address}\"");
    await_series(&proxy, &format!("proxy_upstream_requests_total{{{labels},code_class=\"5xx\"}}"), 1.0);
    let scrape = Scrape::of(&proxy);
    let value = |name: &str, more: &str| scrape.get(&format!("proxy_upstream_{name}{{{labels}{more}}}"));
    assert_eq!(value("requests_total", ",code_class=\"2xx\""), 2.0);
    assert_eq!((value("connections_opened_total", ""), value("connections_reused_total", "")), (1.0, 2.0));
    assert_eq!(value("backend_up", ""), 1.0);
    assert_eq!(value("backend_state", ",state=\"ready\""), 1.0);
    assert_eq!(value("backend_state", ",state=\"down\""), 0.0);
    let upstream = format!("{{upstream=\"{address}\"}}");
    for name in ["proxy_response_first_byte_seconds_count", "proxy_queue_seconds_count"] {
        assert_eq!(scrape.get(&format!("{name}{upstream}")), 3.0, "{name}");
    }
    assert_eq!(scrape.get(&format!("proxy_queue_seconds_sum{upstream}")), 0.0, "nothing waited");
    assert_eq!(scrape.of_family("proxy_upstream_failures_total"), []);
    assert_eq!(scrape.get(&format!("proxy_upstream_retries_total{upstream}")), 0.0);
    await_series(&proxy, &format!("proxy_upstream_connections{{{labels},state=\"idle\"}}"), 1.0);
    proxy.server.set_state(&format!("{address}/{address}"), Admin::Down).expect("it is known");
    let scrape = Scrape::of(&proxy);
    let value = |name: &str, more: &str| scrape.get(&format!("proxy_upstream_{name}{{{labels}{more}}}"));
    assert_eq!((value("backend_up", ""), value("backend_state", ",state=\"down\"")), (0.0, 1.0));
}

#[test]
fn failures_have_a_reason_and_retries_count() {
    let cut = Origin::start(|_, peer| {
        let _ = peer.try_request();
    });
    let (wrong, silent) = (Origin::answering(|_| "HTTP/1.1 abc\r\n\r\n"), Origin::silent());
    let refused = nobody();
    for (failing, reason, status, retries) in [
        (refused, "backend_refused", 200, 1.0),
        (cut.address(), "backend_cut", 200, 1.0),
        (wrong.address(), "backend_error", 502, 0.0),
        (silent.address(), "backend_timeout", 504, 0.0),
    ] {
        let good = Origin::echoing_targets();
        let proxy = Proxy::with(&[&failing, &good.address()], |settings| {
            shown(settings);
            settings.proxy.timeout = 1.0;
        });
        assert_eq!(proxy.client().get("/").status(), status, "{reason}");
        let labels = format!("upstream=\"{failing}\",backend=\"{failing}\",reason=\"{reason}\"");
        await_series(&proxy, &format!("proxy_upstream_failures_total{{{labels}}}"), 1.0);
        await_series(&proxy, &format!("proxy_upstream_retries_total{{upstream=\"{failing}\"}}"), retries);
        assert_eq!(Scrape::of(&proxy).of_family("proxy_upstream_failures_total").len(), 1);
    }
}

#[test]
fn a_request_that_waits_shows_in_the_queue_and_its_time() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            gate.wait_until("the answers may come");
            peer.send(Reply::ok("late"));
        }
    });
    let address = origin.address();
    let proxy = Proxy::with(&[&address], |settings| {
        shown(settings);
        settings.pool.max_connections = Some(1);
        settings.pool.queue = 5;
        settings.server.threads = Some(Setting::of(2));
    });
    let (mut first, mut second) = (proxy.client(), proxy.client());
    first.send_get("/first");
    let used = format!("proxy_upstream_connections{{upstream=\"{address}\",backend=\"{address}\",state=\"used\"}}");
    await_series(&proxy, &used, 1.0);
    second.send_get("/second");
    let queue = format!("proxy_upstream_queue_length{{upstream=\"{address}\"}}");
    await_series(&proxy, &queue, 1.0);
    key.open();
    key.open();
    assert_eq!((first.response().status(), second.response().status()), (200, 200));
    await_series(&proxy, &queue, 0.0);
    await_series(&proxy, &format!("proxy_queue_seconds_count{{upstream=\"{address}\"}}"), 2.0);
    assert!(Scrape::of(&proxy).get(&format!("proxy_queue_seconds_sum{{upstream=\"{address}\"}}")) > 0.0);
}

#[test]
fn the_state_of_a_backend_is_that_of_its_checks() {
    let refused = nobody();
    let proxy = Proxy::with(&[&refused], |settings| {
        shown(settings);
        settings.pool.health_check = Some(HealthCheck { interval: 0.02, fall: 1, rise: 1, ..HealthCheck::default() });
    });
    let labels = format!("upstream=\"{refused}\",backend=\"{refused}\"");
    await_series(&proxy, &format!("proxy_upstream_backend_state{{{labels},state=\"unhealthy\"}}"), 1.0);
    assert_eq!(Scrape::of(&proxy).get(&format!("proxy_upstream_backend_up{{{labels}}}")), 0.0);
}

#[test]
fn connections_of_http2_are_shared() {
    let origin = Http2Origin::echoing();
    let address = origin.address().replace("h2://", "");
    let proxy = Proxy::with(&[&origin.address()], shown);
    http2(&proxy, |client| async move {
        for _ in 0..3 {
            assert_eq!(client.get("/").await.status, 200);
        }
    });
    let labels = format!("upstream=\"{address}\",backend=\"{address}\"");
    await_series(&proxy, &format!("proxy_upstream_connections_reused_total{{{labels}}}"), 2.0);
    await_series(&proxy, &format!("proxy_upstream_connections_opened_total{{{labels}}}"), 1.0);
    await_series(&proxy, &format!("proxy_upstream_connections{{{labels},state=\"idle\"}}"), 1.0);
    eventually("no connection is used", || {
        Scrape::of(&proxy).get(&format!("proxy_upstream_connections{{{labels},state=\"used\"}}")) == 0.0
    });
}

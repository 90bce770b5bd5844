//! What the figures mean, as whoever scrapes them sees them.

mod bounds;
mod connections;
mod reloads;
mod serving;
mod upstreams;

use std::collections::BTreeMap;

use proxy_engine::configuration::{Directive, FilterConfig, LocationConfig, MetricsConfig, RateLimitConfig, Setting};

use crate::support::{eventually, Origin, Proxy, Settings};

/// A location with these directives inside.
fn location(pattern: &str, routes: Vec<Directive>) -> Directive {
    Directive::Location(Box::new(LocationConfig {
        patterns: vec![pattern.into()],
        routes,
        ..LocationConfig::default()
    }))
}

/// Lets the proxy answer with its figures at `/metrics`.
fn shown(settings: &mut Settings) {
    settings.server.routes.push(location("/metrics", vec![Directive::Metrics(MetricsConfig::default())]));
    settings.server.metrics = Some(MetricsConfig { exclude: vec!["/metrics".into()], ..MetricsConfig::default() });
}

/// Series with their values, by name and labels as they are written.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    fn of(proxy: &Proxy) -> Self {
        let answer = proxy.client().get("/metrics");
        assert_eq!(answer.status(), 200);
        let text = answer.text();
        let series = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            (series.to_owned(), value.parse().expect("a number"))
        });
        let (count, series) = (series.clone().count(), series.collect::<BTreeMap<_, _>>());
        assert_eq!(series.len(), count, "each series is there once");
        Self(series)
    }

    /// Value of a series; 0 if it is not there.
    fn get(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or_default()
    }

    /// The series whose names begin so, with their values.
    fn of_family(&self, name: &str) -> Vec<(&str, f64)> {
        let own = self.0.iter().filter(|(series, _)| series.starts_with(name));
        own.map(|(series, value)| (series.as_str(), *value)).collect()
    }
}

/// Waits until the proxy shows this.
fn await_series(proxy: &Proxy, series: &str, value: f64) {
    let mut last = f64::NAN;
    eventually(series, || {
        last = Scrape::of(proxy).get(series);
        last == value
    });
}

#[test]
fn requests_count_by_their_location_status_and_method() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        shown(settings);
        let answer = |code| {
            Directive::StaticResponse(proxy_engine::configuration::StaticResponseConfig { code, ..Default::default() })
        };
        settings.server.routes.push(location("/users/:id", vec![answer(204)]));
        let named = LocationConfig {
            name: Some("teapots".into()),
            patterns: vec!["/tea/*".into()],
            routes: vec![answer(418)],
            ..LocationConfig::default()
        };
        settings.server.routes.push(Directive::Location(Box::new(named)));
    });
    let mut client = proxy.client();
    for target in ["/users/1", "/users/2", "/tea/green", "/anything"] {
        client.get(target);
    }
    for method in ["DELETE", "BREW", "PROPFIND"] {
        client.send(format!("{method} /anything HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.response().status(), 200);
    }
    await_series(&proxy, "proxy_requests_total{route=\"/*\",code=\"200\",method=\"OTHER\"}", 2.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!(
        scrape.of_family("proxy_requests_total"),
        [
            ("proxy_requests_total{route=\"/*\",code=\"200\",method=\"DELETE\"}", 1.0),
            ("proxy_requests_total{route=\"/*\",code=\"200\",method=\"GET\"}", 1.0),
            ("proxy_requests_total{route=\"/*\",code=\"200\",method=\"OTHER\"}", 2.0),
            ("proxy_requests_total{route=\"/users/:id\",code=\"204\",method=\"GET\"}", 2.0),
            ("proxy_requests_total{route=\"teapots\",code=\"418\",method=\"GET\"}", 1.0),
        ]
    );
    let times = |class: &str, rest: &str| scrape.get(&format!("proxy_request_duration_seconds_{rest}{class}"));
    assert_eq!(times("{route=\"/*\",code_class=\"2xx\"}", "count"), 4.0);
    assert_eq!(times("{route=\"/*\",code_class=\"2xx\",le=\"+Inf\"}", "bucket"), 4.0);
    assert_eq!(times("{route=\"teapots\",code_class=\"4xx\"}", "count"), 1.0);
    let sum = times("{route=\"/*\",code_class=\"2xx\"}", "sum");
    assert!(sum > 0.0 && sum < 20.0, "{sum}");
}

#[test]
fn requests_that_were_refused_before_they_were_whole_count_without_a_location() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        shown(settings);
        settings.server.max_header_size = Setting::of(1_024);
        settings.server.client_header_timeout = Setting::of(0.2);
    });
    for (request, code) in [
        ("GET /nohost HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}".into(), 400),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(2_000)), 431),
        ("POST /slow HTTP/1.1\r\nHost: a\r\n".into(), 408),
        ("GET /%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".into(), 405),
    ] {
        let mut client = proxy.client();
        client.send(&request);
        assert_eq!(client.response().status(), code, "{request}");
    }
    let mut client = proxy.client();
    client.send("GET /unfinished HTTP/1.1\r\nHo");
    client.half_close();
    client.rest();
    await_series(&proxy, "proxy_requests_total{route=\"_none\",code=\"499\",method=\"GET\"}", 1.0);
    let scrape = Scrape::of(&proxy);
    let sum: f64 = scrape.of_family("proxy_requests_total{route=\"_none\"").iter().map(|(_, count)| count).sum();
    assert_eq!(sum, 7.0, "{:?}", scrape.of_family("proxy_requests_total"));
    assert_eq!(scrape.get("proxy_requests_total{route=\"_none\",code=\"408\",method=\"POST\"}"), 1.0);
    assert_eq!(scrape.get("proxy_requests_total{route=\"_none\",code=\"405\",method=\"CONNECT\"}"), 1.0);
    assert!(scrape.get("proxy_request_duration_seconds_sum{route=\"_none\",code_class=\"4xx\"}") >= 0.2);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn requests_in_flight_and_bytes_of_bodies() {
    let origin = Origin::start(|_, peer| {
        while let Some(request) = peer.try_request() {
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len() * 2));
            peer.send("ab".repeat(request.body.len()));
        }
    });
    let proxy = Proxy::with(&[&origin.address()], shown);
    let mut client = proxy.client();
    client.send("POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    await_series(&proxy, "proxy_requests_in_flight{route=\"/*\"}", 1.0);
    client.send("y".repeat(999));
    assert_eq!(client.response().body.len(), 2_000);
    await_series(&proxy, "proxy_requests_in_flight{route=\"/*\"}", 0.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!((scrape.get("proxy_request_bytes_total"), scrape.get("proxy_response_bytes_total")), (1000.0, 2000.0));
}

#[test]
fn a_request_whose_client_goes_away_is_in_flight_no_longer() {
    let origin = Origin::silent();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let mut client = proxy.client();
    client.send("POST /gone HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nx");
    await_series(&proxy, "proxy_requests_in_flight{route=\"/*\"}", 1.0);
    client.reset();
    await_series(&proxy, "proxy_requests_total{route=\"/*\",code=\"499\",method=\"POST\"}", 1.0);
    await_series(&proxy, "proxy_requests_in_flight{route=\"/*\"}", 0.0);
}

#[test]
fn requests_beyond_a_limit_count_and_excluded_ones_do_not() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        shown(settings);
        if let Some(metrics) = &mut settings.server.metrics {
            metrics.exclude.extend(["/l/up".to_owned(), "/l/in/*".into()]);
        }
        let limit = RateLimitConfig { requests: Some(2), seconds: Some(1_000.0), ..RateLimitConfig::default() };
        settings.server.routes.push(location("/l/*", vec![Directive::Filter(FilterConfig::RateLimit(limit))]));
    });
    let mut client = proxy.client();
    let paths = ["/l/up", "/l/in/x", "/l/inx", "/l/up/", "/l/in"];
    assert_eq!(paths.map(|path| client.get(path).status()), [200, 200, 429, 429, 429]);
    await_series(&proxy, "proxy_rate_limited_total{route=\"/l/*\"}", 2.0);
    await_series(&proxy, "proxy_requests_total{route=\"/l/*\",code=\"429\",method=\"GET\"}", 2.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!(scrape.of_family("proxy_requests_total").len(), 1);
    assert_eq!(scrape.of_family("proxy_upstream_requests_total"), [], "what is excluded counts nowhere");
}

#[test]
fn nothing_is_counted_where_nobody_can_ask() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/early").status(), 200);
    proxy.reload(&[&origin.address()], shown);
    assert_eq!(client.get("/late").status(), 200);
    await_series(&proxy, "proxy_requests_total{route=\"/*\",code=\"200\",method=\"GET\"}", 1.0);
}

#[test]
fn the_answer_has_the_form_that_accept_prefers_and_only_get_and_head_have_one() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let mut client = proxy.client();
    let text = client.get("/metrics");
    assert_eq!(text.get("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(text.text().contains("# TYPE proxy_requests_total counter\n"));
    client.send("GET /metrics HTTP/1.1\r\nHost: a\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n");
    let open = client.response();
    assert_eq!(open.get("Content-Type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(open.text().ends_with("# EOF\n") && open.text().contains("# TYPE proxy_requests counter\n"));
    client.send("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!(head.status(), 200);
    assert!(head.get("Content-Length").expect("a length").parse::<usize>().expect("a number") > 1_000);
    client.send("POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let answer = client.response();
    assert_eq!((answer.status(), answer.get("Allow")), (405, Some("GET, HEAD")));
}

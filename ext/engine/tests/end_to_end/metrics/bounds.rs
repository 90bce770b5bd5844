//! Bounds of the number of series.

use proxy_engine::configuration::{Directive, LocationConfig, Match, MetricsConfig};

use super::{await_series, location, shown, Scrape};
use crate::support::{Origin, Proxy, Reply};

#[test]
fn clients_make_no_series() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let mut client = proxy.client();
    client.get("/first");
    let host = "h".repeat(25_000);
    for number in 0..300 {
        client.send(format!("M{number} /{number}?{number} HTTP/1.1\r\nHost: {number}.{host}\r\n\r\n"));
        assert_eq!(client.response().status(), 200);
    }
    await_series(&proxy, "proxy_requests_total{route=\"/*\",code=\"200\",method=\"OTHER\"}", 300.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!(scrape.of_family("proxy_requests_total").len(), 2);
    assert!(scrape.0.len() < 150, "{}", scrape.0.len());
    assert!(scrape.0.keys().all(|series| series.len() < 300));
}

#[test]
fn hosts_are_labels_only_where_the_configuration_names_them() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        shown(settings);
        settings.server.metrics =
            Some(MetricsConfig { label_hosts: true, exclude: vec!["/metrics".into()], ..MetricsConfig::default() });
        let hosts: Vec<Match> = vec!["a.example".into(), "*.b.example".into()];
        let routes = vec![Directive::StaticResponse(Default::default())];
        settings.server.routes.push(Directive::Location(Box::new(LocationConfig {
            hosts,
            routes,
            name: Some("sites".into()),
            ..LocationConfig::default()
        })));
    });
    let mut client = proxy.client();
    for host in ["A.example:8080", "x.b.example", "y.z.b.example.", "b.example", "other"] {
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(client.response().status(), 200, "{host}");
    }
    let series = |route: &str, host: &str| {
        format!("proxy_requests_total{{route=\"{route}\",code=\"200\",method=\"GET\",host=\"{host}\"}}")
    };
    await_series(&proxy, &series("/*", "_other"), 2.0);
    let scrape = Scrape::of(&proxy);
    assert_eq!(scrape.get(&series("sites", "a.example")), 1.0);
    assert_eq!(scrape.get(&series("sites", "*.b.example")), 2.0);
    assert_eq!(scrape.of_family("proxy_requests_total").len(), 3);
}

#[test]
fn a_backend_makes_a_hundred_codes_at_most() {
    let origin = Origin::answering(|request| Reply::of(&format!("{} x", &request.target()[1..]), ""));
    let proxy = Proxy::with(&[&origin.address()], shown);
    let mut client = proxy.client();
    let codes = (600..700).chain([200, 404]);
    for code in codes {
        assert_eq!(client.get(&format!("/{code}")).status(), code);
    }
    await_series(&proxy, "proxy_requests_total{route=\"/*\",code=\"404\",method=\"GET\"}", 1.0);
    let scrape = Scrape::of(&proxy);
    let requests = scrape.of_family("proxy_requests_total");
    assert_eq!(requests.iter().map(|(_, count)| count).sum::<f64>(), 102.0);
    assert!(requests.len() <= 40, "{}", requests.len());
    let rest = scrape.get("proxy_requests_total{route=\"/*\",code=\"other\",method=\"GET\"}");
    assert_eq!(rest, (102 - (requests.len() - 1)) as f64);
}

#[test]
fn locations_beyond_a_thousand_are_counted_together() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        shown(settings);
        let answers = |number| location(&format!("/r{number}"), vec![Directive::StaticResponse(Default::default())]);
        settings.server.routes.extend((0..1_100).map(answers));
    });
    let mut client = proxy.client();
    for number in 0..1_100 {
        assert_eq!(client.get(&format!("/r{number}")).status(), 200);
    }
    // Two names are those of the top level and of the figures themselves.
    await_series(&proxy, "proxy_requests_total{route=\"_other\",code=\"200\",method=\"GET\"}", 102.0);
    assert_eq!(Scrape::of(&proxy).of_family("proxy_requests_total").len(), 999);
}

//! Figures through reloads.

use proxy_engine::configuration::{Directive, MetricsConfig};

use super::{await_series, location, shown, Scrape};
use crate::support::{eventually, Origin, Proxy, Settings};

/// A location for this path that answers.
fn answers(path: &str) -> Directive {
    location(path, vec![Directive::StaticResponse(Default::default())])
}

fn requests(route: &str) -> String {
    format!("proxy_requests_total{{route=\"{route}\",code=\"200\",method=\"GET\"}}")
}

#[test]
fn counts_of_what_stays_go_on() {
    let (first, second) = (Origin::echoing_targets(), Origin::echoing_targets());
    let with = |paths: &'static [&'static str]| {
        move |settings: &mut Settings| {
            shown(settings);
            settings.server.routes.extend(paths.iter().map(|path| answers(path)));
        }
    };
    let proxy = Proxy::with(&[&first.address()], with(&["/a", "/b"]));
    let mut client = proxy.client();
    for path in ["/a", "/b", "/b", "/c"] {
        client.get(path);
    }
    await_series(&proxy, &requests("/b"), 2.0);
    // In another order, with another backend, and with one location less.
    proxy.reload(&[&first.address(), &second.address()], with(&["/b", "/d"]));
    client.get("/b");
    client.get("/c");
    await_series(&proxy, &requests("/b"), 3.0);
    await_series(&proxy, &requests("/*"), 2.0);
    let upstream = first.address();
    let labels = format!("upstream=\"{upstream}\",backend=\"{upstream}\",code_class=\"2xx\"");
    await_series(&proxy, &format!("proxy_upstream_requests_total{{{labels}}}"), 2.0);
}

#[test]
fn what_is_gone_is_shown_twice_more() {
    let (first, second) = (Origin::echoing_targets(), Origin::echoing_targets());
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| {
        shown(settings);
        settings.server.routes.push(answers("/gone"));
    });
    let mut client = proxy.client();
    client.get("/gone");
    client.get("/");
    await_series(&proxy, &requests("/gone"), 1.0);
    proxy.reload(&[&second.address()], shown);
    // Every thread lets go of the configuration before.
    assert_eq!(client.get("/").status(), 200);
    let known = || {
        let scrape = Scrape::of(&proxy);
        let backend = format!("backend=\"{}\"", first.address());
        (scrape.get(&requests("/gone")), scrape.0.keys().any(|series| series.contains(&backend)))
    };
    let mut shown = Vec::new();
    eventually("it is forgotten", || {
        shown.push(known());
        shown.last() == Some(&(0.0, false))
    });
    assert!(shown.len() > 2, "{shown:?}");
    assert!(shown[..2].iter().all(|(requests, backend)| *requests == 1.0 && *backend), "{shown:?}");
}

#[test]
fn reloads_count_by_their_result() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], shown);
    let at = |scrape: &Scrape| scrape.get("proxy_config_last_reload_success_timestamp_seconds");
    let result =
        |scrape: &Scrape, result: &str| scrape.get(&format!("proxy_config_reloads_total{{result=\"{result}\"}}"));
    let before = Scrape::of(&proxy);
    assert!(at(&before) > 1.7e9);
    assert_eq!((result(&before, "success"), result(&before, "failure")), (0.0, 0.0));
    proxy.reload(&[&origin.address()], shown);
    let wrong = Proxy::config(&[], |settings| settings.server.max_header_size.value = 1);
    proxy.server.reload(&wrong).expect_err("a mistake");
    let after = Scrape::of(&proxy);
    assert_eq!((result(&after, "success"), result(&after, "failure")), (1.0, 1.0));
    assert!(at(&after) > at(&before));
}

#[test]
fn buckets_are_those_of_the_start() {
    let origin = Origin::echoing_targets();
    let with = |buckets: &[f64]| {
        let buckets = Some(buckets.to_vec());
        Proxy::config(&[&origin.address()], |settings| {
            shown(settings);
            settings.server.metrics = Some(MetricsConfig { buckets, ..MetricsConfig::default() });
        })
    };
    let proxy = Proxy::start(with(&[0.5, 60.0]));
    let warnings = proxy.server.reload(&with(&[0.25])).expect("a sound configuration");
    let message = "buckets: they are for the next start: counts in other buckets run until then";
    assert_eq!(warnings.iter().map(|problem| &*problem.message).collect::<Vec<_>>(), [message]);
    proxy.client().get("/");
    let bucket = |bound: &str| {
        format!("proxy_request_duration_seconds_bucket{{route=\"/*\",code_class=\"2xx\",le=\"{bound}\"}}")
    };
    await_series(&proxy, &bucket("60"), 1.0);
    let family = "proxy_request_duration_seconds_bucket{route=\"/*\"";
    assert_eq!(Scrape::of(&proxy).of_family(family).len(), 3);
}

//! Maintenance: by a file, and at run time.

use std::sync::{Arc, Mutex};

use proxy_engine::configuration::{CacheConfig, Directive, FilterConfig, MaintenanceConfig, TrustedProxiesConfig};
use proxy_engine::{MaintenanceOrder, TrafficState};

use crate::support::{eventually, http2, request, Message, Origin, Proxy, Reply};

fn ask(proxy: &Proxy, fields: &str) -> Message {
    let mut client = proxy.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    client.response()
}

fn with(config: MaintenanceConfig, origin: &Origin) -> Proxy {
    Proxy::with(&[&origin.address()], |settings| {
        settings.server.trusted_proxies =
            TrustedProxiesConfig { value: vec!["127.0.0.1".into()], ..TrustedProxiesConfig::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::Maintenance(config)));
    })
}

#[test]
fn a_file_begins_and_ends_it_within_moments() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("maintenance.txt");
    let page = folder.path().join("503.html");
    std::fs::write(&page, "<h1>Back soon</h1>").expect("a page");
    let origin = Origin::named("app");
    let text = |path: &std::path::Path| Some(path.to_str().expect("UTF-8").to_owned());
    let config = MaintenanceConfig {
        if_file: text(&file),
        page: text(&page),
        retry_after: 120,
        message: Some("Back at nine.".into()),
        ..MaintenanceConfig::default()
    };
    let proxy = with(config, &origin);
    assert_eq!(ask(&proxy, "").text(), "app");
    std::fs::write(&file, "").expect("a file");
    eventually("it begins", || ask(&proxy, "").status() == 503);
    let html = ask(&proxy, "Accept: text/html\r\n");
    assert_eq!((html.text(), html.get("Retry-After")), ("<h1>Back soon</h1>".into(), Some("120")));
    assert_eq!(html.get("Content-Type"), Some("text/html; charset=utf-8"));
    assert!(ask(&proxy, "Accept: application/json\r\n").text().contains("\"message\":\"Back at nine.\""));
    assert!(ask(&proxy, "").text().contains("Back at nine."));
    std::fs::remove_file(&file).expect("it goes");
    eventually("it ends", || ask(&proxy, "").status() == 200);
}

#[test]
fn what_a_client_gets_that_is_let_in_is_for_that_client_alone() {
    let text = Arc::new(Mutex::new("old"));
    let now = Arc::clone(&text);
    let origin = Origin::answering(move |request| {
        let text = *now.lock().expect("the text");
        Reply::ok(format!("{text} {}", request.target())).with("Cache-Control: max-age=600")
    });
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("maintenance.txt");
    let closed = MaintenanceConfig {
        if_file: file.to_str().map(str::to_owned),
        allow: vec!["10.0.0.0/8".into()],
        ..MaintenanceConfig::default()
    };
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let value = vec!["127.0.0.1".into()];
        settings.server.trusted_proxies = TrustedProxiesConfig { value, ..TrustedProxiesConfig::default() };
        settings.server.routes.push(Directive::Filter(FilterConfig::Maintenance(closed)));
        settings.server.routes.push(Directive::Filter(FilterConfig::Cache(CacheConfig::default())));
    });
    let order = || MaintenanceOrder { allow: vec!["10.0.0.0/8".into()], ..MaintenanceOrder::default() };
    let get = |target: &str, fields: &str| {
        let mut client = proxy.client();
        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let answer = client.response();
        (answer.status(), answer.text(), answer.get("Cache-Status").unwrap_or_default().to_owned())
    };
    let inside = "X-Forwarded-For: 10.1.2.3\r\n";
    assert_eq!(get("/known", "").1, "old /known");
    for round in ["by a file", "by an order"] {
        *text.lock().expect("the text") = "new";
        let other = format!("/other?{}", round.len());
        match round {
            "by a file" => std::fs::write(&file, "").expect("a file"),
            _ => proxy.server.set_maintenance(None, Some(order())).expect("it begins"),
        }
        eventually("it begins", || get("/", "").0 == 503);
        for target in ["/known", &other] {
            let told = (200, format!("new {target}"), "proxy; fwd=bypass".to_owned());
            assert_eq!(get(target, inside), told, "{round}");
        }
        *text.lock().expect("the text") = "old";
        match round {
            "by a file" => std::fs::remove_file(&file).expect("it goes"),
            _ => proxy.server.set_maintenance(None, None).expect("it ends"),
        }
        eventually("it ends", || get("/", "").0 == 200);
        let first = get(&other, "");
        assert!(first.1.starts_with("old") && first.2.contains("uri-miss"), "{round}: {first:?}");
        assert_eq!(get("/known", "").1, "old /known");
    }
}

#[test]
fn a_file_that_is_there_at_the_start_counts_from_the_first_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let origin = Origin::named("app");
    let if_file = folder.path().to_str().map(str::to_owned);
    let proxy = with(MaintenanceConfig { if_file, ..MaintenanceConfig::default() }, &origin);
    assert_eq!(ask(&proxy, "").status(), 503);
    assert!(origin.targets().is_empty());
}

#[test]
fn listed_clients_behind_a_trusted_proxy_and_owners_of_the_cookie_are_let_in() {
    let origin = Origin::named("app");
    let config = MaintenanceConfig {
        allow: vec!["10.0.0.0/8".into()],
        bypass_cookie: Some("preview=0123456789abcdef".into()),
        ..MaintenanceConfig::default()
    };
    let proxy = with(config, &origin);
    for (fields, status) in [
        ("", 503),
        ("X-Forwarded-For: 10.1.2.3\r\n", 200),
        ("X-Forwarded-For: 10.1.2.3, 192.0.2.1\r\n", 503),
        ("Cookie: preview=0123456789abcdef\r\n", 200),
        ("Cookie: preview=0123456789abcdeX\r\n", 503),
    ] {
        assert_eq!(ask(&proxy, fields).status(), status, "{fields}");
    }
}

#[test]
fn a_call_of_grpc_is_unavailable() {
    let origin = Origin::named("app");
    let proxy = with(MaintenanceConfig::default(), &origin);
    http2(&proxy, |client| async move {
        let call = request("POST", "/a.B/c").header("content-type", "application/grpc").header("te", "trailers");
        let answer = client.send(call.body(()).expect("a request"), Some(b"\0\0\0\0\0")).await.expect("an answer");
        assert_eq!((answer.status, answer.get("grpc-status")), (200, Some("14")));
        let answer = client.get("/").await;
        assert_eq!((answer.status, answer.get("retry-after")), (503, Some("60")));
    });
}

#[test]
fn at_run_time_it_is_of_one_upstream_or_of_all_and_its_cookie_lets_in() {
    let origin = Origin::named("app");
    let proxy = Proxy::before(&origin);
    let name = proxy.server.stats().backends[0].upstream.clone();
    for upstream in [Some(&*name), None] {
        let order = MaintenanceOrder { message: Some("Back at nine.".into()), ..MaintenanceOrder::default() };
        let order = order.with_new_bypass().expect("random numbers");
        let cookie = order.bypass.clone().expect("a cookie");
        proxy.server.set_maintenance(upstream, Some(order)).expect("it is known");
        let answer = ask(&proxy, "");
        assert_eq!((answer.status(), answer.get("Retry-After")), (503, Some("60")), "{upstream:?}");
        assert!(answer.text().contains("Back at nine."));
        assert_eq!(ask(&proxy, &format!("Cookie: {cookie}\r\n")).text(), "app", "{upstream:?}");
        assert_eq!(ask(&proxy, &format!("Cookie: {cookie}0\r\n")).status(), 503);
        proxy.reload(&[&origin.address()], |_| ());
        assert_eq!(ask(&proxy, "").status(), 503, "a reload keeps it");
        let state = proxy.server.traffic();
        assert!(!format!("{state:?}").contains(cookie.split('=').next_back().expect("a value")), "a secret");
        proxy.server.set_maintenance(upstream, None).expect("it is known");
        assert_eq!((ask(&proxy, "").text(), proxy.server.traffic()), ("app".into(), TrafficState::default()));
        assert_eq!(proxy.server.restore_traffic(&state), Vec::<String>::new());
        assert_eq!((ask(&proxy, "").status(), proxy.server.traffic()), (503, state));
        proxy.server.resume(upstream).expect("it is known");
        assert_eq!(ask(&proxy, "").status(), 200);
    }
}

#[test]
fn at_run_time_listed_clients_are_let_in_and_mistakes_are_refused() {
    let origin = Origin::named("app");
    let proxy = Proxy::before(&origin);
    let order = |allow: &str| MaintenanceOrder { allow: vec![allow.into()], ..MaintenanceOrder::default() };
    proxy.server.set_maintenance(None, Some(order("127.0.0.1"))).expect("a sound order");
    assert_eq!(ask(&proxy, "").status(), 200);
    proxy.server.set_maintenance(None, Some(order("10.0.0.0/8"))).expect("a sound order");
    assert_eq!(ask(&proxy, "").status(), 503);
    let error = proxy.server.set_maintenance(None, Some(order("ten"))).expect_err("no address").to_string();
    assert!(error.contains("\"ten\" is not a valid address or network: write"), "{error}");
    assert!(proxy.server.set_maintenance(Some("shop"), None).is_err(), "it is unknown");
    assert_eq!(ask(&proxy, "").status(), 503, "all stays as it was");
}

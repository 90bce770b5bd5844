//! What is for one user only.

use proxy_engine::config::{NamedCondition, WantedValue};
use proxy_engine::configuration::{AuthApiKeyConfig, CacheBypass, CacheConfig, Directive, FilterConfig};

use super::{asked, cached, start, status, usual, FRESH};
use crate::support::{Origin, Proxy, Reply};

#[test]
fn responses_with_cookies_and_to_authorized_requests_are_not_stored() {
    let origin = Origin::answering(|request| match request.target() {
        "/cookie" => Reply::ok("x").with(FRESH).with("Set-Cookie: a=b"),
        "/public" => Reply::ok("x").with("Cache-Control: public, max-age=600"),
        _ => Reply::ok("x").with(FRESH),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let mut stored = |target: &str, lines: &str| {
        asked(&mut client, "GET", target, lines);
        status(&asked(&mut client, "GET", target, "")).contains("hit")
    };
    assert!(!stored("/cookie", ""));
    assert!(!stored("/mine", "Authorization: Basic eDp5\r\n"));
    assert!(stored("/public", "Authorization: Basic eDp5\r\n"));
    assert!(stored("/mine", "Cookie: a=b\r\n"));
    let storing = start(&origin, CacheConfig { set_cookie: true, ..CacheConfig::default() });
    let mut client = storing.client();
    client.get("/cookie");
    assert_eq!(client.get("/cookie").get("Set-Cookie"), Some("a=b"));
}

#[test]
fn what_a_filter_let_pass_is_not_stored_unless_it_is_public() {
    let origin = Origin::answering(|request| match request.target() {
        "/public" => Reply::ok("x").with("Cache-Control: public, max-age=600"),
        _ => Reply::ok("x").with("Cache-Control: s-maxage=600"),
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        cached(settings, CacheConfig::default());
        let keys = AuthApiKeyConfig {
            keys: vec![(None, "0123456789abcdef0123456789abcdef".into())],
            ..AuthApiKeyConfig::default()
        };
        settings.server.routes.push(Directive::Filter(FilterConfig::AuthApiKey(keys)));
    });
    let mut client = proxy.client();
    let key = "X-Api-Key: 0123456789abcdef0123456789abcdef\r\n";
    for (target, stored) in [("/", false), ("/public", true)] {
        asked(&mut client, "GET", target, key);
        assert_eq!(status(&asked(&mut client, "GET", target, key)).contains("hit"), stored, "{target}");
        assert_eq!(asked(&mut client, "GET", target, "").status(), 401, "nobody gets it without a key");
    }
}

#[test]
fn a_key_tells_requests_apart_and_a_bypass_keeps_them_out() {
    let origin = Origin::answering(|request| Reply::ok(request.get("Cookie").unwrap_or("none")).with(FRESH));
    let session = NamedCondition { name: "session".into(), values: vec![WantedValue::Present(true)] };
    let bypass = CacheBypass { cookies: vec![session], ..CacheBypass::default() };
    let proxy = start(&origin, CacheConfig { key: Some("{cookie.lang}".into()), bypass, ..CacheConfig::default() });
    let mut client = proxy.client();
    let mut get = |cookie: &str| {
        let answer = asked(&mut client, "GET", "/", &format!("Cookie: {cookie}\r\n"));
        (answer.text(), status(&answer).split("; ").nth(1).unwrap_or_default().to_owned())
    };
    let told = |text: &str, what: &str| (text.to_owned(), what.to_owned());
    assert_eq!(get("lang=de"), told("lang=de", "fwd=uri-miss"));
    assert_eq!(get("lang=en"), told("lang=en", "fwd=uri-miss"));
    assert_eq!(get("lang=de; x=1"), told("lang=de", "hit"));
    assert_eq!(get("lang=de; session=1"), told("lang=de; session=1", "fwd=bypass"));
    assert_eq!(get("lang=en"), told("lang=en", "hit"));
}

#[test]
fn a_field_that_is_not_to_be_stored_reaches_the_client_that_asked() {
    let origin = Origin::answering(|_| {
        Reply::ok("x").with("Cache-Control: max-age=600, no-cache=\"Set-Cookie, X-Mine\"").with("Set-Cookie: a=b")
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").get("Set-Cookie"), Some("a=b"));
    let stored = client.get("/");
    assert_eq!((status(&stored).contains("hit"), stored.get("Set-Cookie")), (true, None));
}

#[test]
fn an_answer_for_one_client_does_not_take_away_what_others_have() {
    let origin = Origin::answering(|request| match (request.get("Authorization"), request.get("If-None-Match")) {
        (None, Some(_)) => Reply::of("304 Not Modified", "").with(FRESH),
        (Some(_), _) => Reply::ok("mine").with(FRESH),
        (None, None) => Reply::ok("all").with(FRESH).with("ETag: \"a\""),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "all");
    proxy.server.change_traffic("purge", serde_json::json!({ "all": true })).expect("a purge");
    let own = asked(&mut client, "GET", "/", "Authorization: Basic eDp5\r\n");
    assert_eq!((own.text().as_str(), status(&own)), ("mine", "proxy; fwd=stale"));
    let validated = client.get("/");
    assert_eq!(validated.text(), "all");
    assert!(status(&validated).starts_with("proxy; fwd=stale; fwd-status=304"), "{validated:?}");
}

#[test]
fn a_private_page_that_a_client_has_is_asked_for_as_the_client_asks() {
    let origin = Origin::answering(|request| match request.get("If-None-Match") {
        Some("\"a\"") => Reply::of("304 Not Modified", ""),
        _ => Reply::ok("page").with("Cache-Control: private").with("ETag: \"a\"").with("Surrogate-Key: x"),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let first = client.get("/");
    assert_eq!((first.text().as_str(), first.get("Surrogate-Key")), ("page", None));
    assert_eq!(asked(&mut client, "GET", "/", "If-None-Match: \"a\"\r\n").status(), 304);
}

#[test]
fn conditions_that_were_held_back_are_answered_if_nothing_is_stored() {
    let lines = "Cache-Control: private, must-revalidate\r\nETag: W/\"p\"\r\nContent-Type: text/x";
    let origin = Origin::answering(move |_| Reply::ok("own").with(lines));
    let proxy = usual(&origin);
    let known = asked(&mut proxy.client(), "GET", "/known", "If-None-Match: \"p\"\r\n");
    assert_eq!((known.status(), known.get("ETag"), known.get("Content-Type")), (304, Some("W/\"p\""), None));
    assert!(!origin.requests()[0].has("If-None-Match") && !status(&known).contains("stored"), "{known:?}");
    let other = asked(&mut proxy.client(), "GET", "/other", "If-None-Match: \"q\"\r\n");
    assert_eq!((other.status(), other.text().as_str()), (200, "own"));
}

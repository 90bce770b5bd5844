//! `cache`: stored responses answer requests.

mod collapsing;
mod hostile;
mod outdated;
mod pace;
mod personal;

use proxy_engine::config::Setting;
use proxy_engine::configuration::{CacheConfig, Config, Directive, EtagConfig, FilterConfig};

use crate::support::{Message, Origin, Peer, Proxy, Reply, Settings};

const FRESH: &str = "Cache-Control: max-age=600";
/// A response that has come stale, and may be used so.
const STALE: &str = "Cache-Control: max-age=60, stale-while-revalidate=600\r\nAge: 70";

fn cached(settings: &mut Settings, cache: CacheConfig) {
    settings.server.threads = Some(Setting::of(2));
    settings.server.routes.push(Directive::Filter(FilterConfig::Cache(cache)));
}

fn config(backend: &str, cache: CacheConfig) -> Config {
    Proxy::config(&[backend], |settings| cached(settings, cache))
}

fn start(origin: &Origin, cache: CacheConfig) -> Proxy {
    Proxy::start(config(&origin.address(), cache))
}

fn usual(origin: &Origin) -> Proxy {
    start(origin, CacheConfig::default())
}

fn status(answer: &Message) -> &str {
    answer.get("Cache-Status").unwrap_or_default()
}

fn asked(client: &mut Peer, method: &str, target: &str, lines: &str) -> Message {
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: site.example\r\n{lines}\r\n"));
    if method == "HEAD" {
        client.head()
    } else {
        client.response()
    }
}

#[test]
fn a_stored_response_answers_without_a_backend() {
    let origin = Origin::answering(|request| Reply::ok(request.target()).with(FRESH).with("X-App: 1"));
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let first = client.get("/a?b");
    assert_eq!(first.text(), "/a?b");
    assert!(status(&first).starts_with("proxy; fwd=uri-miss; ttl="), "{first:?}");
    assert!(status(&first).ends_with("; stored"), "{first:?}");
    let second = client.get("/a?b");
    assert_eq!((second.text().as_str(), second.get("X-App"), second.get("Age")), ("/a?b", Some("1"), Some("0")));
    assert!(status(&second).starts_with("proxy; hit; ttl="), "{second:?}");
    assert_eq!(second.get("Content-Length"), Some("4"));
    for (method, target, text) in [("GET", "/a?c", "/a?c"), ("GET", "/a", "/a")] {
        assert_eq!(asked(&mut client, method, target, "").text(), text, "another URL");
    }
    let head = asked(&mut client, "HEAD", "/a?b", "");
    assert_eq!((head.status(), head.get("Content-Length")), (200, Some("4")));
    assert!(status(&head).starts_with("proxy; hit"));
    assert_eq!(origin.targets(), ["/a?b", "/a?c", "/a"]);
    assert_eq!(proxy.client().get("/a?b").text(), "/a?b", "over another connection");
    client.send("GET /a?b HTTP/1.1\r\nHost: other.example\r\n\r\n");
    assert!(status(&client.response()).contains("uri-miss"), "another host");
}

#[test]
fn a_stored_response_gets_a_tag() {
    let origin = Origin::answering(|_| Reply::ok("text").with(FRESH));
    let proxy = Proxy::start(Proxy::config(&[&origin.address()], |settings| {
        settings.server.routes.push(Directive::Filter(FilterConfig::Etag(EtagConfig::default())));
        cached(settings, CacheConfig::default());
    }));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "text");
    let stored = client.get("/");
    let tag = stored.get("ETag").expect("a tag").to_owned();
    assert_eq!((stored.text().as_str(), tag.starts_with("W/\"")), ("text", true));
    let known = asked(&mut client, "GET", "/", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((known.status(), known.get("ETag"), known.get("Content-Length")), (304, Some(tag.as_str()), None));
    assert!(status(&known).starts_with("proxy; hit"), "{known:?}");
    let other = asked(&mut client, "GET", "/", "If-None-Match: W/\"other\"\r\n");
    assert_eq!((other.status(), other.text().as_str()), (200, "text"));
    assert_eq!(origin.targets(), ["/"]);
}

#[test]
fn clients_get_parts_and_conditions_answered_from_the_whole() {
    let fields = "ETag: \"a\"\r\nContent-Type: text/x\r\nContent-Language: de";
    let origin = Origin::answering(move |_| Reply::ok("0123456789").with(FRESH).with(fields));
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let first = asked(&mut client, "GET", "/", "If-None-Match: \"a\"\r\n");
    assert_eq!((first.status(), first.text().as_str(), first.get("ETag")), (304, "", Some("\"a\"")));
    assert!(!origin.requests()[0].has("If-None-Match"), "the whole was asked for");
    for (range, code, text, field) in [
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=8-", 206, "89", "bytes 8-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
    ] {
        let answer = asked(&mut client, "GET", "/", &format!("Range: {range}\r\n"));
        assert_eq!((answer.status(), answer.text().as_str()), (code, text), "{range}");
        assert_eq!(answer.get("Content-Range"), Some(field), "{range}");
    }
    let none = asked(&mut client, "GET", "/", "Range: bytes=10-\r\n");
    assert_eq!((none.status(), none.get("Content-Range")), (416, Some("bytes */10")));
    assert_eq!(none.get("Content-Type"), Some("text/plain; charset=utf-8"), "it is of the error response");
    assert!(["ETag", "Cache-Control", "Content-Language"].iter().all(|name| !none.has(name)), "{none:?}");
    assert!(none.text().starts_with("416") && status(&none).starts_with("proxy; hit; ttl="), "{none:?}");
    let whole = asked(&mut client, "GET", "/", "Range: bytes=2-4\r\nIf-Range: \"b\"\r\n");
    assert_eq!((whole.status(), whole.text().as_str()), (200, "0123456789"));
    assert_eq!(asked(&mut client, "GET", "/", "If-None-Match: \"b\"\r\n").text(), "0123456789");
    assert_eq!(asked(&mut client, "HEAD", "/", "If-None-Match: W/\"a\"\r\n").status(), 304);
    assert_eq!(origin.requests().len(), 1);
    let part = asked(&mut client, "GET", "/other", "Range: bytes=0-1\r\n");
    assert_eq!((part.text().as_str(), status(&part)), ("0123456789", "proxy; fwd=uri-miss"));
    assert_eq!(origin.requests()[1].get("Range"), Some("bytes=0-1"), "the whole is not fetched for a part");
}

#[test]
fn requests_that_a_cache_has_nothing_to_do_with_pass() {
    let origin = Origin::answering(|request| Reply::ok(request.target()).with(FRESH));
    let proxy = usual(&origin);
    let mut client = proxy.client();
    client.get("/");
    for (method, lines, why) in [
        ("GET", "If-Match: \"a\"\r\n", "proxy; fwd=bypass"),
        ("GET", "Cache-Control: no-store\r\n", "proxy; fwd=request"),
        ("OPTIONS", "", "proxy; fwd=method"),
    ] {
        assert_eq!(status(&asked(&mut client, method, "/", lines)), why);
    }
    assert!(status(&client.get("/")).contains("hit"), "OPTIONS has changed nothing");
    let nothing = asked(&mut client, "GET", "/other", "Cache-Control: only-if-cached\r\n");
    assert_eq!((nothing.status(), status(&nothing)), (504, "proxy; detail=only-if-cached"), "it went nowhere");
    assert!(nothing.text().contains("Nothing is stored"), "{nothing:?}");
    client.send_body("GET", "/", "a body");
    assert_eq!(status(&client.response()), "proxy; fwd=bypass");
    assert_eq!(origin.requests().len(), 5);
}

#[test]
fn responses_are_chosen_by_the_fields_that_they_vary_by() {
    let origin = Origin::answering(|request| {
        let coding = request.get("Accept-Encoding").unwrap_or("none").to_owned();
        Reply::ok(coding).with(FRESH).with("Vary: Accept-Encoding")
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let mut get = |coding: &str| {
        let answer = asked(&mut client, "GET", "/", &format!("Accept-Encoding: {coding}\r\n"));
        (answer.text(), status(&answer).contains("hit"), status(&answer).contains("vary-miss"))
    };
    assert_eq!(get("gzip"), ("gzip".into(), false, false));
    assert_eq!(get("br"), ("br".into(), false, true));
    assert_eq!(get("gzip;q=0.3, identity"), ("gzip".into(), true, false));
    assert_eq!(get("br"), ("br".into(), true, false));
}

#[test]
fn a_reload_keeps_what_is_stored() {
    let origin = Origin::answering(|request| Reply::ok(request.target()).with(FRESH));
    let proxy = usual(&origin);
    proxy.client().get("/");
    proxy.reload(&[&origin.address()], |settings| {
        cached(settings, CacheConfig { status: false, ..CacheConfig::default() })
    });
    let answer = proxy.client().get("/");
    assert_eq!((answer.text().as_str(), answer.get("Age"), answer.get("Cache-Status")), ("/", Some("0"), None));
    let memory = CacheConfig { memory: Some(4 << 20), zone: Some("other".into()), ..CacheConfig::default() };
    proxy.reload(&[&origin.address()], |settings| {
        cached(settings, memory.clone());
        cached(settings, CacheConfig { zone: Some("other".into()), ..CacheConfig::default() });
    });
    assert!(status(&proxy.client().get("/")).contains("uri-miss"), "another memory");
    assert_eq!(origin.requests().len(), 2);
}

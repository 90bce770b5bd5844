//! What clients and backends do to have a cache give away what it should not.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use proxy_engine::configuration::{CacheConfig, TrustedProxiesConfig};

use super::{asked, cached, status, usual, FRESH};
use crate::support::{http2, End, Gate, Origin, Proxy, Reply};

#[test]
fn a_field_that_connection_names_tells_nobody_apart() {
    let origin = Origin::answering(|request| {
        Reply::ok(request.get("X-Lang").unwrap_or("none")).with(FRESH).with("Vary: X-Lang")
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    assert_eq!(asked(&mut client, "GET", "/", "X-Lang: de\r\nConnection: X-Lang\r\n").text(), "none");
    assert_eq!(asked(&mut client, "GET", "/", "X-Lang: de\r\n").text(), "de");
    let plain = client.get("/");
    assert_eq!((plain.text().as_str(), status(&plain).contains("hit")), ("none", true));
}

#[test]
fn a_request_for_another_thing_than_its_url_is_not_stored() {
    let origin = Origin::answering(|request| {
        let said = ["X-Original-URL", "X-HTTP-Method-Override", "X-Forwarded-Host"];
        let said: Vec<_> = said.iter().filter_map(|name| request.get(name)).collect();
        Reply::ok(said.join(",")).with(FRESH)
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        let value = vec!["127.0.0.0/8".into()];
        settings.server.trusted_proxies = TrustedProxiesConfig { value, ..TrustedProxiesConfig::default() };
        cached(settings, CacheConfig::default());
    });
    let mut client = proxy.client();
    for line in ["X-Original-URL: /evil\r\n", "X-HTTP-Method-Override: DELETE\r\n"] {
        let answer = asked(&mut client, "GET", "/", line);
        assert_eq!(status(&answer), "proxy; fwd=bypass", "{line}");
    }
    let other = asked(&mut client, "GET", "/", "X-Forwarded-Host: evil.example\r\n");
    assert_eq!(other.text(), "evil.example", "a trusted proxy is believed");
    let plain = client.get("/");
    assert!(!plain.text().contains("evil") && status(&plain).contains("uri-miss"), "{plain:?}");
    let untrusting = usual(&origin);
    let mut client = untrusting.client();
    let answer = asked(&mut client, "GET", "/", "X-Original-URL: /evil\r\nX-Forwarded-Host: evil.example\r\n");
    assert!(!answer.text().contains("evil"), "nobody else is");
    assert!(status(&client.get("/")).contains("hit"));
}

#[test]
fn odd_values_of_vary_and_cache_control_store_nothing_wrong() {
    let origin = Origin::answering(|request| {
        let reply = Reply::ok(request.get("A").unwrap_or("none"));
        match request.target() {
            "/star" => reply.with(FRESH).with("vary: B").with("VARY: b , *"),
            "/lines" => reply.with(FRESH).with("vary: B").with("VARY: a"),
            "/refused" => reply.with("Cache-Control: max-age=600").with("cache-control: x=\", foo\", NO-STORE"),
            "/quoted" => reply.with("Cache-Control: max-age=\"600\", x=\"no-store, private\""),
            "/negative" => reply.with("Cache-Control: max-age=-600"),
            "/twice" => reply.with("Cache-Control: max-age=0, max-age=600"),
            "/old" => reply.with(FRESH).with("Age: 99999999999999999999999999"),
            _ => reply.with("Cache-Control: max-age=99999999999999999999999999").with("Age: -5"),
        }
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    for (target, is_stored) in [
        ("/star", false),
        ("/lines", true),
        ("/refused", false),
        ("/quoted", true),
        ("/negative", false),
        ("/twice", false),
        ("/old", false),
        ("/far", true),
    ] {
        asked(&mut client, "GET", target, "A: 1\r\n");
        let again = asked(&mut client, "GET", target, "A: 1\r\n");
        assert_eq!(status(&again).contains("hit"), is_stored, "{target}: {again:?}");
    }
    assert_eq!(asked(&mut client, "GET", "/lines", "A: 2\r\n").text(), "2");
}

#[test]
fn a_head_a_part_and_a_broken_answer_are_not_stored() {
    let (seen, broken) = (Mutex::new(HashSet::new()), Arc::new(AtomicBool::new(true)));
    let is_broken = Arc::clone(&broken);
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            let is_head = request.start.starts_with("HEAD");
            let is_first = seen.lock().expect("the targets").insert(request.target().to_owned());
            match (request.target(), is_first) {
                (_, true) if is_head => peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 5\r\n\r\n")),
                ("/part", true) => {
                    peer.send(Reply::of("206 Partial Content", "wh").with(FRESH).with("Content-Range: bytes 0-1/5"));
                }
                ("/cut", true) => {
                    peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwh\r\n"));
                    return;
                }
                ("/nonsense", _) if is_broken.load(Ordering::SeqCst) => return peer.send("HTTP/1.1 abc\r\n\r\n"),
                _ => peer.send(Reply::ok("whole").with(FRESH)),
            }
        }
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    assert_eq!(asked(&mut client, "HEAD", "/head", "").status(), 200);
    assert_eq!(client.get("/part").status(), 206);
    assert_eq!(client.get("/nonsense").status(), 502);
    broken.store(false, Ordering::SeqCst);
    for target in ["/head", "/part", "/nonsense"] {
        assert_eq!(client.get(target).text(), "whole", "{target}");
        assert!(status(&client.get(target)).contains("hit"), "{target}");
    }
    client.send_get("/cut");
    client.head();
    let (rest, end) = client.rest();
    assert!(
        !rest.ends_with(b"0\r\n\r\n") && matches!(end, End::Closed | End::Reset),
        "it is not taken for a whole one"
    );
    let mut client = proxy.client();
    assert_eq!(client.get("/cut").text(), "whole");
    assert!(status(&client.get("/cut")).contains("hit"));
}

#[test]
fn an_endless_response_is_not_stored() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
        peer.send("9\r\ndata: 1\n\n\r\n");
        gate.wait_until("both read");
        peer.send("0\r\n\r\n");
    });
    let proxy = super::start(&origin, CacheConfig { default_ttl: Some(60.0), ..CacheConfig::default() });
    let clients = [proxy.client(), proxy.client()].map(|mut client| {
        client.send_get("/");
        assert!(!status(&client.head()).contains("stored"));
        assert_eq!(client.chunk().as_deref(), Some(&b"data: 1\n\n"[..]));
        client
    });
    assert_eq!(origin.connections(), 2);
    (0..2).for_each(|_| key.open());
    drop(clients);
}

#[test]
fn clients_of_both_versions_share_a_response_without_its_trailers() {
    let origin = Origin::start(|_, peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n"));
        peer.send("5\r\nwhole\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\n\r\n");
    });
    let proxy = usual(&origin);
    let first = http2(&proxy, |client| async move { client.get("/").await });
    assert_eq!((first.text().as_str(), first.get("set-cookie")), ("whole", None));
    let second = proxy.client().get("/");
    assert_eq!((second.text().as_str(), second.get("Trailer"), second.get("X-Sum")), ("whole", None, None));
    assert!(status(&second).contains("hit"));
    let third = http2(&proxy, |client| async move { client.get("/").await });
    assert!(third.get("cache-status").is_some_and(|status| status.contains("hit")));
    assert_eq!((third.text().as_str(), third.trailers.len()), ("whole", 0));
}

#[test]
fn a_reload_while_a_body_comes_loses_nothing() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 8\r\n\r\nhalf"));
        gate.wait_until("the configuration is new");
        peer.send("rest");
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    client.head();
    assert_eq!(client.read(4), b"half");
    proxy.reload(&[&origin.address()], |settings| cached(settings, CacheConfig::default()));
    let mut second = proxy.client();
    second.send_get("/");
    second.head();
    assert_eq!(second.read(4), b"half", "it reads along");
    key.open();
    assert_eq!((client.read(4), second.read(4)), (b"rest".to_vec(), b"rest".to_vec()));
    assert!(status(&proxy.client().get("/")).contains("hit"));
    assert_eq!(origin.connections(), 1);
}

#[test]
fn several_ranges_come_from_the_stored_whole() {
    let origin = Origin::answering(|_| Reply::ok("0123456789").with(FRESH).with("Content-Type: text/plain"));
    let proxy = usual(&origin);
    let mut client = proxy.client();
    client.get("/");
    let parts = asked(&mut client, "GET", "/", "Range: bytes=7-8,0-1\r\n");
    let media_type = parts.get("Content-Type").expect("a type").to_owned();
    let boundary = media_type.strip_prefix("multipart/byteranges; boundary=").expect("parts");
    let head = |range: &str| {
        format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {range}/10\r\n\r\n")
    };
    assert_eq!(parts.status(), 206);
    assert_eq!(parts.text(), format!("{}78{}01\r\n--{boundary}--\r\n", head("7-8"), head("0-1")));
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn a_host_in_another_spelling_is_answered_by_the_backend_alone() {
    let origin = Origin::answering(|request| {
        let host = request.get("Host").unwrap_or_default().to_owned();
        match host.as_str() {
            "site.example" => Reply::ok("page").with(FRESH),
            _ => Reply::of("301 Moved", "").with("Location: http://site.example/").with(FRESH),
        }
    });
    let proxy = Proxy::start(Proxy::config(&[&origin.address()], |settings| {
        cached(settings, CacheConfig::default());
        settings.proxy.preserve_host = true;
    }));
    let mut client = proxy.client();
    for host in ["SITE.example", "site.example:80"] {
        client.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let moved = client.response();
        assert_eq!((moved.status(), status(&moved)), (301, "proxy; fwd=bypass"), "{host}");
        let page = asked(&mut client, "GET", "/", "");
        assert_eq!((page.status(), page.text().as_str()), (200, "page"), "after {host}");
    }
}

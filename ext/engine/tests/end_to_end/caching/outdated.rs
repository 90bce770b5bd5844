//! Responses that are stale, validated, invalidated or purged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use serde_json::json;

use super::{asked, status, usual, FRESH, STALE};
use crate::support::{eventually, Origin, Reply};

#[test]
fn a_stale_response_is_validated_and_gets_the_fields_of_the_304() {
    let origin = Origin::answering(|request| match request.get("If-None-Match") {
        None => Reply::ok("body").with("Cache-Control: max-age=60\r\nAge: 70").with("ETag: \"a\"").with("X-A: 1"),
        Some(_) => Reply::of("304 Not Modified", "").with("ETag: \"a\"").with("X-A: 2").with(FRESH),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "body");
    let second = client.get("/");
    assert_eq!((second.status(), second.text().as_str(), second.get("X-A")), (200, "body", Some("2")));
    assert!(status(&second).starts_with("proxy; fwd=stale; fwd-status=304; ttl="), "{second:?}");
    assert_eq!(origin.requests()[1].get("If-None-Match"), Some("\"a\""));
    assert!(status(&client.get("/")).contains("hit"));
    assert_eq!((origin.requests().len(), origin.connections()), (2, 1), "the connection is used again");
}

#[test]
fn a_304_with_another_tag_is_not_taken_for_the_stored_response() {
    let origin = Origin::answering(|request| match request.get("If-None-Match") {
        None => Reply::ok("body").with("Cache-Control: max-age=60\r\nAge: 70").with("ETag: \"a\""),
        Some(_) => Reply::of("304 Not Modified", "").with("ETag: \"b\"").with(FRESH),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    for condition in [None, Some("\"a\""), None] {
        let answer = client.get("/");
        assert_eq!((answer.text().as_str(), answer.get("ETag")), ("body", Some("\"a\"")));
        assert_eq!(origin.requests().last().expect("a request").get("If-None-Match"), condition);
    }
}

#[test]
fn a_stale_response_is_sent_while_it_is_validated() {
    let count = Arc::new(AtomicUsize::new(0));
    let number = Arc::clone(&count);
    let origin = Origin::answering(move |_| match number.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::ok("old").with(STALE),
        _ => Reply::ok("new").with(FRESH),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "old");
    let stale = client.get("/");
    assert_eq!((stale.text().as_str(), stale.get("Age")), ("old", Some("70")));
    assert!(status(&stale).starts_with("proxy; hit; ttl=-1"), "{stale:?}");
    eventually("it is replaced", || proxy.client().get("/").text() == "new");
    assert_eq!(count.load(Ordering::SeqCst), 2);
}

#[test]
fn a_stale_response_takes_the_place_of_failures() {
    let state = Arc::new(AtomicUsize::new(0));
    let now = Arc::clone(&state);
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            let old = Reply::ok("old").with("Age: 70").with("ETag: \"a\"");
            peer.send(match (now.load(Ordering::SeqCst), request.target()) {
                (0, "/") => old.with("Cache-Control: max-age=60, stale-if-error=600"),
                (0, _) => old.with("Cache-Control: max-age=60, must-revalidate"),
                (1, _) => Reply::of("503 No", "down"),
                _ => return,
            });
        }
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    client.get("/");
    client.get("/strict");
    state.store(1, Ordering::SeqCst);
    let stale = client.get("/");
    assert_eq!((stale.status(), stale.text().as_str()), (200, "old"));
    assert!(status(&stale).starts_with("proxy; fwd=stale; fwd-status=503"), "{stale:?}");
    assert_eq!(client.get("/strict").status(), 503);
    let head = asked(&mut client, "HEAD", "/", "");
    assert_eq!((head.status(), head.get("Content-Length")), (200, Some("3")), "HEAD like GET");
    assert!(status(&head).starts_with("proxy; fwd=stale; fwd-status=503"), "{head:?}");
    assert_eq!(asked(&mut client, "HEAD", "/", "If-None-Match: \"a\"\r\n").status(), 304);
    assert_eq!(asked(&mut client, "HEAD", "/strict", "").status(), 503);
    state.store(2, Ordering::SeqCst);
    assert_eq!(client.get("/").text(), "old", "the backend does not answer");
    assert_eq!(asked(&mut client, "HEAD", "/", "").status(), 200);
    assert_eq!(client.get("/strict").status(), 502);
}

#[test]
fn a_success_of_an_unsafe_method_makes_the_url_and_its_locations_outdated() {
    let origin = Origin::answering(|request| match request.start.split(' ').next() {
        Some("GET") => Reply::ok(request.target()).with(FRESH),
        Some("DELETE") => Reply::of("500 No", ""),
        _ => Reply::of("201 Created", "").with("Location: /made").with("Content-Location: http://other.example/far"),
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let hits = |client: &mut crate::support::Peer| {
        ["/", "/made", "/else"].map(|target| status(&client.get(target)).contains("hit"))
    };
    hits(&mut client);
    assert_eq!(status(&asked(&mut client, "DELETE", "/", "")), "proxy; fwd=method");
    assert_eq!(hits(&mut client), [true, true, true], "it has failed");
    asked(&mut client, "M-SEARCH", "/", "");
    assert_eq!(hits(&mut client), [false, false, true]);
}

#[test]
fn a_purge_makes_responses_stale_or_removes_them() {
    let origin = Origin::answering(|request| {
        Reply::ok(request.target()).with(FRESH).with("ETag: \"a\"").with("Surrogate-Key: post list")
    });
    let proxy = usual(&origin);
    let mut client = proxy.client();
    let mut state = |target: &str| {
        let answer = client.get(target);
        assert!(!answer.has("Surrogate-Key"));
        status(&answer).split("; ").nth(1).unwrap_or_default().to_owned()
    };
    let purge = |body| proxy.server.change_traffic("purge", body).map(|told| told["purged"].as_u64());
    assert_eq!([state("/a/1"), state("/a/2"), state("/b")], ["fwd=uri-miss"; 3]);
    assert_eq!(purge(json!({ "url": "http://site.example/a/1" })), Ok(Some(1)));
    assert_eq!([state("/a/1"), state("/a/2"), state("/a/1")], ["fwd=stale", "hit", "hit"]);
    assert_eq!(purge(json!({ "url": "/a/*", "hard": true })), Ok(Some(2)));
    assert_eq!([state("/a/1"), state("/a/2"), state("/b")], ["fwd=uri-miss", "fwd=uri-miss", "hit"]);
    assert_eq!(purge(json!({ "tag": "list", "cache": "default" })), Ok(Some(3)));
    assert_eq!(state("/b"), "fwd=stale");
    assert_eq!(purge(json!({ "all": true, "hard": true })), Ok(Some(3)));
    assert_eq!(state("/b"), "fwd=uri-miss");
    for wrong in
        [json!({}), json!({ "url": "x" }), json!({ "tag": "a", "all": true }), json!({ "all": true, "cache": "no" })]
    {
        assert!(purge(wrong.clone()).is_err(), "{wrong}");
    }
}

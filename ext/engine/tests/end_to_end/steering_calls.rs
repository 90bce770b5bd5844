//! The calls of the control API that change backends and deploy.

use std::net::TcpStream;

use proxy_engine::config::ControlConfig;
use serde_json::{json, Value};

use crate::support::{eventually, nobody, Message, Origin, Peer, Proxy, Settings};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn controlled(settings: &mut Settings) {
    let address = "http://127.0.0.1:0".into();
    settings.server.control = vec![ControlConfig { address, token: Some(TOKEN.into()), ..ControlConfig::default() }];
}

/// A connection to the control API that has sent a request.
fn asked(proxy: &Proxy, line: &str, fields: &str, body: &Value) -> Peer {
    let url = proxy.server.control_urls().remove(0);
    let address = url.strip_prefix("http://").expect("a URL").trim_end_matches('/').to_owned();
    let mut peer = Peer::new(TcpStream::connect(&address).expect("it accepts"));
    let body = if body.is_null() { String::new() } else { body.to_string() };
    peer.send(format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n{fields}\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    ));
    peer
}

fn call(proxy: &Proxy, line: &str, fields: &str, body: &Value) -> (Message, Value) {
    let answer = asked(proxy, line, fields, body).response();
    let value = serde_json::from_str(&answer.text()).unwrap_or(Value::Null);
    (answer, value)
}

fn upstream(proxy: &Proxy) -> String {
    proxy.server.stats().backends[0].upstream.clone()
}

fn lines(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).expect("a text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_backend_is_changed_by_those_who_have_seen_it_as_it_is() {
    let origin = Origin::named("a");
    let proxy = Proxy::with(&[&origin.address()], controlled);
    let (upstream, none) = (upstream(&proxy), Value::Null);
    let (_, status) = call(&proxy, "GET /status", "", &none);
    let seen = status["upstreams"][0]["revision"].as_u64().expect("a revision");
    let line = format!("POST /backends/{upstream}/{}", origin.address());
    let (answer, body) =
        call(&proxy, &line, &format!("If-Match: \"{seen}\"\r\n"), &json!({ "weight": 4, "state": "draining" }));
    assert_eq!(answer.status(), 200, "{body}");
    let backend = &body["upstream"]["backends"][0];
    assert_eq!(
        (&backend["weight"], &backend["state"], &backend["added"]),
        (&json!(4), &json!("draining"), &json!(false))
    );
    let tag = answer.get("ETag").expect("a tag").to_owned();
    assert_eq!(tag, format!("\"{}\"", body["upstream"]["revision"]));
    let (answer, body) = call(&proxy, &line, &format!("If-Match: \"{seen}\"\r\n"), &json!({ "weight": 5 }));
    assert_eq!(answer.status(), 412, "{body}");
    let pause = json!({ "upstream": upstream, "for": 9 });
    let (answer, body) = call(&proxy, "POST /pause", &format!("If-Match: \"{seen}\"\r\n"), &pause);
    assert_eq!(answer.status(), 412, "{body}");
    let (answer, _) = call(&proxy, &line, &format!("If-Match: {tag}\r\n"), &json!({ "max_connections": 9 }));
    assert_eq!(answer.status(), 200);
    for (fields, body, status) in [
        ("If-Match: soon\r\n", json!({ "weight": 5 }), 400),
        ("", json!({ "weight": 0 }), 422),
        ("", json!({ "wait": 1 }), 422),
        ("", json!({}), 422),
    ] {
        let (answer, told) = call(&proxy, &line, fields, &body);
        assert_eq!(answer.status(), status, "{told}");
        assert!(told["error"].is_string(), "{told}");
    }
    assert_eq!(call(&proxy, "POST /backends/nobody", "", &json!({ "state": "down" })).0.status(), 404);
    let backend = proxy.server.stats().backends.remove(0);
    assert_eq!((backend.weight, backend.max_connections), (4, Some(9)));
}

#[test]
fn backends_are_added_and_removed() {
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let proxy = Proxy::with(&[&first.address()], controlled);
    let list = format!("/upstreams/{}/backends", upstream(&proxy));
    let added = json!({ "address": second.address(), "weight": 2, "state": "down" });
    let (answer, body) = call(&proxy, &format!("POST {list}"), "", &added);
    assert_eq!(answer.status(), 201, "{body}");
    let backend = &body["upstream"]["backends"][1];
    assert_eq!((&backend["added"], &backend["state"], &backend["weight"]), (&json!(true), &json!("down"), &json!(2)));
    assert_eq!(call(&proxy, &format!("POST {list}"), "", &added).0.status(), 409);
    assert_eq!(call(&proxy, &format!("POST {list}"), "", &json!({ "weight": 2 })).0.status(), 422);
    let one = format!("DELETE {list}/{}", second.address());
    let (answer, body) = call(&proxy, &one, "", &Value::Null);
    assert_eq!((answer.status(), body["upstream"]["backends"].as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(call(&proxy, &one, "", &Value::Null).0.status(), 404);
}

#[test]
fn a_deploy_is_told_of_line_by_line() {
    let (old, new, dead) = (Origin::named("old"), Origin::named("new"), nobody());
    let proxy = Proxy::with(&[&old.address()], controlled);
    let upstream = upstream(&proxy);
    let mut peer = asked(&proxy, "POST /deploy", "", &json!({ "upstream": upstream, "to": [dead], "timeout": 0.5 }));
    assert_eq!(peer.head().status(), 200);
    let told = lines(&peer.chunks().0);
    let last = told.last().expect("a last line");
    assert_eq!((&last["step"], &last["status"]), (&json!("failed"), &json!(422)), "{last}");
    assert_eq!(last["error"], last["message"]);
    assert!(last["message"].as_str().expect("a text").to_lowercase().contains("connection refused"), "{last}");
    let body = json!({ "upstream": upstream, "to": [{ "address": new.address() }], "health": "/ok" });
    let mut peer = asked(&proxy, "POST /deploy", "Accept: text/event-stream\r\n", &body);
    assert_eq!(peer.head().get("Content-Type"), Some("text/event-stream"));
    let text = String::from_utf8(peer.chunks().0).expect("a text");
    assert!(
        text.starts_with("event: begun\ndata: {") && text.contains("event: done\n") && text.contains("\"status\":200"),
        "{text}"
    );
    assert_eq!(proxy.client().get("/").text(), "new");
    for (body, status) in [
        (json!({ "to": [new.address()] }), 422),
        (json!({ "upstream": "nobody", "to": [new.address()] }), 404),
        (json!({ "upstream": upstream, "to": [{ "address": new.address(), "weight": 3 }] }), 409),
        (json!({ "upstream": upstream, "to": [] }), 422),
        (json!({ "upstream": upstream, "to": [new.address()], "command": "bin/puma" }), 422),
    ] {
        let (answer, told) = call(&proxy, "POST /deploy", "", &body);
        assert_eq!(answer.status(), status, "{told}");
    }
}

#[test]
fn a_deploy_is_given_up_when_its_client_goes() {
    let (old, dead) = (Origin::named("old"), nobody());
    let proxy = Proxy::with(&[&old.address()], controlled);
    let mut peer = asked(&proxy, "POST /deploy", "", &json!({ "upstream": upstream(&proxy), "to": [dead] }));
    assert_eq!(peer.head().status(), 200);
    assert_eq!(proxy.states(), ["ready", "down"]);
    peer.reset();
    eventually("it is given up", || proxy.states() == ["ready"]);
}

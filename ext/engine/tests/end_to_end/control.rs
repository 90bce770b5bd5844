//! The control API over TCP: who may use it, and what its calls do.

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use proxy_engine::configuration::{ControlConfig, PoolConfig};
use proxy_engine::{OrderWaiter, Server};
use serde_json::{json, Value};

use crate::support::{eventually, Gate, Message, Origin, Peer, Proxy, Reply, Settings};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn controlled(settings: &mut Settings) {
    settings.server.control = vec![ControlConfig {
        address: "http://127.0.0.1:0".into(),
        token: Some(TOKEN.into()),
        ..ControlConfig::default()
    }];
}

fn proxy(origins: &[&Origin]) -> Proxy {
    let addresses: Vec<_> = origins.iter().map(|origin| origin.address()).collect();
    Proxy::with(&addresses.iter().map(String::as_str).collect::<Vec<_>>(), controlled)
}

fn address(server: &Server) -> String {
    server.control_urls()[0].trim_start_matches("http://").to_owned()
}

fn connect(server: &Server) -> Peer {
    Peer::new(TcpStream::connect(address(server)).expect("the API accepts"))
}

/// Sends a request with these lines beside `Host`, and reads the answer.
fn raw(server: &Server, start: &str, lines: &str, body: &str) -> Message {
    let mut peer = connect(server);
    let host = address(server);
    peer.send(format!(
        "{start} HTTP/1.1\r\nHost: {host}\r\n{lines}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ));
    peer.response()
}

/// The same with the token, and JSON.
fn ask(server: &Server, start: &str, body: &str) -> (u16, Value) {
    let lines = format!("Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n");
    let answer = raw(server, start, &lines, body);
    (answer.status(), serde_json::from_slice(&answer.body).expect("JSON"))
}

/// The path of the first backend.
fn backend(server: &Server) -> String {
    let backend = &server.stats().backends[0];
    let encoded = |name: &str| name.replace(':', "%3A").replace('/', "%2F");
    format!("/backends/{}/{}", encoded(&backend.upstream), encoded(&backend.address))
}

#[test]
fn the_status_has_figures_of_requests_and_backends() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    assert_eq!(proxy.client().get("/").text(), "a");
    let (status, body) = ask(&proxy.server, "GET /status", "");
    assert_eq!((status, &body["requests"]["total"], &body["stopping"]), (200, &json!(1), &json!(false)));
    let backend = &body["upstreams"][0]["backends"][0];
    assert_eq!((&backend["address"], &backend["state"]), (&json!(origin.address()), &json!("ready")));
    for latency in [&body["requests"]["latency"], &backend["latency"]] {
        let p99 = latency["p99"].as_f64().expect("a request was answered");
        assert!(p99 > 0.0 && p99 < 20.0, "{latency}");
    }
    assert_eq!(body["urls"], json!(proxy.server.urls()));
}

#[test]
fn without_the_token_nothing_is_told_and_nothing_is_done() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    let path = format!("POST {}", backend(&proxy.server));
    for lines in [
        String::new(),
        format!("Authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("Authorization: Bearer {TOKEN}0\r\n"),
        format!("Authorization: Digest {TOKEN}\r\n"),
        // user:wrong
        "Authorization: Basic dXNlcjp3cm9uZw==\r\n".into(),
    ] {
        for start in ["GET /status", "GET /", "GET /events", "GET /nothing", &path] {
            let answer = raw(&proxy.server, start, &lines, "");
            assert_eq!(answer.status(), 401, "{start} {lines}");
            assert_eq!(answer.get("www-authenticate"), Some("Basic realm=\"proxy: the token is the password\""));
            assert!(!answer.text().contains(&origin.address()));
        }
    }
    assert_eq!(proxy.states(), ["ready"]);
}

#[test]
fn a_browser_may_send_the_token_as_a_password() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    // x:0123456789abcdef0123456789abcdef
    let lines = "Authorization: Basic eDowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==\r\n";
    let answer = raw(&proxy.server, "GET /", lines, "");
    assert_eq!((answer.status(), answer.get("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = answer.get("content-security-policy").expect("a policy").to_owned();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
    let page = answer.text();
    assert!(page.contains(&format!("<script nonce=\"{nonce}\">")) && page.contains(&origin.address()));
    let other = raw(&proxy.server, "GET /", lines, "");
    assert_ne!(other.get("content-security-policy"), Some(&*policy), "a nonce is used once");
}

#[test]
fn a_page_of_another_site_is_refused() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    let own = address(&proxy.server);
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    for (host, lines, status) in [
        (own.clone(), "", 200),
        (own.replace("127.0.0.1", "localhost"), "", 200),
        (own.replace("127.0.0.1", "rebound.example"), "", 403),
        ("127.0.0.1".into(), "", 403),
        (own.clone(), "Origin: http://evil.example\r\n", 403),
        (own.clone(), "Origin: null\r\n", 403),
        (own.clone(), "Host: rebound.example\r\n", 403),
    ] {
        let mut peer = connect(&proxy.server);
        peer.send(format!("GET /status HTTP/1.1\r\nHost: {host}\r\n{lines}{token}Connection: close\r\n\r\n"));
        let answer = peer.response();
        assert_eq!(answer.status(), status, "{host} {lines}");
        assert!(!answer.has("access-control-allow-origin"));
    }
}

#[test]
fn a_backend_is_taken_out_and_brought_back() {
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let proxy = proxy(&[&first, &second]);
    let (path, mut client) = (format!("POST {}", backend(&proxy.server)), proxy.client());
    for (state, answer) in [("down", "second"), ("draining", "second"), ("ready", "first")] {
        let (status, body) = ask(&proxy.server, &path, &json!({ "state": state }).to_string());
        assert_eq!((status, &body["upstream"]["backends"][0]["state"]), (200, &json!(state)));
        assert_eq!(client.get("/").text(), answer);
    }
    let upstream = path.rsplit_once('/').expect("a path").0;
    assert_eq!(ask(&proxy.server, upstream, "{\"state\":\"down\"}").0, 200);
    assert_eq!(proxy.states(), ["down", "down"]);
}

#[test]
fn what_cannot_be_done_is_said() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    let path = format!("POST {}", backend(&proxy.server));
    for (start, body, status, error) in [
        ("POST /backends/app/nobody", "{\"state\":\"down\"}", 404, "\"app/nobody\" is not a valid backend"),
        (&*path, "{\"state\":\"up\"}", 422, "state: \"up\" is unknown: write"),
        (&*path, "{\"sate\":\"up\"}", 422, "the body does not fit: unknown field `sate`"),
        (&*path, "[]", 400, "the body is no object"),
        (&*path, "{", 400, "the body is not valid JSON"),
        ("GET /backends", "", 404, "there is no \"/backends\""),
        ("DELETE /status", "", 405, "DELETE is not a method of \"/status\": write GET"),
        ("POST /health/live", "", 405, "POST is not a method of \"/health/live\": write GET"),
    ] {
        let (given, answer) = ask(&proxy.server, start, body);
        assert_eq!(given, status, "{start} {body}");
        assert!(answer["error"].as_str().is_some_and(|text| text.starts_with(error)), "{answer}");
    }
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = raw(&proxy.server, "PUT /status", &token, "");
    assert_eq!((answer.status(), answer.get("allow")), (405, Some("GET, HEAD")));
    let form = format!("{token}Content-Type: application/x-www-form-urlencoded\r\n");
    assert_eq!(raw(&proxy.server, &path, &form, "{\"state\":\"down\"}").status(), 415);
    let large = format!("{{\"state\":\"{}\"}}", "a".repeat(1024 * 1024));
    let mut peer = connect(&proxy.server);
    let (host, length) = (address(&proxy.server), large.len());
    peer.send(format!("{path} HTTP/1.1\r\nHost: {host}\r\n{token}Content-Length: {length}\r\n\r\n"));
    assert_eq!(peer.response().status(), 413);
    assert_eq!(proxy.states(), ["ready"]);
}

#[test]
fn readiness_needs_a_backend_of_each_required_upstream() {
    let origin = Origin::named("a");
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        controlled(settings);
        settings.pool = PoolConfig { required: true, ..settings.pool.clone() };
    });
    let path = format!("POST {}", backend(&proxy.server));
    assert_eq!(ask(&proxy.server, "GET /health/ready", ""), (200, json!({ "ready": true })));
    assert_eq!(ask(&proxy.server, &path, "{\"state\":\"down\"}").0, 200);
    let (status, body) = ask(&proxy.server, "GET /health/ready", "");
    let upstream = &proxy.server.stats().backends[0].upstream;
    let missing = json!([format!("upstream {upstream} has no backend that gets requests")]);
    assert_eq!((status, body), (503, json!({ "ready": false, "missing": missing })));
    assert_eq!(ask(&proxy.server, "GET /health/live", ""), (200, json!({ "live": true })));
}

#[test]
fn a_proxy_that_stops_is_not_ready_and_answers_until_its_end() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        gate.wait_until("the status was asked");
        peer.send(Reply::ok("late"));
    });
    let proxy = proxy(&[&origin]);
    let mut client = proxy.client();
    client.send_get("/");
    eventually("it is in flight", || proxy.server.stats().requests.in_flight == 1);
    proxy.server.begin_stop(None);
    let (status, body) = ask(&proxy.server, "GET /health/ready", "");
    assert_eq!((status, body["missing"].clone()), (503, json!(["the proxy is stopping"])));
    assert_eq!(ask(&proxy.server, "GET /status", "").1["stopping"], json!(true));
    key.open();
    assert_eq!(client.response().text(), "late");
    assert!(proxy.server.wait(Some(crate::support::PATIENCE)));
}

/// The next event of a stream: its name and its facts.
fn event(peer: &mut Peer) -> (String, Value) {
    loop {
        let text = String::from_utf8(peer.chunk().expect("the stream goes on")).expect("UTF-8");
        if let Some((name, data)) = text.trim_end().split_once('\n') {
            let name = name.strip_prefix("event: ").expect("a name").to_owned();
            return (name, serde_json::from_str(data.strip_prefix("data: ").expect("data")).expect("JSON"));
        }
    }
}

#[test]
fn events_have_figures_each_second_and_what_happens() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    let mut peer = connect(&proxy.server);
    let host = address(&proxy.server);
    peer.send(format!("GET /events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"));
    let head = peer.head();
    assert_eq!((head.status(), head.get("content-type")), (200, Some("text/event-stream")));
    let (name, first) = event(&mut peer);
    assert_eq!((&*name, &first["requests"]["total"]), ("figures", &json!(0)));
    proxy.client().get("/");
    let path = format!("POST {}", backend(&proxy.server));
    ask(&proxy.server, &path, "{\"state\":\"down\"}");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match event(&mut peer) {
            (name, facts) if name == "backend" => {
                assert_eq!((&facts["is_down"], &facts["backend"]), (&json!(true), &json!(origin.address())));
                seen.push(name);
            }
            (name, facts) if facts["requests"]["total"] == json!(1) && !seen.contains(&name) => seen.push(name),
            _ => {}
        }
    }
    proxy.server.begin_stop(None);
    assert!(proxy.server.wait(Some(crate::support::PATIENCE)), "a stream does not hold the end up");
}

#[test]
fn an_order_is_carried_out_by_the_program() {
    let origin = Origin::named("a");
    let proxy = proxy(&[&origin]);
    let server = Arc::clone(&proxy.server);
    let program = thread::spawn(move || {
        let order = server.next_order(&OrderWaiter::default()).expect("no interrupt").expect("an order");
        server.answer_order(order.id, 422, "{\"error\":\"no\",\"problems\":[]}").expect("JSON");
        let stop = server.next_order(&OrderWaiter::default()).expect("no interrupt").expect("an order");
        server.answer_order(stop.id, 202, "{\"stopping\":true}").expect("JSON");
        server.begin_stop(None);
        let none = server.next_order(&OrderWaiter::default()).expect("no interrupt");
        (order.name, stop.name, none.is_none())
    });
    let refused = ask(&proxy.server, "POST /reload", "");
    assert_eq!(refused, (422, json!({ "error": "no", "problems": [] })));
    // The answer comes although the server ends at once.
    assert_eq!(ask(&proxy.server, "POST /stop", ""), (202, json!({ "stopping": true })));
    assert_eq!(program.join().expect("no panic"), ("reload", "stop", true));
}

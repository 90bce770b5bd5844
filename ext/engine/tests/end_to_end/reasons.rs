//! The word for how a request ended, and where its time went. Each word is produced by what it stands for.

use std::time::Duration;

use proxy_engine::config::{AccessLogConfig, Regexp, Setting};
use proxy_engine::configuration::{
    AddressListConfig, Directive, FilterConfig, LocationConfig, Match, MaxBodyConfig, ProxyConfig, RateLimitConfig,
};
use serde_json::Value;

use crate::support::{eventually, nobody, Gate, Origin, Proxy, Reply, Settings, Silent};

/// A proxy whose access log is read.
struct Logged {
    proxy: Proxy,
    file: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

impl Logged {
    fn with(backends: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("access.log");
        let proxy = Proxy::with(backends, |settings| {
            let to = Some(file.display().to_string());
            settings.server.access_log =
                Some(AccessLogConfig { format: "json".into(), to, ..AccessLogConfig::default() });
            settings.proxy.retries = Some(0);
            change(settings);
        });
        Self { proxy, file, _folder: folder }
    }

    /// The lines, once there are so many.
    fn lines(&self, count: usize) -> Vec<Value> {
        let read = || std::fs::read_to_string(&self.file).unwrap_or_default();
        eventually("lines in the log", || read().lines().count() >= count);
        let lines: Vec<_> = read().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }

    /// Waits until backends have so many requests.
    fn await_in_flight(&self, count: u64) {
        eventually("requests in flight", || self.proxy.server.stats().backends[0].in_flight == count);
    }

    fn ended(&self) -> (u64, String) {
        let lines = self.lines(1);
        (lines[0]["status"].as_u64().expect("a status"), lines[0]["reason"].as_str().unwrap_or("-").to_owned())
    }
}

fn ended(status: u64, reason: &str) -> (u64, String) {
    (status, reason.to_owned())
}

#[test]
fn a_request_that_ends_as_it_should_has_no_reason_whatever_its_status() {
    let origin = Origin::answering(|_| "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n");
    let log = Logged::with(&[&origin.address()], |_| ());
    assert_eq!(log.proxy.client().get("/").status(), 500);
    assert_eq!(log.ended(), ended(500, "-"));
}

#[test]
fn client_closed() {
    let origin = Origin::silent();
    let log = Logged::with(&[&origin.address()], |_| ());
    let mut client = log.proxy.client();
    client.send_get("/");
    log.await_in_flight(1);
    client.reset();
    assert_eq!(log.ended(), ended(499, "client_closed"));
}

#[test]
fn client_closed_within_the_head() {
    let log = Logged::with(&[&nobody()], |_| ());
    let mut client = log.proxy.client();
    client.send("GET / HTTP/1.1\r\n");
    client.half_close();
    client.expect_end();
    assert_eq!(log.ended(), ended(499, "client_closed"));
}

#[test]
fn client_timeout_of_the_head_and_of_the_body() {
    let origin = Origin::silent();
    let log = Logged::with(&[&origin.address()], |settings| {
        settings.server.client_header_timeout = Setting::of(0.2);
        settings.server.client_body_timeout = Setting::of(0.2);
    });
    for request in ["GET / HTTP/1.1\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab"] {
        let mut client = log.proxy.client();
        client.send(request);
        assert_eq!(client.response().status(), 408);
    }
    let lines = log.lines(2);
    for line in &lines {
        assert_eq!((&line["status"], &line["reason"]), (&408.into(), &"client_timeout".into()), "{line}");
    }
    assert_eq!(lines[1]["request_bytes"], 2);
}

#[test]
fn backend_refused() {
    let log = Logged::with(&[&nobody()], |_| ());
    assert_eq!(log.proxy.client().get("/").status(), 502);
    assert_eq!(log.ended(), ended(502, "backend_refused"));
}

#[test]
fn backend_timeout_of_the_connection_and_of_the_response() {
    let silent = Silent::new();
    let log = Logged::with(&[silent.address()], |settings| settings.proxy.connect_timeout = 0.2);
    assert_eq!(log.proxy.client().get("/").status(), 504);
    let line = &log.lines(1)[0];
    assert_eq!(line["reason"], "backend_timeout");
    assert!(line["connect_ms"].as_f64() >= Some(190.0) && line["first_byte_ms"].is_null(), "{line}");

    let origin = Origin::silent();
    let log = Logged::with(&[&origin.address()], |settings| settings.proxy.timeout = 0.2);
    assert_eq!(log.proxy.client().get("/").status(), 504);
    assert_eq!(log.ended(), ended(504, "backend_timeout"));
}

#[test]
fn backend_timeout_within_a_response() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        peer.rest();
    });
    let log = Logged::with(&[&origin.address()], |settings| settings.proxy.read_timeout = Some(0.2));
    let mut client = log.proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    client.rest();
    let line = &log.lines(1)[0];
    assert_eq!((&line["reason"], &line["bytes"]), (&"backend_timeout".into(), &2.into()));
}

#[test]
fn backend_cut_before_and_within_a_response() {
    let origin = Origin::start(|_, peer| {
        if peer.head().target() == "/within" {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        }
    });
    let log = Logged::with(&[&origin.address()], |_| ());
    assert_eq!(log.proxy.client().get("/before").status(), 502);
    let mut client = log.proxy.client();
    client.send_get("/within");
    client.rest();
    let lines = log.lines(2);
    assert_eq!((&lines[0]["reason"], &lines[0]["status"]), (&"backend_cut".into(), &502.into()));
    assert_eq!((&lines[1]["reason"], &lines[1]["status"]), (&"backend_cut".into(), &200.into()));
}

#[test]
fn backend_error() {
    let origin = Origin::answering(|_| "SSH-2.0-OpenSSH\r\n\r\n");
    let log = Logged::with(&[&origin.address()], |_| ());
    assert_eq!(log.proxy.client().get("/").status(), 502);
    assert_eq!(log.ended(), ended(502, "backend_error"));
}

#[test]
fn queue_timeout_and_queue_full() {
    let (key, gate) = Gate::new();
    let origin = Origin::answering(move |_| {
        gate.opens();
        Reply::ok("")
    });
    let log = Logged::with(&[&origin.address()], |settings| {
        settings.pool.max_connections = Some(1);
        settings.pool.queue = 1;
        settings.pool.queue_timeout = 0.3;
    });
    let mut first = log.proxy.client();
    first.send_get("/first");
    log.await_in_flight(1);
    let mut waiting = log.proxy.client();
    waiting.send_get("/waiting");
    eventually("it waits", || log.proxy.server.stats().requests.queued == 1);
    assert_eq!(log.proxy.client().get("/full").status(), 503);
    assert_eq!(waiting.response().status(), 503);
    key.open();
    assert_eq!(first.response().status(), 200);
    let lines = log.lines(3);
    let of = |path: &str| lines.iter().find(|line| line["path"] == path).expect("a line");
    assert_eq!(of("/full")["reason"], "queue_full");
    assert_eq!(of("/waiting")["reason"], "queue_timeout");
    assert!(of("/waiting")["queue_ms"].as_f64() >= Some(290.0), "{}", of("/waiting"));
    assert_eq!((&of("/first")["reason"], of("/first")["queue_ms"].as_f64()), (&Value::Null, Some(0.0)));
}

#[test]
fn the_time_in_a_pause_is_time_in_the_queue_however_it_ends() {
    let origin = Origin::echoing_targets();
    let log = Logged::with(&[&origin.address()], |_| ());
    let server = &log.proxy.server;
    let upstream = server.stats().backends[0].upstream.clone();
    assert_eq!(log.proxy.client().get("/before").status(), 200);
    server.pause(&upstream, Duration::from_millis(200)).expect("it is known");
    assert_eq!(log.proxy.client().get("/over").status(), 503);
    server.pause(&upstream, Duration::from_secs(600)).expect("it is known");
    let mut released = log.proxy.client();
    released.send_get("/released");
    eventually("it is held", || server.stats().requests.queued == 1);
    server.resume(Some(&upstream)).expect("it is known");
    assert_eq!(released.response().status(), 200);
    let lines = log.lines(3);
    let queued: Vec<_> = lines.iter().map(|line| line["queue_ms"].as_f64().expect("a time")).collect();
    assert!(queued[0] == 0.0 && queued[1] >= 150.0 && queued[2] > 0.0, "{lines:#?}");
}

#[test]
fn limits_and_refusals() {
    let origin = Origin::echoing_targets();
    let log = Logged::with(&[&origin.address()], |settings| {
        settings.server.max_header_size = Setting::of(2_048);
        let inside = |path: &str, filter| {
            let routes = vec![Directive::Filter(filter)];
            let patterns = vec![path.into()];
            Directive::Location(Box::new(LocationConfig { patterns, routes, ..LocationConfig::default() }))
        };
        let rate = RateLimitConfig { requests: Some(1), seconds: Some(60.0), ..RateLimitConfig::default() };
        let networks = vec!["127.0.0.0/8".to_owned()];
        settings.server.routes.extend([
            inside("/rate", FilterConfig::RateLimit(rate)),
            inside("/body", FilterConfig::MaxBody(MaxBodyConfig { bytes: Some(3), ..MaxBodyConfig::default() })),
            inside("/denied", FilterConfig::DenyList(AddressListConfig { networks, ..AddressListConfig::default() })),
        ]);
    });
    let ask = |text: &str| {
        let mut client = log.proxy.client();
        client.send(text);
        client.response().status()
    };
    let get = |path: &str| ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let mut expected = Vec::new();
    for (status, reason, answered) in [
        (200, "-", get("/rate")),
        (429, "limit", get("/rate")),
        (413, "limit", ask("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd")),
        (431, "limit", ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(3_000)))),
        (414, "limit", ask(&format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(3_000)))),
        (403, "denied", get("/denied")),
        (405, "denied", ask("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n")),
        (400, "malformed", ask("GET / HTTP/1.1\r\n\r\n")),
        (505, "malformed", ask("GET / HTTP/3.0\r\nHost: a\r\n\r\n")),
    ] {
        assert_eq!(answered, status, "{reason}");
        expected.push((u64::from(status), reason.to_owned()));
    }
    let lines = log.lines(expected.len());
    let said: Vec<_> = lines
        .iter()
        .map(|line| (line["status"].as_u64().expect("a status"), line["reason"].as_str().unwrap_or("-").to_owned()))
        .collect();
    assert_eq!(said, expected);
    assert_eq!(
        (&lines[0]["route"], &lines[5]["route"], &lines[7]["route"]),
        (&"/rate".into(), &"/denied".into(), &Value::Null)
    );
}

#[test]
fn a_body_of_unknown_length_that_is_too_long() {
    let origin = Origin::silent();
    let log = Logged::with(&[&origin.address()], |settings| {
        settings.proxy.max_body = Some(3);
    });
    let mut client = log.proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcdefghi\r\n0\r\n\r\n");
    assert_eq!(client.response().status(), 413);
    assert_eq!(log.ended(), ended(413, "limit"));
}

#[test]
fn no_route() {
    let log = Logged::with(&[&nobody()], |settings| settings.proxy.path_prefix = Some("/app".into()));
    assert_eq!(log.proxy.client().get("/").status(), 404);
    assert_eq!(log.ended(), ended(404, "no_route"));
}

#[test]
fn internal_error() {
    let log = Logged::with(&[], |settings| {
        settings.pool.backends = None;
        settings.proxy.to = Some("http://{host}.{X-None}/".into());
    });
    let mut client = log.proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    let _ = client.response();
    let mut client = log.proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-None: :\r\n\r\n");
    assert_eq!(client.response().status(), 502);
    assert_eq!(log.lines(2)[1]["reason"], "internal_error");
}

#[test]
fn shutdown() {
    let origin = Origin::start(|_, peer| {
        let answers = peer.head().target() == "/body";
        if answers {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
        }
        peer.rest();
    });
    let log = Logged::with(&[&origin.address()], |_| ());
    let (mut silent, mut body) = (log.proxy.client(), log.proxy.client());
    silent.send_get("/silent");
    body.send_get("/body");
    assert_eq!(body.head().status(), 200);
    assert_eq!(body.read(2), b"ab");
    log.await_in_flight(2);
    log.proxy.server.begin_stop(Some(Duration::from_millis(100)));
    assert!(log.proxy.server.wait(Some(Duration::from_secs(20))) && !log.proxy.server.is_drained(), "both were cut");
    let lines = log.lines(2);
    let of = |path: &str| lines.iter().find(|line| line["path"] == path).expect("a line");
    for (path, status, bytes) in [("/silent", 0, 0), ("/body", 200, 2)] {
        let line = of(path);
        assert_eq!(
            (&line["reason"], &line["status"], &line["bytes"]),
            (&"shutdown".into(), &status.into(), &bytes.into())
        );
        assert_eq!((&line["backend"], &line["attempts"]), (&origin.address().into(), &1.into()), "whom it has asked");
    }
}

#[test]
fn shutdown_within_a_head() {
    let origin = Origin::named("ok");
    let log = Logged::with(&[&origin.address()], |_| ());
    let mut client = log.proxy.client();
    assert_eq!(client.get("/whole").text(), "ok");
    client.send("GET /half HTTP/1.1\r\nHost: a\r\nX-");
    log.proxy.server.begin_stop(Some(Duration::from_millis(100)));
    assert!(log.proxy.server.wait(Some(Duration::from_secs(20))));
    let line = &log.lines(2)[1];
    assert_eq!((&line["path"], &line["status"]), (&"/half".into(), &0.into()));
    assert_eq!(line["reason"], "shutdown");
}

#[test]
fn times_bytes_and_names_are_those_of_the_request() {
    let origin = Origin::answering(|_| {
        std::thread::sleep(Duration::from_millis(60));
        Reply::ok("hello")
    });
    let log = Logged::with(&[&origin.address()], |settings| {
        let source = "^/v[0-9]+".to_owned();
        let patterns = vec![Match::Text("/users/:id".into()), Match::Regexp(Regexp { source, ..Regexp::default() })];
        let pool = Some(settings.pool.clone());
        let handler = Directive::Proxy(Box::new(ProxyConfig { pool, ..settings.proxy.clone() }));
        let location = LocationConfig { patterns, routes: vec![handler], ..LocationConfig::default() };
        settings.server.routes.push(Directive::Location(Box::new(location)));
    });
    let mut client = log.proxy.client();
    client.send_body("POST", "/users/7?token=abc", "0123456789");
    assert_eq!(client.response().status(), 200);
    assert_eq!(client.get("/v2").status(), 200);
    assert_eq!(client.get("/other").status(), 200);
    let lines = log.lines(3);
    let routes: Vec<_> = lines.iter().map(|line| line["route"].as_str().expect("a route")).collect();
    assert_eq!(routes, ["/users/:id, /^/v[0-9]+/", "/users/:id, /^/v[0-9]+/", "/*"]);
    let first = &lines[0];
    assert_eq!((&first["request_bytes"], &first["query"]), (&10.into(), &"token=…".into()));
    assert!(first["connect_ms"].as_f64() > Some(0.0), "{first}");
    assert_eq!(lines[1]["connect_ms"].as_f64(), Some(0.0), "the connection was there");
    for line in &lines {
        let (head, whole) = (line["first_byte_ms"].as_f64().expect("a time"), line["duration_ms"].as_f64());
        assert!(head >= 55.0 && whole >= Some(head), "{line}");
    }
}

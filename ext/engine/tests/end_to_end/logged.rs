//! What the access log says of requests: the truth.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use proxy_engine::config::{AccessLogConfig, Setting};
use proxy_engine::configuration::{CacheConfig, Directive, FilterConfig};

use crate::support::{eventually, http2, nobody, request, Gate, Http2Origin, Origin, Proxy, Reply, Settings};

struct Logged {
    proxy: Proxy,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

impl Logged {
    fn with(format: &str, backends: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("access.log");
        let proxy = Proxy::with(backends, |settings| {
            let to = Some(file.display().to_string());
            settings.server.access_log =
                Some(AccessLogConfig { format: format.into(), to, ..AccessLogConfig::default() });
            change(settings);
        });
        Self { proxy, file, _folder: folder }
    }

    fn before(format: &str, origin: &Origin) -> Self {
        Self::with(format, &[&origin.address()], |_| ())
    }

    /// The lines, once there are so many.
    fn lines(&self, count: usize) -> Vec<String> {
        let read = || std::fs::read_to_string(&self.file).unwrap_or_default();
        eventually("lines in the log", || read().lines().count() >= count);
        let lines: Vec<_> = read().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }
}

fn answering(target: &str) -> String {
    match target {
        "/chunked" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "/pieces" => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n4\r\nello\r\n0\r\nX-A: b\r\n\r\n",
        "/hints" => "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "/head" => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "/none" => "HTTP/1.1 204 No Content\r\n\r\n",
        _ => "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    }
    .into()
}

#[test]
fn bytes_are_those_of_the_body_and_nothing_else() {
    let origin = Origin::answering(|request| answering(request.target()));
    let log = Logged::before("{method} {path} {bytes}", &origin);
    let mut client = log.proxy.client();
    for target in ["/plain", "/chunked", "/pieces"] {
        assert_eq!(client.get(target).body, b"hello");
    }
    client.send_get("/hints");
    assert_eq!(client.head().status(), 103);
    assert_eq!(client.response().body, b"hello");
    client.get("/none");
    client.send("HEAD /head HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n");
    let refused = client.response().body.len();
    http2(&log.proxy, |client| async move {
        assert_eq!(client.get("/pieces").await.body, b"hello");
    });
    let mut lines = log.lines(8);
    lines.sort();
    let mut expected: Vec<String> = ["/plain 5", "/chunked 5", "/pieces 5", "/hints 5", "/none 0", "/pieces 5"]
        .map(|line| format!("GET {line}"))
        .into();
    expected.extend(["HEAD /head 0".to_owned(), format!("POST / {refused}")]);
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn bytes_of_a_tunnel_are_those_inside_of_it() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        peer.send("HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\nhello");
        peer.rest();
    });
    let log = Logged::before("{status} {bytes}", &origin);
    let mut client = log.proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: t\r\n\r\n");
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.read(5), b"hello");
    client.half_close();
    client.expect_end();
    assert_eq!(log.lines(1), ["101 5"]);
}

#[test]
fn refused_requests_are_logged_as_far_as_they_came() {
    let origin = Origin::echoing_targets();
    let format = "{status} {method} {path} {query} {host} {bytes} {User-Agent}";
    let log = Logged::with(format, &[&origin.address()], |settings| {
        settings.server.max_header_size = Setting::of(4_096);
        settings.server.client_header_timeout = Setting::of(0.3);
    });
    let long = "a".repeat(5_000);
    let mut expected = Vec::new();
    for (request, status, line) in [
        ("GET /nohost?x HTTP/1.1\r\nUser-Agent: tool\r\n\r\n".to_owned(), 400, "GET /nohost ?x - # tool".to_owned()),
        (
            "POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into(),
            400,
            "POST /l - a # -".into(),
        ),
        (
            "GET /name HTTP/1.1\r\nHost: a\r\nX y: z\r\nUser-Agent: tool\r\n\r\n".into(),
            400,
            "GET /name - a # tool".into(),
        ),
        ("GET /up/../../etc HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400, "GET /up/../../etc - a # -".into()),
        ("GET /two HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".into(), 400, "GET /two - a # -".into()),
        ("GET /\u{e9}\" HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400, "GET /\\xc3\\xa9\\\" - a # -".into()),
        (format!("GET /fields HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431, "GET /fields - a # -".into()),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, format!("GET /{} - - # -", "a".repeat(4_091))),
        ("\u{16}\u{3}\u{1}".into(), 400, "- - - - # -".into()),
        ("GET /slow HTTP/1.1\r\nHost: a\r\n".into(), 408, "GET /slow - a # -".into()),
        ("GET /slower".into(), 408, "GET /slower - - # -".into()),
    ] {
        let mut client = log.proxy.client();
        client.send(&request);
        let answer = client.response();
        assert_eq!(answer.status(), status, "{request:?}");
        assert!(answer.has("X-Request-Id"));
        expected.push(format!("{status} {}", line.replace('#', &answer.body.len().to_string())));
    }
    assert_eq!(log.lines(expected.len()), expected);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_refused_request_says_nothing_of_the_one_before() {
    let origin = Origin::echoing_targets();
    let log = Logged::before("combined", &origin);
    let mut client = log.proxy.client();
    client.send("GET /before?secret HTTP/1.1\r\nHost: before\r\nUser-Agent: before\r\n\r\n");
    client.response();
    client.send("\r\n\u{1}\u{2}\r\n\r\n");
    assert_eq!(client.response().status(), 400);
    let lines = log.lines(2);
    assert!(lines[1].contains("] \"-\" 400 ") && lines[1].ends_with(" \"-\" \"-\""), "{lines:?}");
}

#[test]
fn a_request_that_its_client_gives_up_is_a_499() {
    let origin = Origin::echoing_targets();
    let log = Logged::before("{status} {method} {path} {bytes}", &origin);
    let mut client = log.proxy.client();
    client.send("GET /half HTTP/1.1\r\nHost: a\r\n");
    client.half_close();
    client.expect_end();
    // One that never began is none.
    let mut silent = log.proxy.client();
    silent.half_close();
    silent.expect_end();
    assert_eq!(log.lines(1), ["499 GET /half 0"]);
}

#[test]
fn the_time_counts_from_the_first_byte() {
    let origin = Origin::echoing_targets();
    let log = Logged::with("json", &[&origin.address()], |settings| {
        settings.server.client_header_timeout = Setting::of(1.0);
    });
    let mut client = log.proxy.client();
    client.send("GET /whole HTTP/1.1\r\n");
    std::thread::sleep(Duration::from_millis(200));
    client.send("Host: a\r\n\r\n");
    assert_eq!(client.response().status(), 200);
    client.send("GET /late HTTP/1.1\r\n");
    assert_eq!(client.response().status(), 408);
    let lines = log.lines(2);
    for (line, at_least) in lines.iter().zip([190.0, 990.0]) {
        let entry: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert!(entry["duration_ms"].as_f64().expect("a number") >= at_least, "{line}");
    }
}

#[test]
fn refused_heads_of_http2_are_logged_too() {
    let origin = Origin::echoing_targets();
    let log = Logged::with("{status} {method} {path}{query} {host} {User-Agent}", &[&origin.address()], |settings| {
        settings.server.max_header_size = Setting::of(4_096);
    });
    let long = "a".repeat(5_000);
    let target = format!("/{long}");
    let value = long.clone();
    http2(&log.proxy, |client| async move {
        let ask = async |method: &str, target: &str, name: &str, value: &str| {
            let head = request(method, target).header("user-agent", "tool").header(name, value);
            client.send(head.body(()).expect("a request"), None).await.expect("an answer").status
        };
        assert_eq!(ask("GET", "/a/..;/b?c", "x", "y").await, 400);
        assert_eq!(ask("PUT", "/fields", "x", &value).await, 431);
        assert_eq!(ask("GET", &target, "x", "y").await, 414);
        let head =
            request("POST", "/length").header("user-agent", "tool").header("content-length", "9223372036854775808");
        let mut requests = client.requests.clone().ready().await.expect("room");
        let (answer, _open) = requests.send_request(head.body(()).expect("a request"), false).expect("a stream");
        assert_eq!(answer.await.expect("an answer").status(), 400);
    });
    let host = "site.example tool";
    let expected = [
        format!("400 GET /a/..;/b?c {host}"),
        format!("431 PUT /fields- {host}"),
        format!("414 GET /{long}- {host}"),
        format!("400 POST /length- {host}"),
    ];
    assert_eq!(log.lines(4), expected);
}

#[test]
fn the_id_in_the_log_is_the_one_that_was_forwarded() {
    let origin = Origin::answering(|_| Reply::ok(""));
    let log = Logged::before("{request_id} {request_id_full}", &origin);
    let mut client = log.proxy.client();
    for id in ["", "X-Request-Id: from-the-cdn\r\n", "X-Request-Id:\r\n"] {
        client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{id}\r\n"));
        assert_eq!(client.response().status(), 200);
    }
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: {}\r\n\r\n", "x".repeat(1_000)));
    assert_eq!(client.response().status(), 200);
    let forwarded: Vec<_> =
        origin.requests().iter().map(|request| request.get("X-Request-Id").expect("an id").to_owned()).collect();
    let own = |at: usize| format!("{} {}", &forwarded[at][..12], forwarded[at]);
    let cut = "x".repeat(255);
    assert_eq!(log.lines(4), [own(0), "from-the-cdn from-the-cdn".into(), own(2), format!("{cut} {cut}")]);
}

#[test]
fn an_error_response_names_the_request_as_the_log_does() {
    let log = Logged::with("json", &[&nobody()], |_| ());
    let mut client = log.proxy.client();
    let own = client.get("/").get("X-Request-Id").expect("an id").to_owned();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: from-the-cdn\r\n\r\n");
    assert_eq!(client.response().get("X-Request-Id"), Some("from-the-cdn"));
    client.send("GET / HTTP/1.1\r\nX-Request-Id: refused\r\n\r\n");
    assert_eq!(client.response().get("X-Request-Id"), Some("refused"));
    let entry = |line: &String| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["request_id"].clone();
    assert_eq!(log.lines(3).iter().map(entry).collect::<Vec<_>>(), [&own, "from-the-cdn", "refused"]);
}

#[test]
fn the_backend_in_the_log_is_the_one_that_was_asked_last() {
    let (first, second) = (nobody(), nobody());
    let leaving = Origin::start(|_, peer| drop(peer.try_head()));
    let silent = Http2Origin::start(
        |_| (),
        |exchange| async move {
            let _kept = exchange;
            std::future::pending::<()>().await;
        },
    );
    let format = "{status} {backend} {attempts}";
    for (backends, status) in [
        (vec![first.clone(), second], 502),
        (vec![first.clone(), leaving.address()], 502),
        (vec![first, silent.address()], 504),
    ] {
        let backends: Vec<_> = backends.iter().map(String::as_str).collect();
        let log = Logged::with(format, &backends, |settings| {
            settings.proxy.timeout = if status == 504 { 0.5 } else { 5.0 };
            settings.proxy.retries = Some(1);
        });
        assert_eq!(log.proxy.client().get("/").status(), status);
        let last = backends[1].trim_start_matches("h2://");
        assert_eq!(log.lines(1), [format!("{status} {last} 2")]);
    }
}

#[test]
fn whoever_shares_the_answer_to_another_request_is_logged_as_collapsed() {
    let (key, gate) = Gate::new();
    let fails = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&fails);
    let origin = Origin::answering(move |request| {
        gate.wait_until("both clients ask");
        let said = "Cache-Control: max-age=600, stale-if-error=600";
        match request.get("If-None-Match") {
            _ if failing.load(Ordering::SeqCst) => Reply::of("503 No", ""),
            Some(_) => Reply::of("304 Not Modified", "").with(said),
            None => Reply::ok("text").with(said).with("ETag: \"a\""),
        }
    });
    let log = Logged::with("{cache}", &[&origin.address()], |settings| {
        settings.server.routes.push(Directive::Filter(FilterConfig::Cache(CacheConfig::default())));
    });
    let mut clients = [log.proxy.client(), log.proxy.client()];
    for (round, words) in [["collapsed", "miss"], ["collapsed", "revalidated"], ["stale", "stale"]].iter().enumerate() {
        fails.store(words[0] == "stale", Ordering::SeqCst);
        clients.iter_mut().for_each(|client| client.send_get("/"));
        eventually("both ask", || log.proxy.server.stats().requests.in_flight == 2);
        key.open();
        clients.iter_mut().for_each(|client| assert_eq!(client.response().text(), "text"));
        let mut lines = log.lines(2 * (round + 1)).split_off(2 * round);
        lines.sort();
        assert_eq!(lines, *words);
        log.proxy.server.change_traffic("purge", serde_json::json!({ "all": true })).expect("a purge");
    }
}

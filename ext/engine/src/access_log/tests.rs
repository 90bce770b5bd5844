use std::fs::File;
use std::path::Path;

use proxy_http::message::{Fields, RequestHead};

use super::*;
use crate::config::At;
use crate::config::Severity;
use crate::log::tests::Memory;
use crate::log::Level;
use crate::rewrite::tests::{client, request, response, scope};
use crate::rewrite::ResponseInfo;

const LIMIT: Duration = Duration::from_secs(20);

fn spec(format: &str, to: Option<&Path>) -> config::AccessLogConfig {
    let at = At { file: "Proxyfile".into(), line: 4 };
    config::AccessLogConfig {
        format: format.into(),
        to: to.map(|path| path.display().to_string()),
        at: Some(at),
        ..config::AccessLogConfig::default()
    }
}

fn carry_over(
    before: Option<&AccessLog>,
    spec: &config::AccessLogConfig,
    purpose: Purpose,
    problems: &mut Vec<Problem>,
) -> Option<Arc<AccessLog>> {
    AccessLog::carry_over(before, spec, &BlockSet::default(), (purpose, &Arc::default()), problems)
}

fn compile(format: &str, to: &Path) -> Arc<AccessLog> {
    let mut problems = Vec::new();
    let log = carry_over(None, &spec(format, Some(to)), Purpose::Start, &mut problems);
    assert_eq!(problems, []);
    log.expect("a log")
}

fn start(log: &AccessLog) {
    log.start(&Log::new(Level::Error)).expect("a thread");
}

fn sample() -> RequestHead {
    request(
        "GET",
        "/a",
        "?b=\"1\"",
        &[
            ("Host", b"example.com:81"),
            ("User-Agent", b"curl\n\"8\""),
            ("Authorization", b"Basic hunter2"),
            ("Cookie", b"session=hunter2"),
        ],
    )
}

fn line(format: &str, request: &RequestHead) -> String {
    let mut fields = Fields::default();
    fields.append("Content-Type", b"text/plain");
    line_of(format, request, response(&fields))
}

fn line_of(format: &str, request: &RequestHead, response: ResponseInfo<'_>) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let log = compile(format, &dir.path().join("access.log"));
    let client = client();
    let mut out = Vec::new();
    let values = RequestValues { response: Some(response), ..scope(request, &client) };
    log.write_line(&values, SampleRate(None), &mut out);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn combined_lines_are_those_of_apache_and_nginx() {
    let expected = concat!(
        "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"GET /a?b=\\\"1\\\" HTTP/1.1\" 201 65 ",
        "\"-\" \"curl\\x0a\\\"8\\\"\"\n"
    );
    assert_eq!(line("combined", &sample()), expected);
    let unread = line("combined", &RequestHead::default());
    assert_eq!(unread, "192.0.2.7 - - [31/Jan/2026:12:00:00 +0000] \"-\" 201 65 \"-\" \"-\"\n");
}

#[test]
fn json_lines_are_one_object_each() {
    let line = line("json", &sample());
    assert_eq!(line.matches('\n').count(), 1);
    let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let expected = serde_json::json!({
        "time": "2026-01-31T12:00:00.123Z", "request_id": "0123456789abcdef0011223344556677", "addr": "192.0.2.7",
        "method": "GET", "scheme": "http", "host": "example.com:81", "path": "/a", "query": "b=\"1\"",
        "protocol": "HTTP/1.1", "referer": null, "user_agent": "curl\n\"8\"", "status": 201, "bytes": 65,
        "duration_ms": 12.345, "backend": "127.0.0.1:3001", "attempts": 2, "http_status": 201, "grpc_status": null,
        "reason": null, "route": null, "upstream": "app", "request_bytes": 7, "queue_ms": 1.5, "connect_ms": 0.8,
        "first_byte_ms": 9.0, "tls_version": null, "tls_cipher": null, "tls_resumed": null,
        "trace_id": null, "span_id": null, "cache": "hit",
    });
    assert_eq!(object, expected);
}

#[test]
fn a_refused_call_of_grpc_is_logged_with_what_it_stands_for() {
    let request = sample();
    let fields = Fields::default();
    let grpc = crate::grpc::GrpcOutcome { reason: 403, code: Some(7) };
    let answer = ResponseInfo { status: 200, grpc, ..response(&fields) };
    let line = |format: &str| line_of(format, &request, answer);
    assert!(line("combined").contains("\" 403 65 "), "{}", line("combined"));
    assert!(line("json").contains("\"status\":200,"), "{}", line("json"));
    assert!(line("json").contains("\"http_status\":403,\"grpc_status\":7,"), "{}", line("json"));
    assert_eq!(line("{status} {http_status} {grpc_status}"), "200 403 7\n");
}

#[test]
fn a_line_of_ones_own_has_the_names_of_requests_and_responses() {
    for (format, expected) in [
        ("{addr} {method} {path}{query} {status}", "192.0.2.7 GET /a?b=\\\"1\\\" 201\n"),
        ("{response_time} {backend} {attempts} {bytes}", "12.345ms 127.0.0.1:3001 2 65\n"),
        ("\"{User-Agent}\" {Content-Type} {Referer}", "\"curl\\x0a\\\"8\\\"\" text/plain -\n"),
        ("{start_time}\t{host}", "2026-01-31:12:00:00:123\texample.com\n"),
    ] {
        assert_eq!(line(format, &sample()), expected, "{format}");
    }
}

#[test]
fn no_format_writes_a_secret() {
    for format in ["combined", "json"] {
        assert!(!line(format, &sample()).contains("hunter2"), "{format}");
    }
    for name in ["Authorization", "cookie", "COOKIE", "Proxy-Authorization", "Set-Cookie", "cookie.session"] {
        let mut problems = Vec::new();
        let format = format!("{{addr}} {{{name}|strip_prefix:a}}");
        assert!(carry_over(None, &spec(&format, None), Purpose::Start, &mut problems).is_none(), "{name}");
        let message = format!("Proxyfile:4: access_log: {{{name}}} would write secrets into the log: leave it out");
        assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [message]);
    }
}

#[test]
fn mistakes_are_problems_with_a_remedy() {
    let dir = tempfile::tempdir().expect("a folder");
    let nowhere = dir.path().join("none/access.log");
    for (format, to, message) in [
        (
            "jsn",
            None,
            "\"jsn\" is not a valid format (did you mean \"json\"?): write \"combined\", \"json\", or text with",
        ),
        ("common", None, "\"common\" is not a valid format"),
        ("{addr}\n", None, "\"{addr}\\n\" holds a line break"),
        ("{path|upcase}", None, "in {path|upcase}: \"upcase\" is not a valid modifier"),
        ("json", Some(&*nowhere), "to: cannot append to"),
        ("json", Some(dir.path()), "to: cannot append to"),
    ] {
        let mut problems = Vec::new();
        assert!(carry_over(None, &spec(format, to), Purpose::Start, &mut problems).is_none(), "{format}");
        let [problem] = &problems[..] else { panic!("{format}: {problems:?}") };
        assert_eq!(problem.severity, Severity::Error);
        assert!(problem.to_string().starts_with(&format!("Proxyfile:4: access_log: {message}")), "{problem}");
    }
    let mut problems = Vec::new();
    assert!(carry_over(None, &spec("{addr} {stauts}", None), Purpose::Start, &mut problems).is_some());
    assert_eq!(problems.iter().map(|problem| problem.severity).collect::<Vec<_>>(), [Severity::Warning]);
}

fn push(buffer: &mut Buffer, log: &Arc<AccessLog>, request: &RequestHead) -> bool {
    let (client, fields) = (client(), Fields::default());
    buffer.push(log, &RequestValues { response: Some(response(&fields)), ..scope(request, &client) })
}

#[test]
fn every_line_of_every_thread_is_in_the_file_once_it_is_closed() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("access.log");
    std::fs::write(&path, "of before\n").expect("a file");
    let log = compile("{method} {path}", &path);
    start(&log);
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                let mut buffer = Buffer::default();
                for n in 0..5_000 {
                    let request = request("GET", &format!("/{thread}/{n}"), "", &[]);
                    push(&mut buffer, &log, &request);
                    if n % 1_000 == 0 {
                        assert!(buffer.flush());
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("a thread"));
    assert!(log.close(LIMIT));
    let text = std::fs::read_to_string(&path).expect("a file");
    let mut lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.remove(0), "of before");
    lines.sort_unstable();
    let mut expected: Vec<_> = (0..4).flat_map(|t| (0..5_000).map(move |n| format!("GET /{t}/{n}"))).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn the_first_line_after_a_flush_asks_for_the_next_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let log = compile("combined", &dir.path().join("access.log"));
    let mut buffer = Buffer::default();
    let asked: Vec<_> = (0..3).map(|_| push(&mut buffer, &log, &sample())).collect();
    assert_eq!(asked, [true, false, false]);
    assert!(buffer.flush());
    assert!(push(&mut buffer, &log, &sample()));
}

#[test]
fn lines_that_a_slow_log_loses_are_counted_in_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("access.log");
    let log = compile("{path}", &path);
    let request = request("GET", &format!("/{}", "x".repeat(1022)), "", &[]);
    let mut buffer = Buffer::default();
    // Lines are not written yet: 4 MiB wait in the queue, and further lines are dropped a mebibyte at a time.
    let (pushed, line) = (8 * 1024, 1024);
    for _ in 0..pushed {
        push(&mut buffer, &log, &request);
        assert!(buffer.waiting() <= buffer::MOST + line);
    }
    assert!(!buffer.flush());
    start(&log);
    drop(buffer);
    assert!(log.close(LIMIT));
    let text = std::fs::read_to_string(&path).expect("a file");
    let written = text.lines().filter(|line| line.starts_with("/x")).count();
    let notices: Vec<_> = text.lines().filter(|line| !line.starts_with("/x")).collect();
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    let lost: usize = notice.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number");
    assert!(lost > 0 && notice.starts_with("# 2"), "{notice}");
    assert_eq!(written + lost, pushed);
}

#[test]
fn a_rotated_file_gets_what_came_before_and_the_new_one_what_comes_after() {
    let dir = tempfile::tempdir().expect("a folder");
    let (path, old) = (dir.path().join("access.log"), dir.path().join("access.log.1"));
    let log = compile("{path}", &path);
    start(&log);
    let mut buffer = Buffer::default();
    push(&mut buffer, &log, &request("GET", "/before", "", &[]));
    assert!(buffer.flush());
    std::fs::rename(&path, &old).expect("a rotation");
    let after = carry_over(Some(&log), &spec("{path} after", Some(&path)), Purpose::Start, &mut Vec::new());
    let after = after.expect("a log");
    push(&mut buffer, &log, &request("GET", "/before", "", &[]));
    assert!(buffer.flush(), "until it is started it changes nothing");
    start(&after);
    push(&mut buffer, &log, &request("GET", "/late", "", &[]));
    push(&mut buffer, &after, &request("GET", "/", "", &[]));
    drop(log);
    drop(buffer);
    assert!(after.close(LIMIT));
    assert_eq!(std::fs::read_to_string(&old).expect("a file"), "/before\n/before\n");
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "/late\n/ after\n");
}

#[test]
fn another_log_gets_none_of_the_lines_of_the_one_before() {
    let dir = tempfile::tempdir().expect("a folder");
    let paths = ["a.log", "b.log"].map(|name| dir.path().join(name));
    let logs = [compile("{path}", &paths[0]), compile("{path}", &paths[1])];
    let mut buffer = Buffer::default();
    for (log, path) in logs.iter().zip(["/a", "/b"]) {
        start(log);
        push(&mut buffer, log, &request("GET", path, "", &[]));
    }
    drop(buffer);
    for (log, (path, text)) in logs.iter().zip(paths.iter().zip(["/a\n", "/b\n"])) {
        assert!(log.close(LIMIT));
        assert_eq!(std::fs::read_to_string(path).expect("a file"), text);
    }
}

#[test]
fn logs_that_take_turns_lose_nothing_and_say_nothing() {
    let (dir, diagnostics) = (tempfile::tempdir().expect("a folder"), Memory::default());
    let logs = ["a.log", "b.log"].map(|name| compile("{path}", &dir.path().join(name)));
    logs.iter().for_each(|log| log.start(&Log::to(Level::Info, Box::new(diagnostics.clone()))).expect("a thread"));
    let mut buffer = Buffer::default();
    for log in logs.iter().cycle().take(6) {
        push(&mut buffer, log, &sample());
    }
    drop(buffer);
    for (log, name) in logs.iter().zip(["a.log", "b.log"]) {
        assert!(log.close(LIMIT));
        assert_eq!(std::fs::read_to_string(dir.path().join(name)).expect("a file").lines().count(), 3);
    }
    assert_eq!(diagnostics.text(), "");
}

#[test]
fn a_full_disk_is_reported_once_and_holds_up_nobody() {
    let diagnostics = Memory::default();
    let log = compile("{path}", Path::new("/dev/full"));
    log.start(&Log::to(Level::Info, Box::new(diagnostics.clone()))).expect("a thread");
    let mut buffer = Buffer::default();
    for _ in 0..3 {
        push(&mut buffer, &log, &sample());
        assert!(buffer.flush());
    }
    assert!(log.close(LIMIT));
    let text = diagnostics.text();
    assert!(text.contains(" error the access log cannot be written, its lines are lost: No space left"), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_log_that_nobody_holds_any_more_writes_what_it_has_and_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("access.log");
    let log = compile("{path}", &path);
    start(&log);
    let queue = Arc::clone(log.queue());
    let mut buffer = Buffer::default();
    push(&mut buffer, &log, &sample());
    drop(log);
    drop(buffer);
    assert!(queue.close(LIMIT));
    assert_eq!(std::fs::read_to_string(&path).expect("a file"), "/a\n");
}

#[test]
fn a_check_leaves_no_file_behind_and_an_old_one_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let (new, old) = (dir.path().join("new.log"), dir.path().join("old.log"));
    std::fs::write(&old, "of before\n").expect("a file");
    for path in [&new, &old] {
        let mut problems = Vec::new();
        assert!(carry_over(None, &spec("json", Some(path)), Purpose::Check, &mut problems).is_some());
        assert_eq!(problems, []);
    }
    assert!(!new.exists());
    assert_eq!(std::fs::read_to_string(&old).expect("the file"), "of before\n");
    let missing = dir.path().join("missing/new.log");
    assert!(carry_over(None, &spec("json", Some(&missing)), Purpose::Check, &mut Vec::new()).is_none());
}

#[test]
fn a_pipe_that_nobody_reads_yet_is_not_waited_for() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert!(carry_over(None, &spec("json", Some(&path)), Purpose::Check, &mut Vec::new()).is_some());
    let log = compile("{path}", &path);
    start(&log);
    let mut buffer = Buffer::default();
    push(&mut buffer, &log, &sample());
    assert!(buffer.flush());
    log.reopen().expect("opened anew");
    let mut lines = BufReader::new(File::open(&path).expect("a reader")).lines();
    assert_eq!(lines.next().expect("a line").expect("read"), "/a");
    assert!(log.close(LIMIT));
}

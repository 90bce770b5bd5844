use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::*;
use crate::config::{AccessLogConfig, Setting};
use crate::configuration::{BindConfig, Directive, LocationConfig, MetricsConfig, StaticResponseConfig};
use crate::filter::FilterConfig;
use crate::log::Level;
use crate::{Config, Server};

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_begins_anew_after_ever_longer_pauses() {
    let (begun, times) = (Instant::now(), Cell::new(0));
    let work = || async {
        times.set(times.get() + 1);
        assert!(times.get() == 4, "not yet");
    };
    enduring("a test", Log::new(Level::Error), work).await;
    assert_eq!((times.get(), begun.elapsed().as_secs()), (4, 1 + 2 + 4));
}

/// One connection to a server, kept over several requests.
struct Caller(TcpStream);

impl Caller {
    /// The status of the answer to a request, and its body.
    fn ask(&mut self, path: &str) -> (u16, String) {
        write!(self.0, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").expect("the connection is open");
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte).expect("a head");
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.split('\r').next());
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        self.0.read_exact(&mut body).expect("a body");
        (head[9..12].parse().expect("a status"), String::from_utf8_lossy(&body).into_owned())
    }
}

/// A server that answers hello.
fn config() -> Config {
    let filter = serde_json::json!({ "response_headers": { "additions": [["X-Added", ["ours"]]] } });
    let filter: FilterConfig = serde_json::from_value(filter).expect("a filter");
    Config {
        binds: vec![BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() }],
        threads: Some(Setting::of(1)),
        log_level: Setting::of("error".into()),
        routes: vec![
            Directive::Filter(filter),
            Directive::StaticResponse(StaticResponseConfig { body: "hello".into(), ..Default::default() }),
        ],
        ..Config::default()
    }
}

fn connect(server: &Server) -> Caller {
    let stream = TcpStream::connect(server.urls()[0].trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    Caller(stream)
}

#[test]
fn a_request_is_counted_and_logged_once_wherever_it_panics() {
    let log = std::env::temp_dir().join(format!("proxy-panics-{}.log", std::process::id()));
    let shown = LocationConfig {
        patterns: vec!["/metrics".into()],
        routes: vec![Directive::Metrics(MetricsConfig::default())],
        ..LocationConfig::default()
    };
    let to = Some(log.display().to_string());
    let mut config = Config {
        access_log: Some(AccessLogConfig { format: "{path}".into(), to, ..AccessLogConfig::default() }),
        metrics: Some(MetricsConfig::default()),
        ..config()
    };
    config.routes.insert(1, Directive::Location(Box::new(shown)));
    let server = Server::start(config).expect("it starts");
    let mut asked = Vec::new();
    for place in ["head", "filter", "handler", "record", "log", "trace"] {
        let path = format!("/panic/{place}");
        let mut caller = connect(&server);
        write!(caller.0, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is there");
        // After its answer the connection is reset.
        let _ = caller.0.read_to_end(&mut Vec::new());
        asked.push(path);
    }
    let mut caller = connect(&server);
    assert_eq!(caller.ask("/").0, 200);
    let (_, figures) = caller.ask("/metrics");
    let counts = figures.lines().filter(|line| line.starts_with("proxy_requests_total{"));
    let count: u64 = counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum();
    assert_eq!(count, asked.len() as u64 + 1, "{figures}");
    assert_eq!(server.stats().requests.total, count + 1);
    asked.extend(["/".into(), "/metrics".into()]);
    drop(caller);
    server.begin_stop(None);
    assert!(server.wait(Some(Duration::from_secs(20))) && server.is_drained());
    let lines = std::fs::read_to_string(&log).expect("an access log");
    std::fs::remove_file(&log).expect("it is there");
    assert_eq!(lines.lines().collect::<Vec<_>>(), asked);
    assert_eq!(server.stats().requests.in_flight, 0);
}

#[test]
fn a_panic_in_a_filter_or_a_handler_costs_that_request_a_500_and_nothing_else() {
    let server = Server::start(config()).expect("it starts");
    let connect = || connect(&server);
    let mut other = connect();
    for place in ["filter", "handler"] {
        assert_eq!(other.ask("/"), (200, "hello".into()));
        let (status, body) = connect().ask(&format!("/panic/{place}"));
        assert_eq!(status, 500, "{body}");
        assert_eq!(other.ask("/"), (200, "hello".into()), "the same thread serves others");
    }
    // A request ends just after its client has the answer.
    let end = std::time::SystemTime::now() + Duration::from_secs(20);
    while server.stats().requests.in_flight > 0 && std::time::SystemTime::now() < end {
        std::thread::yield_now();
    }
    let stats = server.stats();
    assert_eq!((stats.requests.in_flight, stats.requests.status_5xx, stats.requests.status_2xx), (0, 2, 4));
}

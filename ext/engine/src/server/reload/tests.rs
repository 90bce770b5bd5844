use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Weak;

use tokio::time::Instant;

use super::*;
use crate::configuration::{
    self, AccessLogConfig, BackendConfig, Directive, HealthCheck, PoolConfig, Setting, StaticResponseConfig,
};
use crate::snapshot::Snapshot;

const LIMIT: Duration = Duration::from_secs(10);

/// A configuration with some of everything that runs in the background, in one of two forms.
fn config(number: usize, log: &std::path::Path) -> Config {
    let health_check = HealthCheck { interval: 3600.0 + (number % 2) as f64, ..HealthCheck::default() };
    let backends = vec![BackendConfig::at("127.0.0.1:1"), BackendConfig::at("no-such-host.invalid:1")];
    let pool = PoolConfig { backends: Some(backends), health_check: Some(health_check), ..PoolConfig::default() };
    let proxy = configuration::ProxyConfig { pool: Some(pool), ..configuration::ProxyConfig::default() };
    let fixed = StaticResponseConfig { code: 200, headers: Vec::new(), body: number.to_string(), at: None };
    let location = configuration::LocationConfig {
        patterns: vec!["/fixed".into()],
        routes: vec![Directive::StaticResponse(fixed)],
        ..configuration::LocationConfig::default()
    };
    let to = log.join(format!("{}.log", number % 2)).display().to_string();
    Config {
        binds: vec![configuration::BindConfig {
            url: "http://127.0.0.1:0".into(),
            ..configuration::BindConfig::default()
        }],
        threads: Some(Setting::of(2)),
        log_level: Setting::of("error".into()),
        access_log: Some(AccessLogConfig { format: "{path}".into(), to: Some(to), ..AccessLogConfig::default() }),
        routes: vec![Directive::Location(Box::new(location)), Directive::Proxy(Box::new(proxy))],
        ..Config::default()
    }
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < LIMIT, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The body of the response to one request.
fn answer(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /fixed HTTP/1.1\r\nHost: a\r\n\r\n").expect("written");
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    while !answer.windows(4).any(|four| four == b"\r\n\r\n") || answer.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut piece).expect("an answer");
        assert!(count > 0, "the connection ended");
        answer.extend_from_slice(&piece[..count]);
    }
    String::from_utf8_lossy(&answer).rsplit('\n').next().unwrap_or_default().to_owned()
}

#[test]
fn of_a_hundred_configurations_only_the_last_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(config(0, dir.path())).expect("a server");
    let mut stream = TcpStream::connect(server.urls()[0].trim_start_matches("http://")).expect("a connection");
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    let tasks = || server.control.background.metrics().num_alive_tasks();
    assert_eq!(answer(&mut stream), "0");
    let mut old: Vec<Weak<Snapshot>> = Vec::new();
    for number in 1..=100 {
        old.push(Arc::downgrade(&server.snapshot.load_full()));
        server.reload(&config(number, dir.path())).expect("a sound configuration");
        // One of the two engine threads never gets a request.
        if number % 10 == 0 {
            assert_eq!(answer(&mut stream), number.to_string());
        }
    }
    eventually("nobody holds the old ones", || old.iter().all(|snapshot| snapshot.strong_count() == 0));
    // One task listens, one runs checks and one resolves the name; the DNS client may have some tasks too.
    eventually("their tasks have ended", || tasks() < 10);
    let waiting = |logs: &Vec<crate::access_log::UnwrittenLog>| logs.iter().filter(|log| !log.is_written()).count();
    // The task of the current log goes on.
    eventually("their logs are written", || waiting(&server.control.old_logs().lock()) <= 1);
    assert!(server.control.old_logs().lock().len() < 50, "those that are written are forgotten");
    server.begin_stop(Some(LIMIT));
    drop(stream);
    assert!(server.wait(Some(LIMIT)));
    let lines = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("a log").lines().count();
    assert_eq!((lines("0.log"), lines("1.log")), (11, 0));
}

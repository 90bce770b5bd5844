use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::super::Server;
use super::*;
use crate::config::{AccessLogConfig, ControlConfig, Setting};
use crate::configuration::{BindConfig, Config, Directive, LocationConfig, MetricsConfig, StaticResponseConfig};
use crate::panics::planned;

const LIMIT: Duration = Duration::from_secs(10);

/// An accepted connection, and its client.
fn connection() -> (TcpStream, RawConnection) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    client.set_read_timeout(Some(LIMIT)).expect("a time limit");
    let (stream, _) = listener.accept().expect("a connection");
    stream.set_nonblocking(true).expect("a setting");
    let permit = Arc::new(Semaphore::new(1)).try_acquire_owned().expect("a share");
    (client, RawConnection::of(stream, permit))
}

#[test]
fn a_connection_that_was_accepted_just_before_the_stop_is_served() {
    let route = StaticResponseConfig { code: 200, headers: Vec::new(), body: "served".into(), at: None };
    let config = Config { routes: vec![Directive::StaticResponse(route)], ..Config::default() };
    let compiled = crate::snapshot::compile(&config, crate::compile::Purpose::Start);
    let counters = Arc::new(Counters::default());
    let (mut client, raw) = connection();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("written");

    counters.connection_opened();
    let (sender, inbox) = mpsc::unbounded_channel();
    assert!(sender.send(Work::Serve(raw)).is_ok());
    drop(sender);
    let (_order, orders) = watch::channel(Some(StopDeadlines::of(LIMIT, LIMIT)));
    let snapshot = Arc::new(ArcSwap::from_pointee(compiled.snapshot));
    let (_news, heard) = watch::channel(());
    let log = compiled.settings.log;
    let cut = serve(runtime().expect("a runtime"), snapshot, counters.clone(), log, inbox, orders, heard);

    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer and the end of the connection");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Connection: close\r\n") && answer.ends_with("served"), "{answer}");
    assert!(!cut);
    assert_eq!(counters.active(), 0);
}

/// A server of which something is to be seen in each of its background tasks.
fn watched(folder: &Path) -> Arc<Server> {
    let metrics = MetricsConfig::default;
    let shown = LocationConfig {
        patterns: vec!["/metrics".into()],
        routes: vec![Directive::Metrics(metrics())],
        ..LocationConfig::default()
    };
    let control = ControlConfig {
        address: format!("unix://{}", folder.join("control.sock").display()),
        ..ControlConfig::default()
    };
    let to = Some(folder.join("access.log").display().to_string());
    Server::start(Config {
        binds: vec![BindConfig { url: "http://127.0.0.1:0".into(), ..BindConfig::default() }],
        threads: Some(Setting::of(1)),
        log_level: Setting::of("error".into()),
        state: Some(Setting::of(folder.join("state").display().to_string())),
        access_log: Some(AccessLogConfig { to, ..AccessLogConfig::default() }),
        metrics: Some(metrics()),
        control: vec![control],
        routes: vec![Directive::Location(Box::new(shown))],
        ..Config::default()
    })
    .expect("it starts")
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let begun = std::time::SystemTime::now();
    while !done() {
        assert!(begun.elapsed().is_ok_and(|elapsed| elapsed < LIMIT * 2), "waited too long: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The first line of the answer to a request whose connection closes.
fn ask(mut stream: impl Read + Write, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn background_tasks_go_on_after_a_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = watched(folder.path());
    let planned = [
        "the collection of metrics",
        "the accepting of connections",
        "the control API",
        "the keeping of the state",
        "the care of idle connections",
        "the flush of the access log",
        "the look for a new configuration",
    ];
    for what in planned {
        planned::plan(what, &server.log);
    }
    let client = TcpStream::connect(server.urls()[0].trim_start_matches("http://")).expect("it listens");
    client.set_read_timeout(Some(LIMIT)).expect("a time limit");
    assert_eq!(ask(client, "/metrics"), "HTTP/1.1 200 OK");
    let control = UnixStream::connect(folder.path().join("control.sock")).expect("it listens");
    control.set_read_timeout(Some(LIMIT)).expect("a time limit");
    assert_eq!(ask(control, "/status"), "HTTP/1.1 200 OK");
    server.steering.keeper.changed();
    server.control.tell();
    eventually("all have panicked", || planned::outstanding(&server.log).is_empty());
    let has = |name: &str| std::fs::metadata(folder.path().join(name)).is_ok_and(|file| file.len() > 0);
    eventually("the access log has a line", || has("access.log"));
    eventually("the state is written", || has("state"));
}

#[test]
fn a_server_ends_although_something_blocks() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = watched(folder.path());
    let (end, blocked) = std::sync::mpsc::channel::<()>();
    let (begins, begun) = std::sync::mpsc::channel::<()>();
    server.control.background.spawn_blocking(move || {
        drop(begins);
        let _ = blocked.recv();
    });
    assert!(begun.recv().is_err(), "it has begun");
    server.begin_stop(Some(Duration::ZERO));
    assert!(server.wait(Some(LIMIT)), "it waits for what blocks");
    drop(end);
}

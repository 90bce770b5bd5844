use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;
use crate::configuration::{Config, Directive, StaticResponseConfig};

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

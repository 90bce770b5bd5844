//! Connections that another server has accepted and read the head of.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use proxy_engine::configuration::{Directive, ProxyConfig, Setting};
use proxy_engine::{AdoptedClient, Adoption, Config, Server, StartError};

use crate::support::{Gate, Message, Origin, Peer, Proxy, Reply};

/// A server that listens nowhere, in front of one backend.
fn server(backend: &str, change: impl FnOnce(&mut Config)) -> Arc<Server> {
    let mut config = Proxy::config(&[backend], |settings| settings.server.adopts = true);
    change(&mut config);
    Server::start(config).expect("a server")
}

/// A client, and the other end of its connection.
fn connected() -> (Peer, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    (Peer::new(client), listener.accept().expect("a connection").0)
}

fn adoption(socket: &TcpStream, before: impl Into<Vec<u8>>) -> Adoption {
    Adoption {
        socket: socket.as_fd().try_clone_to_owned().expect("a descriptor"),
        before: before.into(),
        file: None,
        client: AdoptedClient::new(Some("127.0.0.1"), false, Some(socket.as_fd())),
    }
}

/// A file with `content`, whose position is at its end.
fn file(content: &[u8]) -> File {
    let path = std::env::temp_dir().join(format!("adopted-{}-{:p}", std::process::id(), content));
    let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&path).expect("a file");
    std::fs::remove_file(&path).expect("no name is left");
    file.write_all(content).expect("the content");
    file.seek(SeekFrom::End(0)).expect("the end");
    file
}

#[test]
fn the_request_is_answered_and_the_connection_closed() {
    let origin = Origin::answering(|_| Reply::ok("taken"));
    let server = server(&origin.address(), |_| ());
    assert_eq!(server.urls(), Vec::<String>::new());
    let (mut client, socket) = connected();
    let before = "POST /a HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhello";
    server.adopt(adoption(&socket, before)).expect("adopted");
    drop(socket);
    client.send("world");
    let response = client.response();
    assert_eq!((response.body.as_slice(), response.get("Connection")), (&b"taken"[..], Some("close")));
    client.expect_end();
    let port = client.stream().peer_addr().expect("an address").port().to_string();
    let request = &origin.requests()[0];
    assert_eq!(request.body, b"helloworld");
    assert_eq!(request.get("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(request.get("X-Forwarded-Port"), Some(port.as_str()));
    assert_eq!(server.stats().connections.accepted, 1);
}

#[test]
fn a_body_is_read_from_a_file_and_then_from_the_socket() {
    let origin = Origin::answering(|_| Reply::ok("taken"));
    let server = server(&origin.address(), |_| ());
    let mut sent: Vec<u8> = (0..300_000u32).map(|n| (n % 251) as u8).collect();
    let (mut client, socket) = connected();
    let before = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 200005\r\n\r\n";
    server.adopt(Adoption { file: Some((file(&sent), 200_000)), ..adoption(&socket, before) }).expect("adopted");
    drop(socket);
    client.send("hello");
    sent.truncate(200_000);
    sent.extend_from_slice(b"hello");
    assert_eq!(client.response().body, b"taken");
    assert!(origin.requests()[0].body == sent);
}

#[test]
fn a_file_that_is_too_short_gives_the_request_up() {
    let origin = Origin::start(|_, peer| {
        peer.head();
        assert_eq!(peer.rest().0, b"hello");
    });
    let server = server(&origin.address(), |_| ());
    let (mut client, socket) = connected();
    let before = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n";
    server.adopt(Adoption { file: Some((file(b"hello"), 10)), ..adoption(&socket, before) }).expect("adopted");
    drop(socket);
    assert_eq!(client.rest().0, b"");
}

#[test]
fn a_malformed_head_is_refused() {
    let origin = Origin::echoing_targets();
    let server = server(&origin.address(), |_| ());
    for head in [
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /\0HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let (mut client, socket) = connected();
        server.adopt(adoption(&socket, head)).expect("adopted");
        drop(socket);
        assert_eq!(client.response().status(), 400, "{head:?}");
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_unix_socket_becomes_a_tunnel_with_the_bytes_that_were_read_before() {
    let origin = Origin::start(|_, peer| {
        let request = peer.request();
        assert_eq!(request.get("Upgrade"), Some("echo"));
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n");
        let early = peer.read(10);
        peer.send(early);
    });
    let server = server(&origin.address(), |_| ());
    let (client, theirs) = UnixStream::pair().expect("two sockets");
    let before = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Upgrade\r\nUpgrade: echo\r\n\r\nearly";
    let client_info = AdoptedClient::new(Some("192.0.2.7"), true, None);
    server
        .adopt(Adoption { socket: theirs.into(), before: before.into(), file: None, client: client_info })
        .expect("adopted");
    let mut client = Reading(client);
    assert!(client.read(12).starts_with(b"HTTP/1.1 101"));
    client.after_head();
    client.0.write_all(b" late").expect("sent");
    assert_eq!(client.read(10), b"early late");
}

/// The client's end of a unix socket.
struct Reading(UnixStream);

impl Reading {
    fn read(&mut self, n: usize) -> Vec<u8> {
        use std::io::Read;
        self.0.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        let mut bytes = vec![0; n];
        self.0.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    fn after_head(&mut self) {
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            seen.extend(self.read(1));
        }
    }
}

#[test]
fn the_scheme_and_the_address_are_those_that_are_told() {
    let origin = Origin::answering(|_| Reply::ok(""));
    let server = server(&origin.address(), |config| {
        config.trusted_proxies.value = vec!["192.0.2.1".into(), "unix:".into()];
    });
    let sent = |addr: Option<&str>, tls: bool| -> Message {
        let (mut client, socket) = connected();
        let before = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 203.0.113.5\r\nX-Forwarded-Proto: ftp\r\n\r\n";
        let client_info = AdoptedClient::new(addr, tls, None);
        server.adopt(Adoption { client: client_info, ..adoption(&socket, before) }).expect("adopted");
        client.half_close();
        client.response();
        origin.requests().pop().expect("a request")
    };
    for (addr, tls, forwarded_for, proto) in [
        (Some("192.0.2.9"), false, Some("192.0.2.9"), "http"),
        (Some("192.0.2.9"), true, Some("192.0.2.9"), "https"),
        (Some("192.0.2.1"), true, Some("203.0.113.5, 192.0.2.1"), "https"),
        (Some("no address"), false, None, "http"),
        (None, false, None, "http"),
    ] {
        let request = sent(addr, tls);
        let fields = (request.get("X-Forwarded-For"), request.get("X-Forwarded-Proto"));
        assert_eq!(fields, (forwarded_for, Some(proto)), "{addr:?}");
    }
}

#[test]
fn a_server_takes_what_a_handler_answers() {
    let server = server("127.0.0.1:1", |config| {
        config.routes = vec![Directive::Proxy(Box::new(ProxyConfig {
            to: Some("http://127.0.0.1:1".into()),
            path_prefix: Some("/api".into()),
            ..ProxyConfig::default()
        }))];
    });
    let client = AdoptedClient::new(Some("127.0.0.1"), false, None);
    for (head, taken) in [
        ("GET /api/x HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET /b/../api HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET /apix HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false),
        // It could be read as /api/x.
        ("GET /api%2Fx HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", false),
        // Malformed: refused if the path is the proxy's.
        ("GET /api/<x> HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET /api/x\0 HTTP/1.1\r\nHost: a\r\n\r\n", true),
        ("GET /b?<x> HTTP/1.1\r\nHost: a\r\n\r\n", false),
        ("GET /b HTTP/1.1\r\n\r\n", false),
        ("GET /api HTTP/1.1\r\n\r\n", true),
        ("", false),
    ] {
        assert_eq!(server.takes(head.as_bytes(), &client), taken, "{head:?}");
    }
}

#[test]
fn a_stop_waits_for_adopted_requests_and_takes_no_more() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        gate.wait_until("the server is stopping");
        peer.send(Reply::ok("late"));
    });
    let server = server(&origin.address(), |config| config.shutdown_timeout = Setting::of(10.0));
    let (mut client, socket) = connected();
    server.adopt(adoption(&socket, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).expect("adopted");
    while origin.connections() == 0 {
        std::thread::yield_now();
    }
    server.begin_stop(None);
    go.open();
    assert_eq!(client.response().body, b"late");
    assert!(server.wait(Some(Duration::from_secs(10))) && server.is_drained());
    let refused = server.adopt(adoption(&socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert!(matches!(refused, Err(StartError::Stopped)));
}

#[test]
fn a_unix_socket_that_is_closed_ends_the_work_of_the_backend() {
    let (told, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\n\r\nhello");
        peer.rest();
        told.open();
    });
    let server = server(&origin.address(), |_| ());
    let (client, theirs) = UnixStream::pair().expect("two sockets");
    let before = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let client_info = AdoptedClient::new(None, false, None);
    server
        .adopt(Adoption { socket: theirs.into(), before: before.into(), file: None, client: client_info })
        .expect("adopted");
    let mut client = Reading(client);
    client.after_head();
    drop(client);
    gate.wait_until("the backend's connection has ended");
}

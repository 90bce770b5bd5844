//! Where the server listens.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use proxy_engine::config::BindConfig;
use proxy_engine::StartError;

use crate::support::{eventually, nobody, Origin, Peer, Proxy, Settings, PATIENCE};

fn bind(url: impl Into<String>) -> BindConfig {
    BindConfig { url: url.into(), ..BindConfig::default() }
}

/// Also listens there.
fn beside(url: &str) -> impl FnOnce(&mut Settings) + '_ {
    move |settings| settings.server.binds.push(bind(url))
}

fn connect(address: &str) -> Peer {
    Peer::new(TcpStream::connect(address).expect("somebody accepts"))
}

fn message(error: StartError) -> String {
    match error {
        StartError::Bind(problem) => problem.message,
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_new_address_is_listened_at_and_one_that_is_gone_no_more() {
    let (origin, second) = (Origin::echoing_targets(), nobody());
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let first = proxy.server.urls();
    for _ in 0..3 {
        proxy.reload(&[&origin.address()], beside(&format!("http://{second}")));
        assert_eq!(proxy.server.urls(), [first[0].clone(), format!("http://{second}")], "port 0 stays the one it is");
        assert_eq!(connect(&second).get("/there").text(), "/there");
        let mut idle = connect(&second);
        assert_eq!(idle.get("/1").text(), "/1");
        proxy.reload(&[&origin.address()], |_| ());
        assert_eq!(proxy.server.urls(), first);
        assert!(TcpStream::connect(&second).is_err(), "it is closed when the reload is over");
        assert_eq!(idle.get("/2").text(), "/2", "connections live on");
    }
}

#[test]
fn who_waits_at_an_address_that_goes_is_served() {
    let (origin, second) = (Origin::echoing_targets(), nobody());
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.max_connections.value = 1;
        beside(&format!("http://{second}"))(settings);
    });
    let mut first = proxy.client();
    assert_eq!(first.get("/").status(), 200);
    // The kernel has connected them, and nobody has accepted them.
    let mut waiting: Vec<_> = (0..3).map(|_| connect(&second)).collect();
    for client in &mut waiting {
        client.send("GET /waited HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    proxy.reload(&[&origin.address()], |settings| settings.server.max_connections.value = 1);
    drop(first);
    for client in &mut waiting {
        assert_eq!(client.response().text(), "/waited");
    }
    eventually("the socket is closed", || TcpStream::connect(&second).is_err());
}

#[test]
fn who_waits_at_an_address_that_stays_is_served_by_the_new_configuration() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.max_connections.value = 1);
    let mut first = proxy.client();
    assert_eq!(first.get("/").status(), 200);
    let mut waiting: Vec<_> = (0..20).map(|_| proxy.client()).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        client.send(format!("GET /{number} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    }
    proxy.reload(&[&origin.address()], |settings| settings.server.binds[0].backlog = Some(64));
    drop(first);
    for (number, client) in waiting.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
}

#[test]
fn an_address_in_use_changes_nothing() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let (taken, free) = (TcpListener::bind("127.0.0.1:0").expect("a port"), nobody());
    let taken = format!("http://{}", taken.local_addr().expect("an address"));
    let config = Proxy::config(&["127.0.0.1:1"], |settings| {
        settings.server.binds = vec![bind(format!("http://{free}")), bind(&taken)];
    });
    let error = proxy.server.reload(&config).expect_err("somebody listens there");
    assert_eq!(
        message(error),
        format!("{taken}: the address is in use: stop the program that listens there, or write another port")
    );
    assert_eq!(proxy.client().get("/old").text(), "/old");
    assert!(TcpStream::connect(free).is_err(), "the other one is not listened at");
}

#[test]
fn an_address_taken_by_the_server_itself_is_told_with_the_way_out() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.binds = vec![bind(format!("http://{}", nobody()))];
    });
    let port = proxy.address().rsplit(':').next().expect("a port");
    let config = Proxy::config(&[&origin.address()], |settings| {
        settings.server.binds = vec![bind(format!("http://0.0.0.0:{port}"))];
    });
    let told = message(proxy.server.reload(&config).expect_err("it is in use by the server itself"));
    assert!(told.contains(&format!("this server listens at http://127.0.0.1:{port} until")), "{told}");
    assert_eq!(proxy.client().get("/old").text(), "/old");
}

#[test]
fn a_unix_socket_keeps_its_file_and_loses_it_when_it_goes() {
    let dir = tempfile::tempdir().expect("a folder");
    let (origin, path) = (Origin::echoing_targets(), dir.path().join("proxy.sock"));
    let url = format!("unix://{}", path.display());
    let proxy = Proxy::with(&[&origin.address()], beside(&url));
    let inode = |path| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(path).expect("the file"));
    let before = inode(&path);
    proxy.reload(&[&origin.address()], beside(&url));
    assert_eq!(inode(&path), before);
    let mut client = UnixStream::connect(&path).expect("somebody accepts");
    client.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    client.write_all(b"GET /unix HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("written");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    assert!(answer.ends_with("/unix"), "{answer}");
    proxy.reload(&[&origin.address()], |_| ());
    assert!(!path.exists());
}

#[test]
fn the_file_of_a_unix_socket_gets_its_new_rights() {
    let dir = tempfile::tempdir().expect("a folder");
    let (origin, path) = (Origin::echoing_targets(), dir.path().join("proxy.sock"));
    let with = |mode| {
        let bind = BindConfig { mode, ..bind(format!("unix://{}", path.display())) };
        move |settings: &mut Settings| settings.server.binds.push(bind)
    };
    let mode = || std::fs::metadata(&path).expect("the file").permissions().mode() & 0o777;
    let proxy = Proxy::with(&[&origin.address()], with(Some(0o660)));
    assert_eq!(mode(), 0o660);
    proxy.reload(&[&origin.address()], with(Some(0o606)));
    eventually("the rights are there", || mode() == 0o606);
}

#[test]
fn as_many_may_wait_as_the_new_configuration_says() {
    let origin = Origin::echoing_targets();
    let narrow = |backlog| {
        move |settings: &mut Settings| {
            settings.server.max_connections.value = 1;
            settings.server.binds[0].backlog = Some(backlog);
        }
    };
    let proxy = Proxy::with(&[&origin.address()], narrow(1));
    let mut first = proxy.client();
    first.send("GET / HTTP/1.1\r\n");
    eventually("it has the place", || proxy.server.stats().connections.active == 1);
    let address = proxy.address().parse().expect("an address");
    let connect = || TcpStream::connect_timeout(&address, Duration::from_millis(100));
    // Guests that have said something wait outside of the line; behind them it is full.
    let mut waiting = Vec::new();
    let mut refused = 0;
    while refused < 5 {
        assert!(waiting.len() < 500, "the line is short");
        match connect() {
            Ok(mut stream) => {
                stream.write_all(b"G").expect("written");
                waiting.push(stream);
                refused = 0;
            }
            Err(_) => refused += 1,
        }
    }
    proxy.reload(&[&origin.address()], narrow(64));
    eventually("more may wait", || {
        connect().is_ok_and(|stream| {
            waiting.push(stream);
            true
        })
    });
    waiting.extend((0..20).map(|_| connect().expect("there is room")));
}

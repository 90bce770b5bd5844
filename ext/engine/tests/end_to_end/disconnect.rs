//! A client that goes away is nobody's burden.

use std::sync::mpsc::channel;
use std::sync::Mutex;

use socket2::{Domain, Socket, Type};

use crate::support::{eventually, Origin, Proxy, PATIENCE};

#[test]
fn a_client_that_resets_a_download_frees_the_backends_connection() {
    let (sender, freed) = channel();
    let sender = Mutex::new(sender);
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
        while peer.try_send(&chunk).is_ok() {}
        sender.lock().expect("the channel").send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    client.read(100_000);
    client.reset();
    freed.recv_timeout(PATIENCE).expect("the backend's connection ends");
}

#[test]
fn a_client_that_resets_a_silent_stream_frees_the_backends_connection() {
    let (sender, freed) = channel();
    let sender = Mutex::new(sender);
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
        peer.rest();
        sender.lock().expect("the channel").send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    assert_eq!(client.chunk().expect("a chunk"), b"hi");
    client.reset();
    freed.recv_timeout(PATIENCE).expect("the backend's connection ends");
}

#[test]
fn a_client_that_leaves_before_the_answer_frees_the_backends_connection() {
    let (asked, wait) = channel();
    let (sender, freed) = channel();
    let (asked, sender) = (Mutex::new(asked), Mutex::new(sender));
    let origin = Origin::start(move |_, peer| {
        peer.request();
        asked.lock().expect("the channel").send(()).expect("a listener");
        peer.rest();
        sender.lock().expect("the channel").send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    wait.recv_timeout(PATIENCE).expect("the backend is asked");
    client.reset();
    freed.recv_timeout(PATIENCE).expect("the backend's connection ends");
    assert_eq!(origin.connections(), 1, "nobody else is asked");
}

#[test]
fn a_client_that_leaves_during_an_upload_frees_the_backends_connection() {
    for reset in [true, false] {
        let (sender, seen) = channel();
        let sender = Mutex::new(sender);
        let origin = Origin::start(move |_, peer| {
            peer.head();
            assert_eq!(peer.read(5), b"hello");
            sender.lock().expect("the channel").send(Vec::new()).expect("a listener");
            let rest = peer.rest().0;
            sender.lock().expect("the channel").send(rest).expect("a listener");
        });
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
        seen.recv_timeout(PATIENCE).expect("the beginning arrives");
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        let rest = seen.recv_timeout(PATIENCE).expect("the backend's connection ends");
        assert_eq!(rest, b"", "and nothing is made up");
    }
}

#[test]
fn a_client_that_ends_its_side_is_still_answered() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    client.half_close();
    assert_eq!(client.response().text(), "/a");
    assert_eq!(client.response().text(), "/b");
    client.expect_end();
}

#[test]
fn a_client_that_leaves_while_a_connection_is_being_made_is_noticed() {
    // Its accept queue is full: the system drops every further SYN, so that a connect hangs.
    let silent = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    silent.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().expect("an address").into()).expect("a port");
    silent.listen(0).expect("it listens");
    let address = silent.local_addr().expect("an address");
    let fillers = [(); 4].map(|()| {
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        filler.set_nonblocking(true).expect("it does not wait");
        let _ = filler.connect(&address);
        filler
    });
    let address = address.as_socket().expect("an address").to_string();
    let proxy = Proxy::with(&[&address], |settings| settings.proxy.connect_timeout = 60.0);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is connecting", || proxy.server.stats().backends[0].in_flight == 1);
    client.reset();
    eventually("it is over", || proxy.server.stats().backends[0].in_flight == 0);
    let stats = proxy.server.stats();
    assert_eq!((stats.requests.client_closed, stats.backends[0].failures), (1, 0));
    drop(fillers);
}

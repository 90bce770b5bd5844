//! Rack applications in the process of the proxy: what comes out of their inboxes. The threads are the tests' own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use proxy_engine::configuration::{Directive, RunConfig};
use proxy_engine::Inbox;

use crate::support::{Peer, Proxy, PATIENCE};

/// A proxy whose requests come out of the inbox.
fn running(change: impl FnOnce(&mut RunConfig)) -> (Proxy, Arc<Inbox>) {
    let id = Inbox::new_id();
    let inbox = Inbox::open(id);
    let mut run = RunConfig { inbox: id, name: "App".into(), threads: 1, queue: 0, ..RunConfig::default() };
    change(&mut run);
    (Proxy::with(&["127.0.0.1:1"], |settings| settings.server.routes.push(Directive::Run(run))), inbox)
}

/// A request that a thread has, as text.
struct Call {
    socket: UnixStream,
    number: u64,
    text: String,
}

/// The next request up to the end of `end`.
fn take(inbox: &Inbox, end: &str) -> Call {
    inbox.wait(&AtomicBool::new(false));
    let taken = inbox.try_take().expect("a request");
    let mut socket = UnixStream::from(taken.socket);
    socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let mut byte = [0];
        socket.read_exact(&mut byte).expect("more of the request");
        text.push(byte[0]);
    }
    Call { socket, number: taken.number, text: String::from_utf8(text).expect("text") }
}

fn answer(inbox: &Inbox, mut call: Call) {
    call.socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").expect("an answer");
    inbox.done(call.number);
}

fn status(client: &mut Peer) -> u16 {
    client.response().status()
}

#[test]
fn a_request_begins_with_what_only_the_engine_can_say() {
    let (proxy, inbox) = running(|run| run.path_prefix = Some("/app".into()));
    let mut client = proxy.client();
    let port = client.stream().local_addr().expect("an address").port();
    let local = client.stream().peer_addr().expect("an address").port();
    client.send("GET /%61pp/x?y HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n");
    let call = take(&inbox, "\r\n\r\n");
    let expected = format!("http 127.0.0.1 {port} {local} HTTP/1.1 6 -\r\nGET /%61pp/x?y HTTP/1.1\r\nHost: a\r\n");
    assert!(call.text.starts_with(&expected), "{}", call.text);
    assert!(!call.text.contains("192.0.2.1") && !call.text.contains("Expect"), "{}", call.text);
    answer(&inbox, call);
    assert_eq!(status(&mut client), 200);
}

#[test]
fn a_slow_request_has_no_thread_before_it_is_complete() {
    let (proxy, inbox) = running(|_| ());
    let mut slow = proxy.client();
    slow.send("POST /slow HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(status(&mut slow), 100);
    slow.send("bo");
    let mut quick = proxy.client();
    quick.send("GET /quick HTTP/1.1\r\nHost: a\r\n\r\n");
    let call = take(&inbox, "\r\n\r\n");
    assert!(call.text.contains("GET /quick"), "{}", call.text);
    answer(&inbox, call);
    assert_eq!(status(&mut quick), 200);
    slow.send("dy");
    let call = take(&inbox, "body");
    answer(&inbox, call);
    assert_eq!(status(&mut slow), 200);
}

#[test]
fn a_thread_is_busy_until_it_says_otherwise() {
    let (proxy, inbox) = running(|_| ());
    let mut gone = proxy.client();
    gone.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut call = take(&inbox, "\r\n\r\n");
    gone.reset();
    // Its end shows that the engine has noticed.
    assert_eq!(call.socket.read(&mut [0]).expect("an end"), 0);
    let mut refused = proxy.client();
    refused.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let response = refused.response();
    assert_eq!((response.status(), response.get("Retry-After")), (503, Some("1")));
    inbox.leave(call.number);
    refused.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let next = take(&inbox, "\r\n\r\n");
    // The place was given back once, and is not given back again.
    inbox.done(call.number);
    assert_eq!(proxy.server.stats().backends[0].in_flight, 1);
    answer(&inbox, next);
    assert_eq!(status(&mut refused), 200);
}

#[test]
fn an_inbox_is_closed_when_a_reload_has_left_it_and_its_last_request_is_over() {
    let (proxy, inbox) = running(|_| ());
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let call = take(&inbox, "\r\n\r\n");
    proxy.reload(&["127.0.0.1:1"], |_| ());
    assert!(!inbox.is_over());
    answer(&inbox, call);
    assert_eq!(status(&mut client), 200);
    drop(client);
    inbox.wait(&AtomicBool::new(false));
    assert!(inbox.is_over() && inbox.try_take().is_none());
}

#[test]
fn a_closed_inbox_is_answered_502_and_an_unknown_one_too() {
    let (proxy, inbox) = running(|_| ());
    inbox.close();
    let unknown = running(|run| run.inbox = Inbox::new_id()).0;
    for proxy in [proxy, unknown] {
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(status(&mut client), 502);
    }
}

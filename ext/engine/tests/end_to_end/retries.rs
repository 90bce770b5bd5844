//! What is sent again, and what never is.

use std::sync::mpsc::channel;

use crate::support::{nobody, pattern, Gate, Origin, Proxy, Reply};

/// A backend that reads a request and goes away.
fn leaving() -> Origin {
    Origin::start(|_, peer| drop(peer.head()))
}

/// A backend that reads a request and goes away in the midst of its answer.
fn breaking_off(answer: &'static str) -> Origin {
    Origin::start(move |_, peer| {
        peer.head();
        peer.send(answer);
    })
}

#[test]
fn an_idempotent_request_goes_on_when_a_backend_leaves_without_an_answer() {
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        let (first, second) = (leaving(), Origin::answering(|_| Reply::ok("ok")));
        let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
        let mut client = proxy.client();
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().status(), 200, "{method}");
        assert_eq!((first.connections(), second.connections()), (1, 1));
    }
}

#[test]
fn the_body_of_an_idempotent_request_is_sent_again_whole() {
    const LENGTH: &str = "Content-Length: 200000\r\n\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n";
    for (framing, whole) in [(LENGTH, false), (LENGTH, true), (CHUNKED, false), (CHUNKED, true)] {
        let first = Origin::start(move |_, peer| {
            if whole {
                peer.request();
            } else {
                peer.head();
                peer.read(50_000);
            }
        });
        let second = Origin::answering(|_| Reply::ok("ok"));
        let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
        let mut client = proxy.client();
        let body = pattern(200_000);
        client.send(format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}"));
        if framing.starts_with("Transfer") {
            client.send(format!("{:x}\r\n", body.len()));
            client.send(&body);
            client.send("\r\n0\r\n\r\n");
        } else {
            client.send(&body);
        }
        assert_eq!(client.response().status(), 200, "{framing}");
        assert!(second.requests()[0].body == body, "the same body");
    }
}

#[test]
fn other_requests_are_never_sent_twice() {
    for method in ["POST", "PATCH", "PURGE"] {
        let (first, second) = (leaving(), Origin::echoing_targets());
        let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
        let mut client = proxy.client();
        client.send_body(method, "/", "hi");
        assert_eq!(client.response().status(), 502, "{method}");
        assert_eq!((first.connections(), second.connections()), (1, 0));
    }
}

#[test]
fn any_request_goes_on_when_no_connection_can_be_made() {
    for method in ["GET", "POST"] {
        let second = Origin::answering(|_| Reply::ok("ok"));
        let proxy = Proxy::with(&[&nobody(), &second.address()], |_| ());
        let mut client = proxy.client();
        client.send_body(method, "/", "hi");
        assert_eq!(client.response().status(), 200, "{method}");
        assert_eq!(second.requests()[0].text(), "hi");
    }
}

#[test]
fn retries_are_counted() {
    let (first, second) = (leaving(), Origin::echoing_targets());
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| settings.proxy.retries = Some(0));
    assert_eq!(proxy.client().get("/").status(), 502);
    assert_eq!((first.connections(), second.connections()), (1, 0));
}

#[test]
fn the_only_backend_is_asked_again() {
    let origin = Origin::start(|number, peer| {
        peer.request();
        if number == 1 {
            peer.send(Reply::ok("ok"));
        }
    });
    let proxy = Proxy::before(&origin);
    assert_eq!(proxy.client().get("/").text(), "ok");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn there_are_as_many_further_attempts_as_backends() {
    let (first, second) = (leaving(), leaving());
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    assert_eq!(proxy.client().get("/").status(), 502);
    assert_eq!(first.connections() + second.connections(), 3);
}

#[test]
fn a_body_that_is_not_kept_is_not_sent_again() {
    let first = Origin::start(|_, peer| {
        peer.head();
        peer.read(60_000);
    });
    let second = Origin::echoing_targets();
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| settings.proxy.retry_buffer = 10_000);
    let mut client = proxy.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n");
    client.send(pattern(60_000));
    assert_eq!(client.response().status(), 502);
    assert_eq!(second.connections(), 0);
}

#[test]
fn an_answer_that_has_begun_is_not_asked_for_again() {
    for beginning in ["HTTP/1.1 2", "garbage\r\n\r\n"] {
        let (first, second) = (breaking_off(beginning), Origin::echoing_targets());
        let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
        assert_eq!(proxy.client().get("/").status(), 502, "{beginning:?}");
        assert_eq!(second.connections(), 0, "{beginning:?}");
    }
}

#[test]
fn a_response_that_is_passed_on_already_is_not_asked_for_again() {
    let first = breaking_off("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    let second = Origin::echoing_targets();
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.rest().0, b"hello");
    assert_eq!(second.connections(), 0);
}

/// Answers once on its first connection and leaves when it is asked again there.
fn leaving_when_asked_again() -> Origin {
    Origin::start(|number, peer| {
        peer.request();
        peer.send(Reply::ok("ok"));
        if number == 0 {
            peer.head();
        } else {
            assert!(peer.try_request().is_none());
        }
    })
}

#[test]
fn an_idle_connection_that_turns_out_to_be_dead_costs_no_attempt() {
    let origin = leaving_when_asked_again();
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.retries = Some(0));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "ok");
    assert_eq!(client.get("/").text(), "ok");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_post_over_an_idle_connection_that_dies_is_not_sent_again() {
    let origin = leaving_when_asked_again();
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "ok");
    client.send_body("POST", "/", "hi");
    assert_eq!(client.response().status(), 502);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn an_idle_connection_that_the_backend_closed_is_not_tried() {
    let (go, gate) = Gate::new();
    let (sender, closed) = channel();
    let origin = Origin::start(move |number, peer| {
        peer.request();
        peer.send(Reply::ok("ok"));
        if number == 0 {
            gate.wait_until("the client has its answer");
            peer.half_close();
            sender.send(()).expect("a listener");
            assert_eq!(peer.rest().0, b"", "nothing is sent over it");
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.retries = Some(0));
    let mut client = proxy.client();
    assert_eq!(client.get("/").text(), "ok");
    go.open();
    closed.recv().expect("it is closed");
    client.send_body("POST", "/", "hi");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn nobody_at_all_is_a_502() {
    let proxy = Proxy::with(&[&nobody(), &nobody()], |_| ());
    let mut client = proxy.client();
    assert_eq!(client.get("/").status(), 502);
    assert_eq!(client.get("/").status(), 502, "the client's connection lives on");
}

#[test]
fn a_safe_request_goes_on_when_a_backend_leaves_between_head_and_body() {
    let (first, second) =
        (breaking_off("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), Origin::answering(|_| Reply::ok("ok")));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    let mut client = proxy.client();
    client.send_get("/");
    let response = client.response();
    assert_eq!((response.status(), &response.body[..]), (200, &b"ok"[..]));
    assert_eq!((first.connections(), second.connections()), (1, 1));
}

#[test]
fn one_that_changes_something_does_not() {
    let (first, second) =
        (breaking_off("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), Origin::answering(|_| Reply::ok("ok")));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |_| ());
    let mut client = proxy.client();
    client.send_body("PUT", "/", "");
    assert_eq!(client.response().status(), 502);
    assert_eq!((first.connections(), second.connections()), (1, 0));
}

#[test]
fn a_head_whose_body_takes_its_time_is_passed_on() {
    let (release, gate) = Gate::new();
    let slow = Origin::start(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
        gate.wait_until("the client has the head");
        peer.send("ok");
    });
    let proxy = Proxy::with(&[&slow.address(), &nobody()], |_| ());
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    release.open();
    assert_eq!(client.read(2), b"ok");
}

/// Answers once on each connection, and says `more` when it is asked again on the first one.
fn answering_then(more: &'static str) -> Origin {
    Origin::start(move |number, peer| {
        peer.request();
        peer.send(Reply::ok("ok"));
        if number == 0 && peer.try_request().is_some() {
            peer.send(more);
        } else {
            peer.try_request();
        }
    })
}

const FAREWELL: &str = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_get_over_an_idle_connection_goes_on_when_no_answer_to_it_comes() {
    for more in ["rest of the body", FAREWELL] {
        let origin = answering_then(more);
        let proxy = Proxy::with(&[&origin.address()], |settings| settings.proxy.retries = Some(0));
        let mut client = proxy.client();
        assert_eq!(client.get("/").text(), "ok");
        assert_eq!(client.get("/").text(), "ok", "{more:?}");
        assert_eq!(origin.connections(), 2);
    }
}

#[test]
fn other_requests_get_what_came() {
    for (more, status) in [("rest of the body", 502), (FAREWELL, 408)] {
        let origin = answering_then(more);
        let proxy = Proxy::before(&origin);
        let mut client = proxy.client();
        assert_eq!(client.get("/").text(), "ok");
        client.send_body("POST", "/", "hi");
        assert_eq!(client.response().status(), status);
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn a_408_on_a_new_connection_is_an_answer_like_any_other() {
    let origin = Origin::answering(|_| FAREWELL);
    let proxy = Proxy::before(&origin);
    assert_eq!(proxy.client().get("/").status(), 408);
    assert_eq!(origin.connections(), 1);
}

/// What a client of a unix socket sees when its peer closes after reading so many bytes of the request, or `None`: the
/// listener closes before it has accepted the connection.
fn end_seen_after(read: Option<usize>) -> std::io::Result<usize> {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    let mut client = UnixStream::connect(&path).expect("connected");
    client.write_all(b"POST / HTTP/1.1").expect("sent");
    if let Some(length) = read {
        let (mut peer, _) = listener.accept().expect("a connection");
        peer.read_exact(&mut vec![0; length]).expect("a part");
    }
    drop(listener);
    client.read(&mut [0])
}

/// Why a reset is no proof that a backend has not begun with a request: it only shows that the backend has not read all
/// of it.
#[test]
fn a_reset_does_not_tell_how_much_a_unix_peer_has_read() {
    let reset = |read| end_seen_after(read).map_err(|error| error.kind());
    assert_eq!(reset(None), Err(std::io::ErrorKind::ConnectionReset), "never accepted");
    assert_eq!(reset(Some(0)), Err(std::io::ErrorKind::ConnectionReset), "nothing read");
    assert_eq!(reset(Some(5)), Err(std::io::ErrorKind::ConnectionReset), "some of it read");
    assert_eq!(reset(Some(15)), Ok(0), "all of it read");
}

#[test]
fn a_post_is_not_sent_again_when_a_backend_resets_the_connection_after_reading_some_of_it() {
    let (first, second) = (Origin::start(|_, peer| drop(peer.read(5))), Origin::answering(|_| Reply::ok("ok")));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| {
        settings.pool.hold = true;
        settings.pool.queue = 10;
    });
    let mut client = proxy.client();
    client.send_body("POST", "/", "once");
    assert_eq!(client.response().status(), 502);
    assert_eq!((first.connections(), second.connections()), (1, 0));
}

//! A client that goes away is nobody's burden.

use std::sync::mpsc::{channel, Receiver};

use crate::support::{eventually, Gate, Origin, Proxy, Reply, Silent, PATIENCE};

#[test]
fn a_client_that_resets_a_download_frees_the_backends_connection() {
    let (sender, freed) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(65_536));
        while peer.try_send(&chunk).is_ok() {}
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    client.read(100_000);
    client.reset();
    freed.recv_timeout(PATIENCE).expect("the backend's connection ends");
}

#[test]
fn a_client_that_resets_a_silent_stream_frees_the_backends_connection() {
    let (sender, freed) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
        peer.rest();
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    client.head();
    assert_eq!(client.chunk().expect("a chunk"), b"hi");
    client.reset();
    freed.recv_timeout(PATIENCE).expect("the backend's connection ends");
}

#[test]
fn a_client_that_leaves_before_the_answer_frees_the_backends_connection() {
    let (asked, wait) = channel();
    let (sender, freed) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        asked.send(()).expect("a listener");
        peer.rest();
        sender.send(()).expect("a listener");
    });
    let proxy = Proxy::before(&origin);
    let mut client = proxy.client();
    client.send_get("/");
    wait.recv_timeout(PATIENCE).expect("the backend is asked");
    client.reset();
    freed.recv_timeout(PATIENCE).expect("the backend's connection ends");
    assert_eq!(origin.connections(), 1, "nobody else is asked");
}

#[test]
fn a_client_that_leaves_during_an_upload_frees_the_backends_connection() {
    for reset in [true, false] {
        let (sender, seen) = channel();
        let origin = Origin::start(move |_, peer| {
            peer.head();
            assert_eq!(peer.read(5), b"hello");
            sender.send(Vec::new()).expect("a listener");
            let rest = peer.rest().0;
            sender.send(rest).expect("a listener");
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
    let silent = Silent::new();
    let proxy = Proxy::with(&[silent.address()], |settings| settings.proxy.connect_timeout = 60.0);
    let mut client = proxy.client();
    client.send_get("/");
    eventually("it is connecting", || proxy.server.stats().backends[0].in_flight == 1);
    client.reset();
    eventually("it is over", || proxy.server.stats().backends[0].in_flight == 0);
    let stats = proxy.server.stats();
    assert_eq!((stats.requests.client_closed, stats.backends[0].failures), (1, 0));
}

/// A backend that tells when it was asked, and when its connection ended.
fn patient(answer: &'static str) -> (Origin, Receiver<&'static str>) {
    let (sender, events) = channel();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        let tell = |event| sender.send(event).expect("a listener");
        tell("asked");
        peer.send(answer);
        peer.rest();
        tell("ended");
    });
    (origin, events)
}

fn next(events: &Receiver<&'static str>) -> &'static str {
    events.recv_timeout(PATIENCE).expect("an event")
}

#[test]
fn a_client_that_closes_while_the_backend_works_is_given_up() {
    let (origin, events) = patient("");
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.half_close_timeout.value = Some(0.1));
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(next(&events), "asked");
    drop(client);
    assert_eq!(next(&events), "ended");
    eventually("it is counted", || proxy.server.stats().requests.client_closed == 1);
    assert_eq!(proxy.server.stats().backends[0].failures, 0);
}

#[test]
fn a_client_that_has_ended_its_side_is_served_on_where_that_is_wanted() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        gate.wait_until("time has passed");
        peer.send(Reply::ok("ok"));
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.half_close_timeout.value = None);
    let mut client = proxy.client();
    client.send_get("/");
    client.half_close();
    // Time has to pass: nothing is to happen in it, which is the claim.
    std::thread::sleep(std::time::Duration::from_millis(400));
    go.open();
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn an_answer_that_has_begun_reaches_a_client_that_has_ended_its_side() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.head();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
        gate.wait_until("time has passed");
        peer.send("k");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.half_close_timeout.value = Some(0.1));
    let mut client = proxy.client();
    client.send_get("/");
    assert_eq!(client.head().status(), 200);
    client.half_close();
    // Time has to pass: nothing is to happen in it, which is the claim.
    std::thread::sleep(std::time::Duration::from_millis(400));
    go.open();
    assert_eq!(client.rest().0, b"ok");
}

#[test]
fn a_client_that_closes_a_silent_stream_of_events_is_given_up() {
    let (origin, events) = patient(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\
         hi\r\n",
    );
    let proxy = Proxy::with(&[&origin.address()], |settings| settings.server.half_close_timeout.value = Some(0.1));
    let mut client = proxy.client();
    client.send_get("/");
    client.head();
    assert_eq!(client.chunk().expect("a chunk"), b"hi");
    assert_eq!(next(&events), "asked");
    drop(client);
    assert_eq!(next(&events), "ended");
}

#[test]
fn requests_of_clients_that_closed_while_they_waited_in_line_reach_no_backend() {
    let (asked, targets) = channel();
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            asked.send(request.target().to_owned()).expect("a listener");
            if request.target() == "/slow" {
                gate.wait_until("the others have gone");
            }
            let _ = peer.try_send(Reply::ok("ok"));
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.max_connections = Some(1);
        settings.pool.queue = 10;
        settings.pool.queue_timeout = 30.0;
    });
    let get = |target: &str| {
        let mut client = proxy.client();
        client.send_get(target);
        client
    };
    let mut slow = get("/slow");
    assert_eq!(targets.recv_timeout(PATIENCE).expect("a request"), "/slow");
    let gone: Vec<_> = (0..5).map(|_| get("/gone")).collect();
    eventually("they wait", || proxy.server.stats().requests.queued == 5);
    drop(gone);
    eventually("they have gone", || proxy.server.stats().requests.client_closed == 5);
    go.open();
    assert_eq!(slow.response().text(), "ok");
    assert_eq!(get("/last").response().text(), "ok");
    assert_eq!(targets.try_iter().collect::<Vec<_>>(), ["/last"]);
}

#[test]
fn a_client_that_goes_while_its_upload_is_stuck_frees_the_backends_connection() {
    for reset in [true, false] {
        let (asked, begun) = channel();
        let (go, gate) = Gate::new();
        let origin = Origin::start(move |_, peer| {
            peer.head();
            asked.send(()).expect("a listener");
            // Nothing is read meanwhile.
            let _ = gate.opens();
        });
        let proxy = Proxy::with(&[&origin.address()], |settings| {
            settings.proxy.timeout = 60.0;
            settings.proxy.write_timeout = 60.0;
            settings.server.half_close_timeout.value = Some(0.1);
        });
        let mut client = proxy.client();
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
        begun.recv_timeout(PATIENCE).expect("the backend is asked");
        client.stream().set_write_timeout(Some(std::time::Duration::from_millis(300))).expect("a time limit");
        // Until nobody takes any more; without a reset the end is to get through, which takes room.
        let piece = if reset { vec![0; 1 << 20] } else { vec![0; 4096] };
        let most = if reset { usize::MAX } else { 1 };
        let _ = (0..most).take_while(|_| client.try_send(&piece).is_ok()).count();
        if reset {
            client.reset();
        } else {
            drop(client);
        }
        eventually("the backend is let go", || proxy.server.stats().backends[0].in_flight == 0);
        assert_eq!(proxy.server.stats().requests.client_closed, 1);
        drop(go);
    }
}

//! Requests for one object at once: one of them asks, and the others read along.

use std::sync::Arc;

use super::{start, status, usual, FRESH};
use crate::support::{eventually, pattern, End, Gate, Origin, Peer, Reply};
use proxy_engine::configuration::CacheConfig;

/// A client that has read the head and the first bytes of its response.
fn begun(mut client: Peer, bytes: usize) -> (Peer, String) {
    let head = client.head();
    let first = String::from_utf8(client.read(bytes)).expect("text");
    assert!(status(&head).contains("uri-miss"), "{head:?}");
    (client, first)
}

#[test]
fn a_thousand_clients_read_along_with_one_request() {
    const CLIENTS: usize = 1000;
    let (key, gate) = Gate::new();
    let (first, second) = (Arc::new(gate), Gate::new());
    let (end, rest) = second;
    let whole = pattern(20_000);
    let (begin, sent) = (whole.clone(), whole.clone());
    let origin = Origin::start(move |_, peer| {
        peer.request();
        first.wait_until("all clients ask");
        peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: {}\r\n\r\n", begin.len()));
        peer.send(&begin[..4]);
        rest.wait_until("all clients have the first bytes");
        peer.send(&begin[4..]);
    });
    let proxy = usual(&origin);
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send_get("/"));
    eventually("all ask", || proxy.server.stats().requests.in_flight == CLIENTS as u64);
    key.open();
    for client in &mut clients {
        assert!(status(&client.head()).contains("uri-miss"));
        assert_eq!(client.read(4), sent[..4]);
    }
    end.open();
    for client in &mut clients {
        assert!(client.read(sent.len() - 4) == sent[4..], "the whole right body");
    }
    assert_eq!(origin.connections(), 1);
    assert!(status(&proxy.client().get("/")).contains("hit"));
}

#[test]
fn clients_that_want_different_forms_ask_once_for_each() {
    let (key, gate) = Gate::new();
    let origin = Origin::answering(move |request| {
        gate.wait_until("all clients ask");
        let coding = request.get("Accept-Encoding").unwrap_or("none").to_owned();
        Reply::ok(coding).with(FRESH).with("Vary: Accept-Encoding")
    });
    let proxy = usual(&origin);
    let mut clients: Vec<_> = (0..60).map(|number| (["gzip", "br", "zstd"][number % 3], proxy.client())).collect();
    for (coding, client) in &mut clients {
        client.send(format!("GET / HTTP/1.1\r\nHost: site.example\r\nAccept-Encoding: {coding}\r\n\r\n"));
    }
    eventually("all ask", || proxy.server.stats().requests.in_flight == 60);
    (0..3).for_each(|_| key.open());
    for (coding, client) in &mut clients {
        assert_eq!(client.response().text(), *coding);
    }
    assert_eq!(origin.requests().len(), 3);
}

#[test]
fn whoever_asks_after_a_change_does_not_get_what_was_asked_for_before() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |number, peer| {
        let mut request = peer.try_request();
        if number == 0 {
            gate.wait_until("the change is made and seen");
            peer.send(Reply::ok("old").with(FRESH));
            request = peer.try_request();
        }
        while let Some(asked) = request {
            let changes = asked.start.starts_with("POST");
            peer.send(if changes { Reply::of("201 Created", "") } else { Reply::ok("new").with(FRESH) });
            request = peer.try_request();
        }
    });
    let proxy = usual(&origin);
    let mut early = proxy.client();
    early.send_get("/");
    eventually("it is at the backend", || proxy.server.stats().backends[0].in_flight == 1);
    let mut late = proxy.client();
    late.send_body("POST", "/", "a change");
    assert_eq!(late.response().status(), 201);
    assert_eq!(late.get("/").text(), "new");
    key.open();
    assert_eq!(early.response().text(), "old");
    let stored = late.get("/");
    assert_eq!((stored.text().as_str(), status(&stored).contains("hit")), ("new", true));
}

#[test]
fn an_answer_that_is_not_for_others_lets_them_all_go() {
    let (key, gate) = Gate::new();
    let origin = Origin::answering(move |request| {
        if request.target() == "/" {
            gate.opens();
        }
        Reply::ok("mine").with("Cache-Control: private")
    });
    let proxy = usual(&origin);
    let mut clients: Vec<_> = (0..10).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send_get("/"));
    eventually("all ask", || proxy.server.stats().requests.in_flight == 10);
    eventually("one asks the backend", || origin.connections() == 1);
    (0..10).for_each(|_| key.open());
    for client in &mut clients {
        assert_eq!(client.response().text(), "mine");
    }
    assert_eq!(origin.requests().len(), 10);
    // Now that it is known, nobody waits for another one.
    clients.iter_mut().take(2).for_each(|client| client.send_get("/"));
    eventually("both are at the backend", || proxy.server.stats().backends[0].in_flight == 2);
    (0..2).for_each(|_| key.open());
    clients.iter_mut().take(2).for_each(|client| drop(client.response()));
}

#[test]
fn when_the_first_client_leaves_the_response_still_comes() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        peer.request();
        peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 8\r\n\r\nhalf"));
        gate.wait_until("the first client is gone");
        peer.send("rest");
    });
    let proxy = usual(&origin);
    let mut first = proxy.client();
    first.send_get("/");
    let (first, _) = begun(first, 4);
    let mut second = proxy.client();
    second.send_get("/");
    let (mut second, _) = begun(second, 4);
    first.reset();
    eventually("it is gone", || proxy.server.stats().connections.active == 1);
    key.open();
    assert_eq!(second.read(4), b"rest");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_client_that_leaves_before_the_answer_hands_the_task_on() {
    let origin = Origin::start(move |number, peer| {
        peer.request();
        match number {
            // Until the proxy gives it up.
            0 => drop(peer.rest()),
            _ => peer.send(Reply::ok("second").with(FRESH)),
        }
    });
    let proxy = usual(&origin);
    let mut first = proxy.client();
    first.send_get("/");
    eventually("it is at the backend", || proxy.server.stats().backends[0].in_flight == 1);
    let mut second = proxy.client();
    second.send_get("/");
    eventually("it waits", || proxy.server.stats().requests.in_flight == 2);
    first.reset();
    assert_eq!(second.response().text(), "second");
    assert_eq!(origin.connections(), 2);
}

#[test]
fn a_body_that_is_too_long_reaches_all_who_read_it_and_is_not_stored() {
    const PIECE: usize = 64 * 1024;
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nTransfer-Encoding: chunked\r\n\r\n"));
            for number in 0..40_u8 {
                if number == 1 {
                    gate.wait_until("all read");
                }
                peer.send(format!("{PIECE:x}\r\n"));
                peer.send(vec![b'a' + number % 26; PIECE]);
                peer.send("\r\n");
            }
            peer.send("0\r\n\r\n");
        }
    });
    let memory = CacheConfig {
        max_object: Some(1 << 20),
        memory: Some(4 << 20),
        zone: Some("z".into()),
        ..CacheConfig::default()
    };
    let proxy = crate::support::Proxy::start(crate::support::Proxy::config(&[&origin.address()], |settings| {
        super::cached(settings, memory);
        super::cached(settings, CacheConfig { zone: Some("z".into()), ..CacheConfig::default() });
    }));
    let mut clients: Vec<_> = (0..3).map(|_| proxy.client()).collect();
    clients.iter_mut().for_each(|client| client.send_get("/"));
    for client in &mut clients {
        client.head();
        // Once its body has begun it is among those who are waited for.
        client.await_bytes(1);
    }
    key.open();
    let threads: Vec<_> = clients.into_iter().map(|mut client| std::thread::spawn(move || client.chunks().0)).collect();
    let wanted: Vec<u8> = (0..40_u8).flat_map(|number| vec![b'a' + number % 26; PIECE]).collect();
    for thread in threads {
        let body = thread.join().expect("a body");
        assert!(body == wanted, "{} bytes of {}", body.len(), wanted.len());
    }
    assert_eq!(origin.connections(), 1);
    key.open();
    assert!(status(&proxy.client().get("/")).contains("uri-miss"), "it is not stored");
}

#[test]
fn a_body_that_is_cut_short_is_cut_for_all_and_not_stored() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |number, peer| {
        peer.request();
        if number > 0 {
            return peer.send(Reply::ok("whole").with(FRESH));
        }
        peer.send(format!("HTTP/1.1 200 OK\r\n{FRESH}\r\nContent-Length: 8\r\n\r\nhalf"));
        gate.wait_until("both read");
    });
    let proxy = usual(&origin);
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let mut client = proxy.client();
            client.send_get("/");
            begun(client, 4).0
        })
        .collect();
    key.open();
    for mut client in clients {
        let (rest, end) = client.rest();
        assert_eq!(rest, b"");
        assert!(matches!(end, End::Closed | End::Reset));
    }
    assert_eq!(proxy.client().get("/").text(), "whole");
}

#[test]
fn nobody_waits_longer_than_the_configuration_says() {
    let (key, gate) = Gate::new();
    let origin = Origin::start(move |number, peer| {
        peer.request();
        if number == 0 {
            gate.wait_until("the second client has its answer");
        }
        peer.send(Reply::ok(number.to_string()).with(FRESH));
    });
    let proxy = start(&origin, CacheConfig { lock_timeout: 0.05, ..CacheConfig::default() });
    let mut first = proxy.client();
    first.send_get("/");
    eventually("it is at the backend", || proxy.server.stats().backends[0].in_flight == 1);
    assert_eq!(proxy.client().get("/").text(), "1");
    key.open();
    assert_eq!(first.response().text(), "0");
}

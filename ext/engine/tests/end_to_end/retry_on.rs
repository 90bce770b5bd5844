//! Answers and silences that are a reason for another attempt, and the budget for it.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use crate::support::{eventually, Origin, Proxy, Reply, Settings, PATIENCE};

/// A backend that answers everything with that status, and a body that says so.
fn answering(status: u16) -> Origin {
    Origin::answering(move |_| format!("HTTP/1.1 {status} So\r\nContent-Length: 3\r\nX-Is: {status}\r\n\r\n{status}"))
}

fn retry_on(reasons: &[&str]) -> impl FnOnce(&mut Settings) {
    let reasons = reasons.iter().map(ToString::to_string).collect();
    move |settings| settings.proxy.retry_on = reasons
}

#[test]
fn a_status_that_was_named_is_a_reason_to_ask_the_next_backend() {
    for status in [502, 503, 504] {
        let (first, second) = (answering(status), answering(200));
        let proxy = Proxy::with(&[&first.address(), &second.address()], retry_on(&[&status.to_string()]));
        let response = proxy.client().get("/");
        assert_eq!((response.status(), response.get("X-Is"), response.text()), (200, Some("200"), "200".into()));
        assert_eq!((first.connections(), second.connections()), (1, 1));
        assert_eq!(proxy.server.stats().backends[0].failures, 1);
    }
}

#[test]
fn other_statuses_are_passed_on() {
    let (first, second) = (answering(503), answering(200));
    let proxy = Proxy::with(&[&first.address(), &second.address()], retry_on(&["502", "504"]));
    assert_eq!(proxy.client().get("/").text(), "503");
    assert_eq!((second.connections(), proxy.server.stats().backends[0].failures), (0, 0));
}

#[test]
fn the_last_ones_answer_is_passed_on() {
    let (first, second) = (answering(502), answering(503));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| {
        settings.proxy.retry_on = vec!["502".into(), "503".into()];
        settings.proxy.retries = Some(1);
    });
    let response = proxy.client().get("/");
    assert_eq!((response.status(), response.text()), (503, "503".into()));
    assert_eq!((first.connections(), second.connections()), (1, 1));
}

#[test]
fn a_post_is_not_sent_again_for_its_answer() {
    let (first, second) = (answering(503), answering(200));
    let proxy = Proxy::with(&[&first.address(), &second.address()], retry_on(&["503"]));
    let mut client = proxy.client();
    client.send_body("POST", "/", "hi");
    assert_eq!(client.response().text(), "503");
    assert_eq!(second.connections(), 0);
}

#[test]
fn the_body_of_a_put_is_sent_again_after_a_503() {
    let (first, second) = (answering(503), answering(200));
    let proxy = Proxy::with(&[&first.address(), &second.address()], retry_on(&["503"]));
    let mut client = proxy.client();
    client.send_body("PUT", "/", "hello");
    assert_eq!(client.response().text(), "200");
    assert_eq!((first.requests()[0].text(), second.requests()[0].text()), ("hello".into(), "hello".into()));
}

#[test]
fn a_silent_backend_costs_its_part_of_the_time_and_the_next_one_is_asked() {
    let (first, second) = (Origin::silent(), Origin::answering(|_| Reply::ok("ok")));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| {
        settings.proxy.retry_on = vec!["timeout".into()];
        settings.proxy.timeout = 1.0;
        settings.proxy.retries = Some(1);
    });
    let begun = Instant::now();
    assert_eq!(proxy.client().get("/").status(), 200);
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(500) && taken < Duration::from_secs(1), "{taken:?}");
}

#[test]
fn all_attempts_together_take_no_longer_than_timeout() {
    let (first, second) = (Origin::silent(), Origin::silent());
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| {
        settings.proxy.retry_on = vec!["timeout".into()];
        settings.proxy.timeout = 0.6;
    });
    let begun = Instant::now();
    assert_eq!(proxy.client().get("/").status(), 504);
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(550) && taken < Duration::from_secs(3), "{taken:?}");
    assert_eq!((first.connections(), second.connections()), (2, 1), "three attempts in turn");
}

#[test]
fn without_the_word_a_silent_backend_may_take_all_of_the_time() {
    let (first, second) = (Origin::silent(), Origin::answering(|_| Reply::ok("ok")));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| settings.proxy.timeout = 0.3);
    assert_eq!(proxy.client().get("/").status(), 504);
    assert_eq!(second.connections(), 0);
}

#[test]
fn a_slow_upload_has_its_time_for_every_attempt() {
    let (first, second) = (Origin::silent(), Origin::answering(|_| Reply::ok("ok")));
    let proxy = Proxy::with(&[&first.address(), &second.address()], |settings| {
        settings.proxy.retry_on = vec!["timeout".into()];
        settings.proxy.timeout = 0.6;
        settings.proxy.retries = Some(1);
    });
    let mut client = proxy.client();
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n");
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(100));
        client.send("x");
    }
    assert_eq!(client.response().status(), 200);
    assert_eq!(second.requests()[0].text(), "xxxxxxxx");
}

#[test]
fn retries_at_backends_that_fail_keep_to_the_budget() {
    const REQUESTS: usize = 20;
    let (asked, heard) = channel();
    let (count, gates) = (AtomicUsize::new(0), Arc::new([RwLock::new(()), RwLock::new(())]));
    let closed = gates.each_ref().map(|gate| gate.write().expect("the gate"));
    let of_origin = gates.clone();
    // Holds the requests until all of them are there, so that all are in flight at once, and then the retries.
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            let retry = usize::from(count.fetch_add(1, SeqCst) >= REQUESTS);
            let _ = asked.send(());
            drop(of_origin[retry].read().expect("the gate"));
            if peer.try_send(Reply::of("503 No", "")).is_err() {
                return;
            }
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.proxy.retry_on = vec!["503".into()];
        settings.proxy.retry_budget = 0.0;
    });
    let mut clients: Vec<_> = (0..REQUESTS).map(|_| proxy.client()).collect();
    for client in &mut clients {
        client.send_get("/");
        heard.recv_timeout(PATIENCE).expect("it is asked");
    }
    let [requests, retries] = closed;
    drop(requests);
    eventually("all but three are answered", || proxy.server.stats().requests.status_5xx == 17);
    assert_eq!(proxy.server.stats().backends[0].requests, 23);
    drop(retries);
    for client in &mut clients {
        assert_eq!(client.response().status(), 503);
    }
}

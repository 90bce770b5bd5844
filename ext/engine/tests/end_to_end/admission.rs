//! Busy backends, and the line before them.

use std::sync::mpsc::{channel, Receiver};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::support::{eventually, Gate, Key, Origin, Peer, Proxy, Reply, Settings, PATIENCE};

/// A backend that says which request it got, and answers the target when it is told.
struct Slow {
    asked: Receiver<String>,
    answer: Key,
    // Dropped last: it waits for its connections, and they may wait to be told.
    origin: Origin,
}

fn slow() -> Slow {
    let (tell, asked) = channel();
    let (answer, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            let target = request.target().to_owned();
            let _ = tell.send(target.clone());
            if !gate.opens() || peer.try_send(Reply::ok(target)).is_err() {
                return;
            }
        }
    });
    Slow { asked, answer, origin }
}

impl Slow {
    fn next(&self) -> String {
        self.asked.recv_timeout(PATIENCE).expect("a request")
    }

    fn answer(&self) {
        self.answer.open();
    }
}

fn one_at_once(queue: i64) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.pool.max_connections = Some(1);
        settings.pool.queue = queue;
    }
}

fn send(proxy: &Proxy, target: &str) -> Peer {
    let mut client = proxy.client();
    client.send_get(target);
    client
}

fn queued(proxy: &Proxy) -> u64 {
    proxy.server.stats().requests.queued
}

#[test]
fn a_busy_backend_without_a_queue_is_a_503_at_once() {
    let slow = slow();
    let proxy = Proxy::with(&[&slow.origin.address()], one_at_once(0));
    let mut first = send(&proxy, "/1");
    slow.next();
    assert_eq!(send(&proxy, "/2").response().status(), 503);
    slow.answer();
    assert_eq!(first.response().text(), "/1");
    let mut third = send(&proxy, "/3");
    slow.answer();
    assert_eq!(third.response().text(), "/3", "there is room again");
}

#[test]
fn requests_wait_in_line_and_are_served_in_the_order_they_came() {
    let slow = slow();
    // Over several engine threads, which wake each other.
    let proxy = Proxy::with(&[&slow.origin.address()], |settings| {
        one_at_once(10)(settings);
        settings.server.threads = Some(proxy_engine::config::Setting::of(3));
    });
    let mut clients = Vec::new();
    for n in 0..6 {
        clients.push(send(&proxy, &format!("/{n}")));
        // The first one waits for nothing, but must be there before the second.
        eventually("it is there", || queued(&proxy) == n && proxy.server.stats().backends[0].in_flight == 1);
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(slow.next(), format!("/{n}"));
        slow.answer();
        assert_eq!(client.response().text(), format!("/{n}"));
    }
    assert_eq!(queued(&proxy), 0);
}

#[test]
fn a_full_line_is_a_503_at_once() {
    let slow = slow();
    let proxy = Proxy::with(&[&slow.origin.address()], one_at_once(1));
    let mut first = send(&proxy, "/1");
    slow.next();
    let mut second = send(&proxy, "/2");
    eventually("it waits", || queued(&proxy) == 1);
    assert_eq!(send(&proxy, "/3").response().status(), 503);
    for client in [&mut first, &mut second] {
        slow.answer();
        assert_eq!(client.response().status(), 200);
    }
}

#[test]
fn a_request_waits_no_longer_than_queue_timeout() {
    let slow = slow();
    let proxy = Proxy::with(&[&slow.origin.address()], |settings| {
        one_at_once(5)(settings);
        settings.pool.queue_timeout = 0.2;
    });
    let mut first = send(&proxy, "/1");
    slow.next();
    let begun = Instant::now();
    let mut second = send(&proxy, "/2");
    assert_eq!(second.response().status(), 503);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(200) && waited < Duration::from_secs(4), "{waited:?}");
    slow.answer();
    assert_eq!(first.response().text(), "/1");
    assert!(slow.asked.try_recv().is_err(), "the backend never heard of it");
    slow.answer();
    assert_eq!(second.get("/3").text(), "/3", "and its connection lives on");
}

#[test]
fn a_client_that_goes_away_leaves_the_line() {
    let slow = slow();
    let proxy = Proxy::with(&[&slow.origin.address()], one_at_once(5));
    let mut first = send(&proxy, "/1");
    slow.next();
    let second = send(&proxy, "/2");
    eventually("it waits", || queued(&proxy) == 1);
    let mut third = send(&proxy, "/3");
    eventually("it waits", || queued(&proxy) == 2);
    second.reset();
    eventually("it is gone", || queued(&proxy) == 1);
    slow.answer();
    assert_eq!(first.response().text(), "/1");
    assert_eq!(slow.next(), "/3");
    slow.answer();
    assert_eq!(third.response().text(), "/3");
    assert_eq!(proxy.server.stats().requests.client_closed, 1);
}

#[test]
fn max_connections_hold_for_each_backend_over_all_threads() {
    let busiest = Arc::new(Mutex::new((0, 0)));
    let count = busiest.clone();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            {
                let mut busy = count.lock().expect("the count");
                busy.0 += 1;
                busy.1 = busy.1.max(busy.0);
            }
            std::thread::sleep(Duration::from_millis(2));
            // Before the answer: the next request may be here as soon as it has left.
            count.lock().expect("the count").0 -= 1;
            if peer.try_send(Reply::ok("ok")).is_err() {
                return;
            }
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.max_connections = Some(3);
        settings.pool.queue = 100;
        settings.server.threads = Some(proxy_engine::config::Setting::of(3));
    });
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let mut client = proxy.client();
                for _ in 0..20 {
                    assert_eq!(client.get("/").text(), "ok");
                }
            });
        }
    });
    assert_eq!(busiest.lock().expect("the count").1, 3);
}

#[test]
fn a_backend_that_comes_back_serves_those_who_wait() {
    use proxy_engine::Admin;
    let (busy, idle) = (slow(), Origin::echoing_targets());
    let proxy = Proxy::with(&[&busy.origin.address(), &idle.address()], one_at_once(5));
    let stats = proxy.server.stats().backends;
    let name = format!("{}/{}", stats[1].upstream, stats[1].address);
    proxy.server.set_state(&name, Admin::Down).expect("it is known");
    let mut first = send(&proxy, "/1");
    busy.next();
    let mut second = send(&proxy, "/2");
    eventually("it waits", || queued(&proxy) == 1);
    proxy.server.set_state(&name, Admin::Ready).expect("it is known");
    assert_eq!(second.response().text(), "/2");
    busy.answer();
    assert_eq!(first.response().text(), "/1");
}

#[test]
fn who_waits_probes_an_ejected_backend_as_soon_as_its_time_is_over() {
    let busy = slow();
    let recovered = Origin::start(|number, peer| {
        while peer.try_request().is_some() {
            if number == 0 || peer.try_send(Reply::ok("ok")).is_err() {
                return;
            }
        }
    });
    let proxy = Proxy::with(&[&recovered.address(), &busy.origin.address()], |settings| {
        one_at_once(5)(settings);
        settings.pool.max_fails = 1;
        settings.pool.fail_timeout = 0.5;
    });
    // The first backend fails it and is ejected, and so it takes the only place of the second.
    let mut first = send(&proxy, "/1");
    busy.next();
    let begun = Instant::now();
    let mut clients = [send(&proxy, "/2"), send(&proxy, "/3")];
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    busy.answer();
    assert_eq!(first.response().text(), "/1");
}

#[test]
fn who_waits_for_backends_that_all_go_down_is_answered_503() {
    use proxy_engine::Admin;
    let slow = slow();
    let proxy = Proxy::with(&[&slow.origin.address()], one_at_once(5));
    let upstream = proxy.server.stats().backends[0].upstream.clone();
    let mut first = send(&proxy, "/1");
    slow.next();
    let mut waiting = [send(&proxy, "/2"), send(&proxy, "/3")];
    eventually("they wait", || queued(&proxy) == 2);
    proxy.server.set_state(&upstream, Admin::Down).expect("it is known");
    for client in &mut waiting {
        assert_eq!(client.response().status(), 503);
    }
    slow.answer();
    assert_eq!(first.response().text(), "/1", "what was in flight finishes");
}

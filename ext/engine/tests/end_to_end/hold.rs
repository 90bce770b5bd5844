//! Requests that wait while no backend can take them.

use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proxy_engine::config::HealthCheck;
use proxy_engine::Admin;

use crate::support::{eventually, nobody, Origin, Peer, Proxy, Reply, Settings};

fn holding(settings: &mut Settings) {
    settings.pool.hold = true;
    settings.pool.queue = 200;
    settings.pool.queue_timeout = 30.0;
}

fn send(proxy: &Proxy, target: &str) -> Peer {
    let mut client = proxy.client();
    client.send_get(target);
    client
}

fn await_queued(proxy: &Proxy, count: u64) {
    eventually("they wait", || proxy.server.stats().requests.queued == count);
}

#[test]
fn requests_of_any_method_wait_until_a_backend_listens() {
    let address = nobody();
    let mut clients = Vec::new();
    let proxy = Proxy::with(&[&address], holding);
    for method in ["GET", "POST", "DELETE", "PATCH"] {
        let mut client = proxy.client();
        client.send_body(method, "/target", "the body");
        clients.push(client);
        await_queued(&proxy, clients.len() as u64);
    }
    let mut large = proxy.client();
    large.send(format!("POST /target HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 3_000_000));
    await_queued(&proxy, 5);
    let origin = Origin::echoing_at(&address);
    for client in &mut clients {
        assert_eq!(client.response().text(), "/target");
    }
    large.send(vec![b'x'; 3_000_000]);
    assert_eq!(large.response().text(), "/target");
    assert_eq!(proxy.server.stats().requests.queued, 0);
    drop(proxy);
    drop(origin);
}

#[test]
fn they_go_on_in_the_order_they_came_and_no_more_at_once_than_max_connections() {
    let address = nobody();
    let proxy = Proxy::with(&[&address], |settings| {
        holding(settings);
        settings.pool.max_connections = Some(1);
        settings.server.threads = Some(proxy_engine::config::Setting::of(3));
    });
    let mut clients = Vec::new();
    for number in 0..100 {
        clients.push(send(&proxy, &format!("/{number}")));
        await_queued(&proxy, number + 1);
    }
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (busy, most, empty) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (log, peak, unused) = (seen.clone(), most.clone(), empty.clone());
    let origin = Origin::at(&address, move |_, peer| {
        let mut requests = 0;
        while let Some(request) = peer.try_request() {
            peak.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            log.lock().expect("the log").push(request.target().to_owned());
            requests += 1;
            busy.fetch_sub(1, Ordering::SeqCst);
            if peer.try_send(Reply::ok(request.target())).is_err() {
                return;
            }
        }
        unused.fetch_add(usize::from(requests == 0), Ordering::SeqCst);
    });
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
    let order: Vec<_> = (0..100).map(|number| format!("/{number}")).collect();
    assert_eq!(*seen.lock().expect("the log"), order);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    drop(proxy);
    drop(origin);
    assert!(empty.load(Ordering::SeqCst) <= 1, "one probe found the backend for all of them");
}

#[test]
fn a_full_queue_and_a_wait_that_is_too_long_are_answered_503() {
    let proxy = Proxy::with(&[&nobody()], |settings| {
        holding(settings);
        settings.pool.queue = 1;
        settings.pool.queue_timeout = 0.5;
    });
    let mut first = send(&proxy, "/1");
    await_queued(&proxy, 1);
    let second = send(&proxy, "/2").response();
    assert_eq!((second.status(), second.has("Retry-After")), (503, true));
    let first = first.response();
    assert_eq!((first.status(), first.has("Retry-After")), (503, true));
}

#[test]
fn a_client_that_goes_away_leaves_the_queue() {
    let address = nobody();
    let proxy = Proxy::with(&[&address], holding);
    let (first, mut second) = (send(&proxy, "/1"), send(&proxy, "/2"));
    await_queued(&proxy, 2);
    first.reset();
    await_queued(&proxy, 1);
    let origin = Origin::echoing_at(&address);
    assert_eq!(second.response().text(), "/2");
    drop(proxy);
    drop(origin);
}

#[test]
fn timeout_does_not_pass_while_a_request_is_held() {
    let address = nobody();
    let proxy = Proxy::with(&[&address], |settings| {
        holding(settings);
        settings.proxy.timeout = 0.3;
    });
    let mut client = send(&proxy, "/late");
    await_queued(&proxy, 1);
    std::thread::sleep(Duration::from_millis(600));
    let origin = Origin::echoing_at(&address);
    assert_eq!(client.response().text(), "/late");
    drop(proxy);
    drop(origin);
}

#[test]
fn retries_wait_for_a_backend_that_was_killed() {
    let first = Origin::start(|_, peer| drop(peer.head()));
    let address = first.address();
    let proxy = Proxy::with(&[&address], holding);
    let mut clients: Vec<_> = (0..10).map(|number| send(&proxy, &format!("/{number}"))).collect();
    drop(first);
    let origin = Origin::echoing_at(&address);
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
    drop(proxy);
    drop(origin);
}

#[test]
fn a_retry_does_not_reach_the_socket_of_a_process_that_is_being_killed() {
    let address = nobody();
    let dying = TcpListener::bind(&address).expect("the address is free");
    let proxy = Proxy::with(&[&address], holding);
    let mut client = send(&proxy, "/again");
    let (mut connection, _) = dying.accept().expect("the proxy connects");
    connection.read_exact(&mut [0]).expect("the request comes");
    drop(connection);
    // A process with many descriptors takes about as long from its first one to its last.
    std::thread::sleep(Duration::from_millis(10));
    drop(dying);
    let origin = Origin::echoing_at(&address);
    assert_eq!(client.response().text(), "/again");
    drop(proxy);
    drop(origin);
}

#[test]
fn a_request_that_was_sent_and_may_not_be_repeated_is_answered_502() {
    let origin = Origin::start(|_, peer| drop(peer.request()));
    let proxy = Proxy::with(&[&origin.address()], holding);
    let mut client = proxy.client();
    client.send_body("POST", "/", "once");
    assert_eq!(client.response().status(), 502);
}

#[test]
fn requests_wait_while_the_operator_has_taken_every_backend_out() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], holding);
    let upstream = proxy.server.stats().backends[0].upstream.clone();
    for state in [Admin::Down, Admin::Draining] {
        proxy.server.set_state(&upstream, state).expect("it is known");
        let mut client = send(&proxy, "/back");
        await_queued(&proxy, 1);
        proxy.server.set_state(&upstream, Admin::Ready).expect("it is known");
        assert_eq!(client.response().text(), "/back");
    }
}

#[test]
fn requests_wait_for_backends_that_health_checks_have_found_unhealthy() {
    let address = nobody();
    let proxy = Proxy::with(&[&address], |settings| {
        holding(settings);
        settings.pool.health_check = Some(HealthCheck { interval: 600.0, fall: 1, rise: 3, ..HealthCheck::default() });
    });
    eventually("it is unhealthy", || proxy.server.stats().backends[0].check.is_some());
    let mut client = send(&proxy, "/up");
    await_queued(&proxy, 1);
    let origin = Origin::echoing_at(&address);
    assert_eq!(client.response().text(), "/up", "long before the next check was due");
    drop(proxy);
    drop(origin);
}

#[test]
fn requests_go_to_the_backends_of_the_next_configuration() {
    let origin = Origin::echoing_targets();
    let (first, second) = (nobody(), origin.address());
    // Without any backend at first, too.
    for before in [vec![], vec![&*first]] {
        let proxy = Proxy::with(&before, holding);
        let mut clients: Vec<_> = (0..5).map(|number| send(&proxy, &format!("/{number}"))).collect();
        await_queued(&proxy, 5);
        proxy.reload(&[&second], holding);
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.response().text(), format!("/{number}"), "{before:?}");
        }
    }
}

#[test]
fn requests_are_answered_when_the_next_configuration_holds_none() {
    let address = nobody();
    let proxy = Proxy::with(&[&address], holding);
    let mut client = send(&proxy, "/");
    await_queued(&proxy, 1);
    proxy.reload(&[&address], |settings| {
        holding(settings);
        settings.pool.hold = false;
        settings.pool.max_connections = Some(1);
    });
    assert_eq!(client.response().status(), 502);
}

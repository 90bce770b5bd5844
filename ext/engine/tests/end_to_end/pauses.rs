//! Pauses of an upstream: requests are held before a backend is chosen.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proxy_engine::config::{HealthCheck, Setting};
use proxy_engine::TrafficState;

use crate::support::{eventually, http2, request, Gate, Origin, Peer, Proxy, Reply};

const LONG: Duration = Duration::from_secs(600);

fn upstream(proxy: &Proxy) -> String {
    proxy.server.stats().backends[0].upstream.clone()
}

fn pause(proxy: &Proxy, time: Duration) {
    proxy.server.pause(&upstream(proxy), time).expect("it is known");
}

fn resume(proxy: &Proxy) {
    proxy.server.resume(Some(&upstream(proxy))).expect("it is known");
}

fn send(proxy: &Proxy, target: &str) -> Peer {
    let mut client = proxy.client();
    client.send_get(target);
    client
}

fn await_held(proxy: &Proxy, count: u64) {
    eventually("they are held", || proxy.server.stats().requests.queued == count);
}

#[test]
fn requests_are_held_with_their_bodies_unread_and_go_on_in_order() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let (busy, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let (log, peak) = (seen.clone(), most.clone());
    let origin = Origin::start(move |_, peer| {
        while let Some(request) = peer.try_request() {
            peak.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            log.lock().expect("the log").push(request.target().to_owned());
            busy.fetch_sub(1, Ordering::SeqCst);
            if peer.try_send(Reply::ok(request.target())).is_err() {
                return;
            }
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.server.threads = Some(Setting::of(3));
        settings.pool.max_connections = Some(1);
        settings.pool.queue = 200;
        settings.pool.queue_timeout = 30.0;
    });
    pause(&proxy, LONG);
    let mut clients = Vec::new();
    for number in 0..100 {
        clients.push(send(&proxy, &format!("/{number}")));
        await_held(&proxy, number + 1);
    }
    let mut large = proxy.client();
    large.send(format!("POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 3_000_000));
    await_held(&proxy, 101);
    assert_eq!(proxy.server.stats().backends[0].in_flight, 0, "they hold no place at a backend");
    assert_eq!(proxy.server.traffic().upstreams[&upstream(&proxy)].pause.as_ref().map(|pause| pause.held), Some(101));
    resume(&proxy);
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
    large.send(vec![b'x'; 3_000_000]);
    assert_eq!(large.response().text(), "/large");
    let order: Vec<_> = (0..100).map(|number| format!("/{number}")).collect();
    assert_eq!(seen.lock().expect("the log")[..100], order);
    assert_eq!(most.load(Ordering::SeqCst), 1);
    assert_eq!((proxy.server.stats().requests.queued, proxy.server.traffic()), (0, TrafficState::default()));
}

#[test]
fn a_pause_that_is_over_answers_503_until_it_is_resumed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    pause(&proxy, Duration::from_millis(300));
    for target in ["/held", "/late"] {
        let answer = send(&proxy, target).response();
        assert_eq!((answer.status(), answer.has("Retry-After")), (503, true), "{target}");
    }
    resume(&proxy);
    assert_eq!(send(&proxy, "/back").response().text(), "/back");
    assert_eq!(origin.targets(), ["/back"]);
}

#[test]
fn no_more_are_held_than_the_queue_has_room_for() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.queue = 1;
        settings.pool.max_connections = Some(10);
    });
    pause(&proxy, LONG);
    let mut first = send(&proxy, "/1");
    await_held(&proxy, 1);
    let second = send(&proxy, "/2").response();
    assert_eq!((second.status(), second.has("Retry-After")), (503, true));
    resume(&proxy);
    assert_eq!(first.response().text(), "/1");
}

#[test]
fn a_client_that_goes_away_while_it_is_held_is_noticed() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    pause(&proxy, LONG);
    let (first, mut second) = (send(&proxy, "/1"), send(&proxy, "/2"));
    await_held(&proxy, 2);
    first.reset();
    await_held(&proxy, 1);
    resume(&proxy);
    assert_eq!(second.response().text(), "/2");
    assert_eq!((origin.targets(), proxy.server.stats().requests.client_closed), (vec!["/2".to_owned()], 1));
}

#[test]
fn streams_of_one_http2_connection_are_held_and_one_that_is_reset_leaves() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    pause(&proxy, LONG);
    let server = &proxy.server;
    let name = &upstream(&proxy);
    http2(&proxy, |client| async move {
        let held = client.get("/held");
        let gone = async {
            let mut requests = client.requests.clone().ready().await.expect("a place");
            let (response, _) =
                requests.send_request(request("GET", "/gone").body(()).expect("a request"), true).expect("it is sent");
            await_in_task(|| server.stats().requests.queued == 2).await;
            drop(response);
            await_in_task(|| server.stats().requests.queued == 1).await;
            server.resume(Some(name)).expect("it is known");
        };
        let (answer, ()) = tokio::join!(held, gone);
        assert_eq!(answer.text(), "/held");
    });
    assert_eq!(origin.targets(), ["/held"]);
}

async fn await_in_task(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[test]
fn a_call_of_grpc_is_unavailable_when_the_pause_is_over() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    pause(&proxy, Duration::from_millis(100));
    http2(&proxy, |client| async move {
        let call = request("POST", "/a.B/c").header("content-type", "application/grpc").header("te", "trailers");
        let answer = client.send(call.body(()).expect("a request"), Some(b"\0\0\0\0\0")).await.expect("an answer");
        assert_eq!((answer.status, answer.get("grpc-status")), (200, Some("14")));
    });
}

#[test]
fn an_open_websocket_goes_on_and_health_checks_do_too() {
    let (key, checked) = Gate::new();
    let key = Mutex::new(key);
    let origin = Origin::start(move |_, peer| {
        let Some(request) = peer.try_request() else { return };
        if request.target() == "/up" {
            key.lock().expect("the key").open();
            let _ = peer.try_send(Reply::ok("").with("Connection: close"));
            return;
        }
        peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        assert_eq!(peer.read(4), b"ping");
        peer.send("pong");
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.health_check =
            Some(HealthCheck { path: "/up".into(), interval: 0.2, rise: 1, ..HealthCheck::default() });
    });
    checked.wait_until("the backend is well");
    let mut client = proxy.client();
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.head().status(), 101);
    pause(&proxy, LONG);
    checked.wait_until("it is checked");
    checked.wait_until("it is checked in the pause");
    client.send("ping");
    assert_eq!(client.read(4), b"pong");
    drop(client);
    drop(proxy);
}

#[test]
fn a_reload_keeps_the_pause_and_what_was_held_goes_to_the_new_backends() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let named = |address: String| {
        move |settings: &mut crate::support::Settings| {
            settings.server.upstreams.push(proxy_engine::config::UpstreamConfig {
                name: "app".into(),
                pool: proxy_engine::config::PoolConfig {
                    backends: Some(vec![proxy_engine::config::BackendConfig::at(address)]),
                    ..Default::default()
                },
                ..Default::default()
            });
            settings.proxy.to = Some("http://app{path}".into());
        }
    };
    let config = |address: String| {
        let mut config = Proxy::config(&[], named(address));
        if let Some(proxy_engine::configuration::Directive::Proxy(proxy)) = config.routes.last_mut() {
            proxy.pool = None;
        }
        config
    };
    let proxy = Proxy::start(config(old.address()));
    proxy.server.pause("app", LONG).expect("it is known");
    let mut before = send(&proxy, "/");
    await_held(&proxy, 1);
    proxy.server.reload(&config(new.address())).expect("a sound configuration");
    let mut after = send(&proxy, "/");
    await_held(&proxy, 2);
    proxy.server.resume(Some("app")).expect("it is known");
    assert_eq!((before.response().text(), after.response().text()), ("new".into(), "new".into()));
    assert_eq!(old.targets().len(), 0);
}

#[test]
fn a_reload_without_the_upstream_lets_its_requests_go() {
    let (old, new) = (Origin::named("old"), Origin::named("new"));
    let proxy = Proxy::before(&old);
    pause(&proxy, LONG);
    let mut held = send(&proxy, "/");
    await_held(&proxy, 1);
    proxy.reload(&[&new.address()], |_| ());
    assert_eq!(held.response().text(), "new");
    assert_eq!(send(&proxy, "/").response().text(), "new");
}

#[test]
fn a_stop_answers_those_that_are_held() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    pause(&proxy, LONG);
    let mut client = send(&proxy, "/");
    await_held(&proxy, 1);
    proxy.server.begin_stop(Some(LONG));
    let answer = client.response();
    assert_eq!((answer.status(), answer.get("Connection")), (503, Some("close")));
    assert!(proxy.server.wait(Some(Duration::from_secs(20))), "nothing is left");
    assert!(proxy.server.is_drained());
}

#[test]
fn names_and_times_that_are_wrong_are_refused() {
    let origin = Origin::echoing_targets();
    let proxy = Proxy::before(&origin);
    let name = upstream(&proxy);
    let error = proxy.server.pause("shop", LONG).expect_err("it is unknown").to_string();
    assert_eq!(error, format!("\"shop\" is not a valid upstream: write one of {name}"));
    for time in [Duration::ZERO, Duration::from_secs(86_401)] {
        assert!(proxy.server.pause(&name, time).expect_err("too short or long").to_string().contains("write seconds"));
    }
    assert_eq!(send(&proxy, "/").response().status(), 200);
}

#[test]
fn the_next_process_goes_on_with_the_pause() {
    let origin = Origin::echoing_targets();
    let (first, second) = (Proxy::before(&origin), Proxy::before(&origin));
    pause(&first, LONG);
    let state = serde_json::to_string(&first.server.traffic()).expect("JSON");
    let state: TrafficState = serde_json::from_str(&state).expect("the same");
    assert_eq!(second.server.restore_traffic(&state), Vec::<String>::new());
    let mut client = send(&second, "/held");
    await_held(&second, 1);
    let until =
        |proxy: &Proxy| proxy.server.traffic().upstreams[&upstream(proxy)].pause.clone().expect("a pause").until;
    assert!((until(&first) - until(&second)).abs() < 5.0, "{} {}", until(&first), until(&second));
    resume(&second);
    assert_eq!(client.response().text(), "/held");
}

#[test]
fn a_file_of_the_state_keeps_pauses_maintenance_and_percentages() {
    use proxy_engine::config::{BackendConfig, PoolConfig, UpstreamConfig};
    use proxy_engine::configuration::{Directive, FilterConfig, SplitConfig};

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.json").to_str().expect("UTF-8").to_owned();
    let origin = Origin::echoing_targets();
    let config = |percent: f64| {
        Proxy::config(&[&origin.address()], |settings| {
            let pool = PoolConfig { backends: Some(vec![BackendConfig::at(origin.address())]), ..Default::default() };
            settings.server.upstreams.push(UpstreamConfig { name: "v2".into(), pool, ..Default::default() });
            let split = SplitConfig { parts: vec![("v2".into(), percent)], ..Default::default() };
            settings.server.routes.push(Directive::Filter(FilterConfig::Split(split)));
            settings.server.state = Some(Setting::of(path.clone()));
        })
    };
    let first = Proxy::start(config(10.0));
    first.server.pause("v2", LONG).expect("it is known");
    let order = proxy_engine::MaintenanceOrder::default().with_new_bypass().expect("random numbers");
    first.server.set_maintenance(None, Some(order)).expect("a sound order");
    first.server.set_split("v2", 50.0).expect("it is known");
    let left = first.server.traffic();
    first.server.begin_stop(Some(Duration::ZERO));
    assert!(first.server.wait(Some(Duration::from_secs(20))), "it stops");
    drop(first);

    let second = Proxy::start(config(10.0));
    let found = second.server.traffic();
    assert_eq!((&found.maintenance, &found.splits), (&left.maintenance, &left.splits));
    let until = |state: &TrafficState| state.upstreams["v2"].pause.as_ref().expect("a pause").until;
    assert!((until(&found) - until(&left)).abs() < 1.0, "{found:?}");
    assert_eq!(send(&second, "/").response().status(), 503, "from the first request on");
    second.server.begin_stop(Some(Duration::ZERO));
    assert!(second.server.wait(Some(Duration::from_secs(20))), "it stops");
    drop(second);

    let third = Proxy::start(config(20.0));
    assert!(third.server.traffic().splits.is_empty(), "the file says something else");
}

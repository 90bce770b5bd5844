//! Backends that are changed, added and removed while the server runs.

use std::collections::BTreeMap;

use proxy_engine::config::{BackendConfig, Priority};
use proxy_engine::stats::BackendStats;
use proxy_engine::{Admin, BackendChange, SteeringError};

use crate::support::{eventually, Gate, Origin, Peer, Proxy, Reply, Settings};

fn round_robin(settings: &mut Settings) {
    settings.pool.backend_priority = Priority::Named("round_robin".into());
}

fn weight(weight: i64) -> BackendChange {
    BackendChange { weight: Some(weight), ..BackendChange::default() }
}

fn state(state: &str) -> BackendChange {
    BackendChange { state: Some(state.into()), ..BackendChange::default() }
}

fn backends(proxy: &Proxy) -> Vec<BackendStats> {
    proxy.server.stats().backends
}

/// The name of the only upstream.
fn upstream(proxy: &Proxy) -> String {
    backends(proxy)[0].upstream.clone()
}

fn named(proxy: &Proxy, origin: &Origin) -> String {
    format!("{}/{}", upstream(proxy), origin.address())
}

/// Who answers so many requests, and how many each.
fn answers(client: &mut Peer, requests: usize) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for _ in 0..requests {
        *answers.entry(client.get("/").text()).or_default() += 1;
    }
    answers
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn another_weight_shares_requests_otherwise_and_the_figures_stay() {
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let proxy = Proxy::with(&[&first.address(), &second.address()], round_robin);
    let mut client = proxy.client();
    assert_eq!(answers(&mut client, 12), counts(&[("first", 6), ("second", 6)]));
    let before = proxy.server.revision(&upstream(&proxy)).expect("a revision");
    let after = proxy.server.change_backend(&named(&proxy, &first), &weight(3), None).expect("changed");
    assert!(after > before && proxy.server.revision(&upstream(&proxy)) == Some(after));
    assert_eq!(answers(&mut client, 12), counts(&[("first", 9), ("second", 3)]));
    let figures: Vec<_> = backends(&proxy).iter().map(|it| (it.weight, it.requests)).collect();
    assert_eq!(figures, [(3, 15), (1, 9)]);
    assert_eq!(first.connections(), 1, "the connections stay too");
    // All of them.
    proxy.server.change_backend(&upstream(&proxy), &weight(5), None).expect("changed");
    assert_eq!(backends(&proxy).iter().map(|it| it.weight).collect::<Vec<_>>(), [5, 5]);
}

#[test]
fn another_limit_holds_for_requests_that_are_in_flight_already() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() {
            if !gate.opens() {
                return;
            }
            peer.send(Reply::ok("ok"));
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |settings| {
        settings.pool.queue = 5;
        settings.pool.max_connections = Some(9);
    });
    let mut first = proxy.client();
    first.send_get("/");
    eventually("it is there", || backends(&proxy)[0].in_flight == 1);
    let limit = BackendChange { max_connections: Some(1), ..BackendChange::default() };
    proxy.server.change_backend(&named(&proxy, &origin), &limit, None).expect("changed");
    assert_eq!(backends(&proxy)[0].max_connections, Some(1));
    let mut second = proxy.client();
    second.send_get("/");
    eventually("it waits", || proxy.server.stats().requests.queued == 1);
    // Who waits hears of a higher limit.
    let none = BackendChange { max_connections: Some(0), ..BackendChange::default() };
    proxy.server.change_backend(&named(&proxy, &origin), &none, None).expect("changed");
    eventually("it goes on", || backends(&proxy)[0].in_flight == 2);
    assert_eq!(backends(&proxy)[0].max_connections, None);
    go.open();
    go.open();
    assert_eq!((first.response().text(), second.response().text()), ("ok".into(), "ok".into()));
}

#[test]
fn a_backend_comes_and_goes_and_its_request_in_flight_finishes() {
    let (go, gate) = Gate::new();
    let (first, second) = (
        Origin::named("first"),
        Origin::start(move |_, peer| {
            while peer.try_request().is_some() {
                if !gate.opens() {
                    return;
                }
                peer.send(Reply::ok("second"));
            }
        }),
    );
    let proxy = Proxy::with(&[&first.address()], |_| ());
    let mut added = BackendConfig::at(second.address());
    added.backup = true;
    proxy.server.add_backend(&upstream(&proxy), &added, None, None).expect("added");
    assert_eq!(backends(&proxy).iter().map(|it| it.added).collect::<Vec<_>>(), [false, true]);
    let again = proxy.server.add_backend(&upstream(&proxy), &added, None, None).expect_err("it is there");
    assert_eq!(again.status(), 409);
    proxy.server.change_backend(&named(&proxy, &first), &state("down"), None).expect("changed");
    let mut client = proxy.client();
    client.send_get("/");
    eventually("it is in flight", || backends(&proxy)[1].in_flight == 1);
    proxy.server.change_backend(&named(&proxy, &first), &state("ready"), None).expect("changed");
    proxy.server.remove_backend(&named(&proxy, &second), None).expect("removed");
    assert_eq!(proxy.states(), ["ready", "draining"]);
    assert_eq!(proxy.client().get("/").text(), "first");
    assert_eq!(proxy.server.remove_backend(&named(&proxy, &second), None).expect_err("it goes").status(), 404);
    go.open();
    assert_eq!(client.response().text(), "second");
    eventually("it is gone", || proxy.states() == ["ready"]);
}

#[test]
fn a_backend_that_comes_back_while_it_is_busy_is_the_same_one() {
    let (go, gate) = Gate::new();
    let origin = Origin::start(move |_, peer| {
        while peer.try_request().is_some() && gate.opens() {
            peer.send(Reply::ok("ok"));
        }
    });
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let (upstream, name) = (upstream(&proxy), named(&proxy, &origin));
    let mut client = proxy.client();
    client.send_get("/");
    eventually("it is in flight", || backends(&proxy)[0].in_flight == 1);
    proxy.server.remove_backend(&name, None).expect("removed");
    assert_eq!(proxy.client().get("/").status(), 502, "there is none");
    proxy.server.add_backend(&upstream, &BackendConfig::at(origin.address()), None, None).expect("added");
    let stats = backends(&proxy);
    assert_eq!((stats.len(), stats[0].in_flight, stats[0].added), (1, 1, false));
    go.open();
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn of_two_changes_at_once_the_second_is_told_so() {
    let origin = Origin::named("a");
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let name = named(&proxy, &origin);
    let seen = proxy.server.revision(&upstream(&proxy));
    let first = proxy.server.change_backend(&name, &weight(2), seen).expect("the first");
    let second = proxy.server.change_backend(&name, &weight(3), seen).expect_err("it has seen something older");
    assert_eq!((&second, second.status()), (&SteeringError::Outdated(first), 412));
    assert_eq!(backends(&proxy)[0].weight, 2);
    proxy.server.set_state(&name, Admin::Down).expect("set");
    assert!(proxy.server.revision(&upstream(&proxy)) > Some(first), "that is a change too");
}

#[test]
fn what_is_wrong_is_said_at_once_and_changes_nothing() {
    let origin = Origin::named("a");
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let (upstream, name) = (upstream(&proxy), named(&proxy, &origin));
    let before = proxy.server.revision(&upstream);
    let wrong = BackendChange { state: Some("up".into()), weight: Some(0), max_connections: Some(-1) };
    let error = proxy.server.change_backend(&name, &wrong, None).expect_err("mistakes");
    let text = error.to_string();
    assert_eq!(error.status(), 422);
    for part in ["state: \"up\" is unknown", "weight: 0 is out of range", "max_connections: -1 is out of range"] {
        assert!(text.contains(part), "{text}");
    }
    for (target, change) in [("nobody", weight(2)), ("nobody/127.0.0.1:1", weight(2))] {
        assert_eq!(proxy.server.change_backend(target, &change, None).expect_err("unknown").status(), 404);
    }
    let unknown = format!("{upstream}/127.0.0.1:1");
    let error = proxy.server.change_backend(&unknown, &state("down"), None).expect_err("unknown");
    assert_eq!(error.to_string(), format!("{unknown:?} is not a valid backend: write one of {name}"));
    let add = |address: &str| proxy.server.add_backend(&upstream, &BackendConfig::at(address), None, None);
    assert_eq!(add("127.0.0.1:99999").expect_err("no port").status(), 422);
    assert_eq!(proxy.server.remove_backend(&upstream, None).expect_err("a whole upstream").status(), 422);
    assert_eq!(proxy.server.revision(&upstream), before);
}

#[test]
fn there_is_an_end_to_adding() {
    let origin = Origin::named("a");
    let proxy = Proxy::with(&[&origin.address()], |_| ());
    let upstream = upstream(&proxy);
    let list: Vec<_> = (1..=1000).map(|port| BackendConfig::at(format!("127.1.0.1:{port}"))).collect();
    proxy.server.set_backends(&upstream, &list).expect("a list");
    let more = BackendConfig::at("127.0.0.1:1");
    let error = proxy.server.add_backend(&upstream, &more, None, None).expect_err("too many");
    assert!(error.status() == 409 && error.to_string().contains("1000"), "{error}");
    proxy.server.remove_backend(&format!("{upstream}/127.1.0.1:7"), None).expect("removed");
    proxy.server.add_backend(&upstream, &more, None, None).expect("there is room");
}

#[test]
fn another_list_replaces_what_was_added_and_changed() {
    let (first, second, third) = (Origin::named("first"), Origin::named("second"), Origin::named("third"));
    let proxy = Proxy::with(&[&first.address()], round_robin);
    let upstream = upstream(&proxy);
    proxy.server.add_backend(&upstream, &BackendConfig::at(second.address()), None, None).expect("added");
    proxy.server.change_backend(&named(&proxy, &first), &weight(9), None).expect("changed");
    proxy.server.set_backends(&upstream, &[BackendConfig::at(first.address())]).expect("a list");
    let stats = backends(&proxy);
    assert_eq!((stats.len(), stats[0].weight, stats[0].requests), (1, 1, 0));
    // What is added later joins that list.
    proxy.server.add_backend(&upstream, &BackendConfig::at(third.address()), None, None).expect("added");
    assert_eq!(answers(&mut proxy.client(), 4), counts(&[("first", 2), ("third", 2)]));
}

#[test]
fn a_reload_keeps_what_the_configuration_does_not_say_otherwise() {
    let (first, second, third) = (Origin::named("first"), Origin::named("second"), Origin::named("third"));
    let (one, two) = (first.address(), second.address());
    let proxy = Proxy::with(&[&one, &two], round_robin);
    let upstream = upstream(&proxy);
    proxy.server.add_backend(&upstream, &BackendConfig::at(third.address()), None, None).expect("added");
    proxy.server.change_backend(&named(&proxy, &first), &weight(2), None).expect("changed");
    proxy.server.change_backend(&named(&proxy, &third), &weight(4), None).expect("changed");
    proxy.server.change_backend(&named(&proxy, &second), &state("draining"), None).expect("changed");
    let shown = || -> Vec<_> { backends(&proxy).into_iter().map(|it| (it.weight, it.state, it.added)).collect() };
    let expected = [(2, "ready", false), (1, "draining", false), (4, "ready", true)];
    assert_eq!(shown(), expected);
    let requests = answers(&mut proxy.client(), 12);
    assert_eq!(requests, counts(&[("first", 4), ("third", 8)]));
    // Nothing of the upstream changes, then something of all of it.
    for keepalive in [64, 5] {
        proxy.reload(&[&one, &two], |settings| {
            round_robin(settings);
            settings.pool.keepalive = keepalive;
        });
        assert_eq!(shown(), expected);
        assert_eq!(backends(&proxy).iter().map(|it| it.requests).sum::<u64>(), 12);
    }
    // Another weight is written for the first, and the third is written.
    proxy.reload(&[&one, &two, &third.address()], |settings| {
        round_robin(settings);
        settings.pool.backends.as_mut().expect("backends")[0].weight = 7;
    });
    assert_eq!(shown(), [(7, "ready", false), (1, "draining", false), (1, "ready", false)]);
}

#[test]
fn a_removed_backend_stays_removed_while_the_configuration_lists_it() {
    let (first, second) = (Origin::named("first"), Origin::named("second"));
    let (one, two) = (first.address(), second.address());
    let proxy = Proxy::with(&[&one, &two], |_| ());
    proxy.server.remove_backend(&named(&proxy, &first), None).expect("removed");
    proxy.reload(&[&one, &two], |settings| settings.pool.keepalive = 5);
    assert_eq!((proxy.states().len(), proxy.client().get("/").text()), (1, "second".into()));
    proxy.reload(&[&two], |_| ());
    proxy.reload(&[&one, &two], |_| ());
    assert_eq!((proxy.states().len(), proxy.client().get("/").text()), (2, "first".into()), "it was gone meanwhile");
}

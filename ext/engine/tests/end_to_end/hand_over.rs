//! Hand-over: another server goes on with the sockets, and clients do not notice.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Duration;

use proxy_engine::config::BackendConfig;
use proxy_engine::{Admin, DeployConfig, DeployEvent, HandedOver, Hold, PassedState};

use crate::support::{eventually, nobody, Origin, Peer, Proxy, Reply, PATIENCE};

fn backend() -> Origin {
    Origin::start(|_, peer| {
        while peer.try_request().is_some() {
            peer.send(Reply::ok("ok"));
        }
    })
}

/// Another server in the place of this one.
fn successor(proxy: &Proxy, origin: &Origin) -> Proxy {
    let mut config = Proxy::config(&[&origin.address()], |_| ());
    config.passed = Some(PassedState::new(proxy.server.state_to_pass().as_str()));
    let mut copies = proxy.server.listening_copies();
    assert_eq!(copies.len(), 1);
    config.binds[0].handed_over = copies.pop().map(|(_, socket)| HandedOver::Inherited(socket));
    Proxy::start(config)
}

fn get(client: &mut Peer) -> Option<String> {
    client.send_get("/");
    let response = client.response();
    assert_eq!(response.text(), "ok");
    response.get("Connection").map(Into::into)
}

#[test]
fn new_connections_are_the_others_and_idle_ones_are_told_with_their_next_answer() {
    let origin = backend();
    let old = Proxy::before(&origin);
    let mut idle = [old.client(), old.client()];
    assert!(idle.iter_mut().all(|client| get(client).is_none()));
    let mut silent = old.client();
    let new = successor(&old, &origin);
    assert_eq!(old.address(), new.address());
    old.server.begin_hand_over(Some(PATIENCE), &[]);
    assert_eq!(get(&mut old.client()), None, "the new one serves");
    let accepted = new.server.stats().connections.accepted;
    assert!(accepted >= 1 && old.server.stats().connections.accepted + accepted == 4, "{accepted}");
    for client in idle.iter_mut().chain([&mut silent]) {
        let told = get(client);
        // The silent one may wait to be accepted when the old server leaves: then it is the other's.
        if told.is_some() {
            assert_eq!(told.as_deref(), Some("close"));
            client.expect_end();
        }
    }
    assert!(old.server.wait(Some(PATIENCE)), "the old one ends");
    assert!(old.server.is_drained() && !new.server.is_stopped());
}

#[test]
fn idle_connections_close_shortly_before_the_time_is_over() {
    let origin = backend();
    let old = Proxy::before(&origin);
    let mut idle = old.client();
    get(&mut idle);
    let _new = successor(&old, &origin);
    old.server.begin_hand_over(Some(Duration::from_millis(300)), &[]);
    idle.expect_end();
    assert!(old.server.wait(Some(PATIENCE)) && old.server.is_drained(), "nothing was cut");
}

#[test]
fn a_stop_after_it_closes_them_at_once() {
    let origin = backend();
    let old = Proxy::before(&origin);
    let mut idle = old.client();
    get(&mut idle);
    let _new = successor(&old, &origin);
    old.server.begin_hand_over(Some(PATIENCE * 10), &[]);
    old.server.begin_stop(Some(PATIENCE));
    idle.expect_end();
    assert!(old.server.wait(Some(PATIENCE)));
}

#[test]
fn a_socket_that_the_other_does_not_use_closes_and_the_state_of_backends_is_known_there() {
    let origin = backend();
    let old = Proxy::before(&origin);
    let name = old.server.stats().backends[0].upstream.clone();
    old.server.set_state(&name, Admin::Draining).expect("an upstream");
    let mut config = Proxy::config(&[&origin.address()], |_| ());
    config.passed = Some(PassedState::new(old.server.state_to_pass().as_str()));
    let new = Proxy::start(config);
    assert_eq!(new.states(), ["draining"]);
    old.server.begin_hand_over(Some(PATIENCE), &[0]);
    assert!(old.server.wait(Some(PATIENCE)));
    assert!(std::net::TcpStream::connect(old.address()).is_err());
}

#[test]
fn nonsense_that_was_told_is_left_out() {
    let origin = backend();
    for told in ["", "null", "[1]", r#"{"secret":5}"#, r#"{"upstreams":[{"upstream":1}]}"#, r#"{"later":{"a":1}}"#] {
        let mut config = Proxy::config(&[&origin.address()], |_| ());
        config.passed = Some(PassedState::new(told));
        let proxy = Proxy::start(config);
        assert_eq!((get(&mut proxy.client()), proxy.states()), (None, vec!["ready"]), "{told}");
    }
}

#[test]
fn threads_that_stand_still_do_not_turn() {
    let origin = backend();
    let proxy = Proxy::before(&origin);
    assert!(proxy.server.turns(PATIENCE));
    // Before a fork every engine thread is stopped.
    let hold = Hold::take().expect("threads");
    assert!(!proxy.server.turns(Duration::from_millis(50)));
    hold.go_on_in_parent();
    assert!(proxy.server.turns(PATIENCE));
}

const NOT_YET: &str = "another process is about to take the place of this one: try again once it serves";
const NO_MORE: &str = "another process serves now: try again";

fn upstream(proxy: &Proxy) -> String {
    proxy.server.stats().backends[0].upstream.clone()
}

/// What each way to change something says: `None` if it is done.
fn refusals(proxy: &Proxy, backend: &str) -> Vec<Option<String>> {
    let (name, server) = (upstream(proxy), &proxy.server);
    let added = server.add_backend(&name, &BackendConfig::at(backend), None, None).err();
    vec![
        added.map(|refused| format!("{} {refused}", refused.status())),
        server.set_state(&name, Admin::Draining).err().map(|refused| format!("{} {refused}", refused.status())),
        server.set_state(&name, Admin::Ready).err().map(|refused| format!("{} {refused}", refused.status())),
        server.set_backends(&name, &[BackendConfig::at(backend)]).err().map(|refused| format!("409 {refused}")),
        server.pause(&name, PATIENCE).err().map(|refused| format!("409 {refused}")),
        server.resume(Some(&name)).err().map(|refused| format!("409 {refused}")),
        server.set_maintenance(None, None).err().map(|refused| format!("409 {refused}")),
    ]
}

#[test]
fn changes_that_the_other_would_not_know_are_refused_until_it_fails() {
    let (origin, second) = (backend(), backend());
    let old = Proxy::before(&origin);
    old.server.state_to_pass();
    assert_eq!(refusals(&old, &second.address()), vec![Some(format!("409 {NOT_YET}")); 7]);
    assert_eq!(old.states(), ["ready"]);
    old.server.cancel_hand_over();
    assert_eq!(refusals(&old, &second.address()), vec![None; 7]);
    let _new = successor(&old, &origin);
    old.server.begin_hand_over(Some(PATIENCE), &[]);
    old.server.cancel_hand_over();
    assert_eq!(refusals(&old, &second.address()), vec![Some(format!("409 {NO_MORE}")); 7], "it is too late");
}

fn deploy(address: &str) -> DeployConfig {
    DeployConfig { to: vec![BackendConfig::at(address)], timeout: 60.0, ..DeployConfig::default() }
}

#[test]
fn a_deploy_that_has_not_switched_by_then_fails() {
    let (origin, dead) = (backend(), nobody());
    let old = Proxy::before(&origin);
    let mut run = old.server.deploy(&upstream(&old), &deploy(&dead)).expect("it begins");
    while run.wait().expect("an event").step != "waiting" {}
    let new = successor(&old, &origin);
    let early = old.server.deploy(&upstream(&old), &deploy(&dead)).expect_err("the other would not know it");
    assert_eq!((early.status(), early.to_string()), (409, NOT_YET.to_owned()));
    // It lives as long as there is something in flight.
    let _silent = old.client();
    old.server.begin_hand_over(Some(PATIENCE), &[]);
    let last: DeployEvent = std::iter::from_fn(|| run.wait()).last().expect("the last event");
    assert_eq!((last.step, last.status), ("failed", Some(409)));
    assert_eq!(last.message, format!("{NO_MORE}; the backends are as they were"));
    assert_eq!((old.states(), new.states()), (vec!["ready"], vec!["ready"]));
}

#[test]
fn a_deploy_does_not_switch_once_the_state_is_told() {
    let is_well = Arc::new(AtomicBool::new(false));
    let (origin, flag) = (backend(), Arc::clone(&is_well));
    let fresh = Origin::answering(move |_| match flag.load(SeqCst) {
        true => Reply::ok("up"),
        false => Reply::of("500 Broken", "broken"),
    });
    let old = Proxy::before(&origin);
    let mut run = old.server.deploy(&upstream(&old), &deploy(&fresh.address())).expect("it begins");
    while run.wait().expect("an event").step != "waiting" {}
    old.server.state_to_pass();
    is_well.store(true, SeqCst);
    let last: DeployEvent = std::iter::from_fn(|| run.wait()).last().expect("the last event");
    assert_eq!((last.step, last.status), ("failed", Some(409)), "{}", last.message);
    assert!(last.message.starts_with(NOT_YET), "{}", last.message);
    assert_eq!(old.states(), ["ready"], "it is withdrawn");
    assert_eq!(old.server.stats().backends[0].address, origin.address());
}

#[test]
fn requests_that_a_pause_holds_are_answered_and_the_other_goes_on_with_it() {
    let origin = backend();
    let old = Proxy::before(&origin);
    let name = upstream(&old);
    old.server.pause(&name, PATIENCE * 10).expect("it is known");
    let mut held = old.client();
    held.send_get("/");
    eventually("it is held", || old.server.stats().requests.queued == 1);
    let new = successor(&old, &origin);
    old.server.begin_hand_over(Some(PATIENCE), &[]);
    let answer = held.response();
    assert_eq!((answer.status(), answer.has("Retry-After"), answer.get("Connection")), (503, true, Some("close")));
    assert!(old.server.wait(Some(PATIENCE)) && old.server.is_drained(), "nothing is left");
    let mut next = new.client();
    next.send_get("/");
    eventually("it is held", || new.server.stats().requests.queued == 1);
    new.server.resume(Some(&name)).expect("it is known");
    assert_eq!(next.response().text(), "ok");
}

//! Hand-over: another server goes on with the sockets, and clients do not notice.

use std::time::Duration;

use proxy_engine::{Admin, HandedOver, Hold, PassedState};

use crate::support::{Origin, Peer, Proxy, Reply, PATIENCE};

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

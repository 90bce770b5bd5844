use super::*;
use crate::runtime_state::UpstreamState;
use crate::upstream::address::Address;
use crate::upstream::backend::{Attempt, BackendSettings};
use crate::upstream::balancer::BalancingPolicy;
use crate::upstream::deployment::DeployConfig;
use crate::upstream::dns::ResolvedAddress;
use crate::upstream::settings::UpstreamSettings;
use crate::upstream::{Affinity, Tried};

fn upstream(addresses: &[&str]) -> Arc<Upstream> {
    let member = |text: &&str| {
        let address = Address::parse(text).expect("an address");
        Member { address, secure: false, traits: BackendSettings::default() }
    };
    let members: Vec<_> = addresses.iter().map(member).collect();
    Upstream::new("app", true, &members, &UpstreamSettings::of(BalancingPolicy::RoundRobin), None)
}

fn weight(weight: u32) -> SoundChange {
    SoundChange { state: None, weight: Some(weight), max_connections: None }
}

fn state(state: Admin) -> SoundChange {
    SoundChange { state: Some(state), weight: None, max_connections: None }
}

fn states(upstream: &Upstream) -> Vec<&'static str> {
    upstream.stats().iter().map(|backend| backend.state).collect()
}

fn resolve(upstream: &Upstream, host: &str) {
    let target = ResolvedAddress::of("app.test", std::net::SocketAddr::new(host.parse().expect("an address"), 3000));
    upstream.resolved(0, Some(&[target]));
}

#[test]
fn a_name_has_a_weight_and_each_of_its_addresses_a_state() {
    let upstream = upstream(&["app.test:3000"]);
    upstream.change(Some("app.test:3000"), &state(Admin::Draining)).expect("a name without an address yet");
    resolve(&upstream, "10.0.0.1");
    assert_eq!(states(&upstream), ["draining"]);
    upstream.change(Some("10.0.0.1:3000"), &state(Admin::Ready)).expect("an address");
    assert_eq!(states(&upstream), ["ready"]);
    let wrong = upstream.change(Some("10.0.0.1:3000"), &weight(2)).expect_err("an address");
    let told = "10.0.0.1:3000 is an address of app.test:3000: only its state can be set; write app/app.test:3000 for \
                the rest";
    assert_eq!(wrong, Unsteerable::Conflict(told.into()));
    upstream.change(Some("app.test:3000"), &weight(2)).expect("the name");
    assert_eq!(upstream.stats()[0].weight, 2);
    assert!(matches!(upstream.remove("10.0.0.1:3000"), Err(Unsteerable::Conflict(_))));
    upstream.remove("app.test:3000").expect("the name");
    assert!(upstream.is_empty());
}

#[test]
fn a_state_ends_with_its_backend() {
    let upstream = upstream(&["127.0.0.1:1", "127.0.0.1:2"]);
    upstream.change(Some("127.0.0.1:1"), &state(Admin::Down)).expect("changed");
    upstream.remove("127.0.0.1:1").expect("removed");
    upstream.add(&BackendConfig::at("127.0.0.1:1"), None).expect("added");
    assert_eq!(states(&upstream), ["ready", "ready"]);
    // What is wanted of all holds for those to come, unless it is said of one.
    upstream.change(None, &state(Admin::Draining)).expect("changed");
    upstream.add(&BackendConfig::at("127.0.0.1:3"), None).expect("added");
    upstream.add(&BackendConfig::at("127.0.0.1:4"), Some(Admin::Ready)).expect("added");
    assert_eq!(states(&upstream), ["draining", "draining", "draining", "ready"]);
}

#[test]
fn another_weight_begins_no_slow_start() {
    let upstream = upstream(&["127.0.0.1:1"]);
    let slow = BackendConfig { slow_start: Some(60.0), ..BackendConfig::at("127.0.0.1:2") };
    upstream.add(&slow, None).expect("added");
    let share = |index: usize| upstream.live.load().iter().nth(index).expect("a backend").share();
    assert!(share(1) < 256, "a new one begins slowly");
    upstream.change(Some("127.0.0.1:1"), &weight(3)).expect("changed");
    assert_eq!(share(0), 3 * 256);
}

#[test]
fn a_removed_backend_is_in_sight_while_it_is_busy() {
    let upstream = upstream(&["127.0.0.1:1", "127.0.0.1:2"]);
    let backend = upstream.live.load().iter().next().expect("a backend").clone();
    let attempt = Attempt::begin(backend);
    upstream.change(Some("127.0.0.1:1"), &weight(3)).expect("changed");
    upstream.remove("127.0.0.1:1").expect("removed");
    assert_eq!(states(&upstream), ["ready", "draining"]);
    for _ in 0..4 {
        let chosen = upstream.choose(&Affinity::None, &mut Tried::default()).backend().expect("a backend");
        assert_eq!(chosen.label(), "127.0.0.1:2");
    }
    drop(attempt);
    assert_eq!(states(&upstream), ["ready"]);
}

#[test]
fn a_state_of_a_file_finds_its_backends_and_the_rest_is_told_of() {
    let text = r#"{"revision": 4, "state": "down", "states": {"127.0.0.1:1": "ready", "127.0.0.1:9": "down"},
        "tuned": {"127.0.0.1:2": {"weight": 70000, "max_connections": 5, "written": {"weight": 1}}},
        "added": [{"address": "127.0.0.1:3"}, {"address": "127.0.0.1:0"}], "removed": ["127.0.0.1:8"], "later": 1}"#;
    let kept: UpstreamState = serde_json::from_str(text).expect("a state");
    let upstream = upstream(&["127.0.0.1:1", "127.0.0.1:2"]);
    let lost = upstream.take_runtime_state(&kept);
    assert_eq!(states(&upstream), ["ready", "down", "down"]);
    let stats = upstream.stats();
    assert_eq!((stats[1].weight, stats[1].max_connections, stats[2].added), (1, Some(5), true));
    assert_eq!(upstream.revision(), 4);
    assert_eq!(lost.len(), 3, "{lost:?}");
    assert!(lost[0].starts_with("127.0.0.1:0 was added: "), "{lost:?}");
    assert_eq!(lost[1..], ["127.0.0.1:8 was removed and is no longer written", "127.0.0.1:9 is gone"]);
    let again = upstream.runtime_state();
    assert_eq!((again.state.as_deref(), again.states.len(), again.added.len()), (Some("down"), 1, 1));
}

#[test]
fn a_backend_that_was_removed_and_added_again_is_there_in_the_next_process() {
    let upstream_of = || upstream(&["http://127.0.0.1:1"]);
    for backend in [
        BackendConfig { weight: 5, ..BackendConfig::at("127.0.0.1:1") },
        BackendConfig { weight: 5, max_tunnels: Some(3), ..BackendConfig::at("127.0.0.1:1") },
    ] {
        let first = upstream_of();
        first.remove("127.0.0.1:1").expect("removed");
        first.add(&backend, None).expect("added");
        let next = upstream_of();
        assert_eq!(next.take_runtime_state(&first.runtime_state()), [""; 0]);
        let weights: Vec<_> = next.stats().iter().map(|backend| backend.weight).collect();
        assert_eq!(weights, [5], "{backend:?}");
    }
    // What can no longer be added leaves the written one.
    let left = r#"{"added": [{"address": "127.0.0.1:1", "weight": 0}], "removed": ["127.0.0.1:1"]}"#;
    let next = upstream_of();
    assert_eq!(next.take_runtime_state(&serde_json::from_str(left).expect("a state")).len(), 1);
    assert_eq!(states(&next), ["ready"]);
}

#[test]
fn a_deploy_to_a_backend_of_the_file_outlives_the_process() {
    let upstream_of = || upstream(&["http://127.0.0.1:1"]);
    let first = upstream_of();
    for address in ["127.0.0.1:2", "127.0.0.1:1"] {
        let deploy = DeployConfig { to: vec![BackendConfig::at(address)], ..DeployConfig::default() };
        let plan = first.plan(&deploy).expect("a plan");
        first.switch(&plan.old, &plan.new).expect("switched");
        let label = first.live.load().iter().next().expect("a backend").label().to_owned();
        assert_eq!((label.as_str(), states(&first)), (address, vec!["ready"]));
    }
    let next = upstream_of();
    assert_eq!(next.take_runtime_state(&first.runtime_state()), [""; 0]);
    assert_eq!(states(&next), ["ready"]);
}

use std::net::SocketAddr;

use tokio::runtime::Handle;

use crate::compile::Report;
use crate::config::{BackendConfig, Priority, StickyConfig};
use crate::error::Blame;
use crate::metrics::FailureReason;
use crate::upstream::backend::{Attempt, BackendSettings};
use crate::upstream::balancer::BalancingPolicy;
use crate::upstream::dns::ResolvedAddress;
use crate::upstream::settings::{Member, UpstreamSettings};
use crate::upstream::tests::dns_server::{DnsServer, Reply};
use crate::upstream::tests::{log, until, within};
use crate::upstream::{Affinity, Tried, Upstream};

use super::super::address::Address;
use super::Arc;

fn upstream(policy: BalancingPolicy, addresses: &[&str]) -> Arc<Upstream> {
    let member = |text: &&str| {
        let address = Address::parse(text).expect("an address");
        Member { address, secure: false, traits: BackendSettings::default() }
    };
    let members: Vec<_> = addresses.iter().map(member).collect();
    Upstream::new("test", false, &members, &UpstreamSettings::of(policy), None)
}

fn list(upstream: &Arc<Upstream>, addresses: &[&str]) {
    let backends: Vec<_> = addresses.iter().map(|address| BackendConfig::at(*address)).collect();
    upstream.list(&backends).expect("a list without mistakes");
}

fn labels(upstream: &Upstream) -> Vec<String> {
    upstream.live.load().iter().map(|backend| backend.label().to_owned()).collect()
}

fn chosen(upstream: &Upstream, affinity: &Affinity) -> String {
    let backend = upstream.choose(affinity, &mut Tried::default()).backend().expect("a backend");
    backend.label().to_owned()
}

fn target(host: &str) -> ResolvedAddress {
    ResolvedAddress::of("app.test", SocketAddr::new(host.parse().expect("an address"), 3000))
}

#[test]
fn a_backend_that_stays_is_the_same_one_and_another_weight_keeps_its_figures() {
    let upstream = upstream(BalancingPolicy::Ordered, &["127.0.0.1:1", "127.0.0.2:1"]);
    let stays = upstream.live.load().iter().nth(1).expect("a second").clone();
    Attempt::begin(stays.clone()).failed(Blame::Backend, FailureReason::Error);
    let in_flight = Attempt::begin(stays.clone());
    list(&upstream, &["127.0.0.3:1", "127.0.0.2:1"]);
    assert_eq!(labels(&upstream), ["127.0.0.3:1", "127.0.0.2:1"]);
    assert!(Arc::ptr_eq(upstream.live.load().iter().nth(1).expect("a second"), &stays));

    let heavier = BackendConfig { weight: 7, ..BackendConfig::at("127.0.0.2:1") };
    upstream.list(&[heavier]).expect("a list");
    let stats = upstream.stats().remove(0);
    assert_eq!((stats.weight, stats.failures, stats.in_flight), (7, 1, 1));
    drop(in_flight);
    assert_eq!(upstream.stats()[0].in_flight, 0);
}

#[test]
fn a_backend_that_is_listed_twice_is_two() {
    let upstream = upstream(BalancingPolicy::Ordered, &["127.0.0.1:1"]);
    let first = upstream.live.load().iter().next().expect("a backend").clone();
    list(&upstream, &["127.0.0.1:1", "127.0.0.1:1"]);
    let live = upstream.live.load();
    let ids: Vec<_> = live.iter().map(|backend| backend.id()).collect();
    assert!(ids[0] == first.id() && ids[1] != first.id());
    list(&upstream, &["127.0.0.1:1"]);
    assert_eq!(labels(&upstream), ["127.0.0.1:1"]);
}

#[test]
fn mistakes_change_nothing() {
    let upstream = upstream(BalancingPolicy::Ordered, &["127.0.0.1:1"]);
    let wrong = upstream.list(&["127.0.0.2:1", "http://a b", "127.0.0.1:99999"].map(BackendConfig::at));
    assert_eq!(wrong.expect_err("mistakes").len(), 2);
    assert_eq!(labels(&upstream), ["127.0.0.1:1"]);
}

#[tokio::test]
async fn a_name_that_stays_is_not_asked_for_again_and_its_answer_still_counts() {
    let server = DnsServer::start(Reply::addresses(3600, &["127.0.0.2"])).await;
    let upstream = upstream(BalancingPolicy::Ordered, &["app.test:3000", "127.0.0.1:1"]);
    upstream.start(&server.dns(), &Handle::current(), &log());
    // No answer can come in between: the list changes before the tasks run.
    for number in 2..50 {
        list(&upstream, &[&format!("127.0.0.1:{number}"), "app.test:3000"]);
    }
    within(upstream.ready()).await;
    assert_eq!(labels(&upstream), ["127.0.0.1:49", "127.0.0.2:3000"]);
    let asked = server.questions();
    list(&upstream, &["app.test:3000"]);
    list(&upstream, &["app.test:3000", "other.test:3000"]);
    until("the other name", || labels(&upstream).len() == 2).await;
    assert_eq!(server.questions(), asked + 2, "the A and AAAA records of the other name");
}

#[tokio::test]
async fn a_name_without_an_answer_holds_nobody_up_if_others_serve_or_once_it_is_gone() {
    // It has no DNS: no answer ever comes.
    let upstream = upstream(BalancingPolicy::Ordered, &["127.0.0.1:1"]);
    list(&upstream, &["127.0.0.1:1", "app.test:3000"]);
    assert!(upstream.is_ready(), "another backend serves");
    list(&upstream, &["app.test:3000"]);
    assert!(!upstream.is_ready(), "there is no other");
    let waiting = tokio::spawn({
        let upstream = upstream.clone();
        async move { upstream.ready().await }
    });
    tokio::task::yield_now().await;
    list(&upstream, &["app.test:3000", "127.0.0.2:1"]);
    within(waiting).await.expect("no panic");
    list(&upstream, &[]);
    assert!(upstream.is_ready() && upstream.is_empty());
}

#[test]
fn an_answer_for_an_entry_that_is_gone_is_dropped() {
    let upstream = upstream(BalancingPolicy::Ordered, &["app.test:3000", "127.0.0.1:1"]);
    assert!(upstream.resolved(0, Some(&[target("127.0.0.2")])));
    list(&upstream, &["127.0.0.1:1"]);
    assert!(!upstream.resolved(0, Some(&[target("127.0.0.3")])));
    list(&upstream, &["app.test:3000", "127.0.0.1:1"]);
    assert!(!upstream.resolved(0, Some(&[target("127.0.0.3")])), "the name is another entry now");
    assert_eq!(labels(&upstream), ["127.0.0.1:1"]);
}

#[test]
fn lists_and_answers_that_come_at_once_lose_neither() {
    let upstream = upstream(BalancingPolicy::Ordered, &["app.test:3000"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..500 {
                list(&upstream, &["app.test:3000", &format!("127.0.0.1:{}", number + 1)]);
            }
        });
        scope.spawn(|| {
            for number in 0..500 {
                upstream.resolved(0, Some(&[target(&format!("127.0.1.{}", number % 250))]));
            }
        });
    });
    assert_eq!(labels(&upstream), ["127.0.1.249:3000", "127.0.0.1:500"]);
    assert!(upstream.is_ready());
}

#[test]
fn a_sticky_client_stays_at_a_backend_that_stays() {
    let spec = StickyConfig { cookie: "backend".into(), secret: None };
    let policy = BalancingPolicy::compile(&Priority::Sticky(spec), &mut Report::new("upstream", None, &mut Vec::new()));
    let Some(BalancingPolicy::Sticky(sticky)) = policy else { panic!("a sticky policy") };
    let upstream = upstream(BalancingPolicy::Sticky(sticky.clone()), &["127.0.0.1:1", "127.0.0.2:1"]);
    let second = upstream.live.load().iter().nth(1).expect("a second").clone();
    let affinity = Affinity::Cookie(sticky.tag(&second));
    list(&upstream, &["127.0.0.3:1", "127.0.0.4:1", "127.0.0.2:1"]);
    assert!((0..20).all(|_| chosen(&upstream, &affinity) == "127.0.0.2:1"));
    list(&upstream, &["127.0.0.3:1"]);
    assert_eq!(chosen(&upstream, &affinity), "127.0.0.3:1");
    list(&upstream, &["127.0.0.3:1", "127.0.0.2:1"]);
    assert!((0..20).all(|_| chosen(&upstream, &affinity) == "127.0.0.2:1"), "it is back");
}

#[test]
fn a_hash_moves_only_the_keys_of_the_backend_that_goes() {
    let policy = BalancingPolicy::named("ip_hash").expect("a policy");
    let upstream = upstream(policy, &["127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]);
    let keys = (0..200_u64).map(|key| Affinity::Key(key.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    let places = || keys.clone().map(|key| chosen(&upstream, &key)).collect::<Vec<_>>();
    let before = places();
    list(&upstream, &["127.0.0.3:1", "127.0.0.1:1"]);
    for (before, after) in before.iter().zip(places()) {
        assert!(*before == after || before == "127.0.0.2:1", "{before} became {after}");
    }
    list(&upstream, &["127.0.0.1:1", "127.0.0.2:1", "127.0.0.3:1"]);
    assert_eq!(places(), before);
}

#[test]
fn a_request_that_is_held_finds_the_latest_of_several_configurations() {
    let [first, second, third] = [(); 3].map(|()| upstream(BalancingPolicy::Ordered, &["127.0.0.1:1"]));
    first.retire(Some(&second));
    assert!(Arc::ptr_eq(&first.successor().expect("a successor"), &second));
    assert!(second.successor().is_none());
    second.retire(Some(&third));
    drop(second);
    assert!(Arc::ptr_eq(&first.successor().expect("a successor"), &third));
    assert!(third.successor().is_none());
}

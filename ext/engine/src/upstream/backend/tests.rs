use std::sync::Barrier;

use super::*;
use crate::compile::Report;
use crate::config::{HealthCheck, PoolConfig};
use crate::error::Blame;
use crate::log::tests::Memory;
use crate::log::Log;
use crate::metrics::FailureReason;
use crate::upstream::backend::outlier::OutlierRules;
use crate::upstream::backend::retry_budget::RetryPermit;
use crate::upstream::backend::rules::GroupRules;

fn endpoint(traits: BackendSettings) -> Arc<Backend> {
    Backend::new("a".into(), "a", BackendAddress::Unix("/a".into()), None, traits)
}

/// So many backends of one upstream.
fn group(count: usize, outlier: Option<OutlierRules>, traits: BackendSettings) -> Vec<Arc<Backend>> {
    let group = BackendGroup::new("app", Arc::new(GroupRules { outlier, ..GroupRules::default() }));
    let make = |n: usize| Backend::within(&group, n.to_string(), "a", BackendAddress::Unix("/a".into()), None, traits);
    let endpoints: Vec<_> = (0..count).map(make).collect();
    group.set_members(&endpoints, false);
    endpoints
}

const ONCE: Option<OutlierRules> = Some(OutlierRules { max_fails: 1, fail_timeout: Duration::from_secs(60) });
/// Ejections whose time is over at once.
const SHORT: Option<OutlierRules> = Some(OutlierRules { max_fails: 1, fail_timeout: Duration::from_nanos(1) });

fn fail(endpoint: &Arc<Backend>) {
    Attempt::admit(endpoint.clone(), None).expect("it is there").failed(Blame::Backend, FailureReason::Error);
}

fn states(endpoints: &[Arc<Backend>]) -> Vec<&str> {
    endpoints.iter().map(|endpoint| endpoint.state()).collect()
}

#[test]
fn an_attempt_counts_as_in_flight_until_it_is_dropped() {
    let endpoint = endpoint(BackendSettings::default());
    let first = Attempt::begin(endpoint.clone());
    let second = Attempt::begin(endpoint.clone());
    second.failed(Blame::Backend, FailureReason::Error);
    assert_eq!(endpoint.in_flight(), 2);
    drop((first, second));
    let stats = endpoint.stats();
    assert_eq!((stats.in_flight, stats.requests, stats.failures), (0, 2, 1));
}

#[test]
fn an_attempt_fails_once_at_most() {
    let twice = Some(OutlierRules { max_fails: 2, fail_timeout: Duration::from_secs(60) });
    let endpoints = group(2, twice, BackendSettings::default());
    let attempt = Attempt::begin(endpoints[0].clone());
    attempt.failed(Blame::Backend, FailureReason::Error);
    attempt.failed(Blame::Backend, FailureReason::Error);
    assert_eq!((endpoints[0].stats().failures, endpoints[0].state()), (1, "ready"));
}

#[test]
fn a_retry_that_is_answered_leaves_the_budget_to_others() {
    let endpoints = group(1, None, BackendSettings::default());
    let retry = || {
        let permit = RetryPermit::take(endpoints[0].group(), 20.0)?;
        Attempt::admit(endpoints[0].clone(), Some(permit))
    };
    let retries: Vec<_> = std::iter::from_fn(retry).collect();
    assert_eq!(retries.len(), 3);
    retries[0].succeeded();
    assert!(retry().is_some(), "its answer may take for ever");
}

#[test]
fn no_two_endpoints_share_an_id() {
    assert_ne!(endpoint(BackendSettings::default()).id(), endpoint(BackendSettings::default()).id());
}

#[test]
fn max_connections_are_never_exceeded_over_all_threads() {
    let endpoint = endpoint(BackendSettings { max_connections: Some(3), ..BackendSettings::default() });
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..2_000 {
                    if let Some(attempt) = Attempt::admit(endpoint.clone(), None) {
                        assert!(endpoint.in_flight() <= 3);
                        drop(attempt);
                    }
                }
            });
        }
    });
    assert_eq!(endpoint.in_flight(), 0);
    let held: Vec<_> = (0..3).map(|_| Attempt::admit(endpoint.clone(), None).expect("room")).collect();
    assert!(!endpoint.has_room() && Attempt::admit(endpoint.clone(), None).is_none());
    drop(held);
    assert!(endpoint.has_room());
}

#[test]
fn at_most_half_of_the_backends_are_ejected_and_never_the_only_one() {
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let endpoints = group(count, ONCE, BackendSettings::default());
        endpoints.iter().for_each(fail);
        let ejected = endpoints.iter().filter(|endpoint| endpoint.state() == "ejected").count();
        assert_eq!(ejected, most, "of {count}");
    }
}

#[test]
fn the_last_one_that_serves_is_not_ejected() {
    let endpoints = group(4, ONCE, BackendSettings::default());
    for endpoint in &endpoints[1..] {
        endpoint.set_admin(Admin::Down);
    }
    fail(&endpoints[0]);
    assert_eq!(states(&endpoints), ["ready", "down", "down", "down"]);
}

#[test]
fn one_request_probes_an_ejected_backend_and_brings_it_back() {
    let endpoints = group(2, SHORT, BackendSettings::default());
    fail(&endpoints[0]);
    assert_eq!(states(&endpoints), ["ejected", "ready"]);
    let probe = Attempt::admit(endpoints[0].clone(), None).expect("its time is over");
    assert!(!endpoints[0].is_available());
    assert!(Attempt::admit(endpoints[0].clone(), None).is_none(), "one is enough");
    probe.succeeded();
    drop(probe);
    assert_eq!(states(&endpoints), ["ready", "ready"]);
    assert!(endpoints[0].is_available());
}

#[test]
fn a_probe_that_fails_ejects_it_again() {
    let endpoints = group(2, SHORT, BackendSettings::default());
    fail(&endpoints[0]);
    fail(&endpoints[0]);
    assert_eq!(
        (states(&endpoints), endpoints[0].is_available()),
        (vec!["ejected", "ready"], true),
        "its time is over again"
    );
    Attempt::admit(endpoints[0].clone(), None).expect("the next one probes").succeeded();
    assert_eq!(states(&endpoints), ["ready", "ready"]);
}

#[test]
fn a_probe_that_is_given_up_leaves_it_to_the_next_request() {
    let endpoints = group(2, SHORT, BackendSettings::default());
    fail(&endpoints[0]);
    drop(Attempt::admit(endpoints[0].clone(), None).expect("its time is over"));
    assert_eq!((states(&endpoints), endpoints[0].is_available()), (vec!["ejected", "ready"], true));
    assert_eq!(endpoints[0].in_flight(), 0);
}

#[test]
fn what_we_lack_ourselves_is_not_held_against_a_backend() {
    let endpoints = group(2, ONCE, BackendSettings::default());
    Attempt::begin(endpoints[0].clone()).failed(Blame::Us, FailureReason::Error);
    assert_eq!(states(&endpoints), ["ready", "ready"]);
    assert_eq!(endpoints[0].stats().failures, 0);
}

#[test]
fn attempts_of_before_an_ejection_do_not_change_it() {
    let endpoints = group(2, ONCE, BackendSettings::default());
    let (late, later) = (Attempt::begin(endpoints[0].clone()), Attempt::begin(endpoints[0].clone()));
    fail(&endpoints[0]);
    late.succeeded();
    later.failed(Blame::Backend, FailureReason::Error);
    assert_eq!(states(&endpoints), ["ejected", "ready"]);
}

#[test]
fn the_share_is_the_weight_and_less_after_a_return() {
    let traits =
        BackendSettings { weight: 4, slow_start: Some(Duration::from_secs(600)), ..BackendSettings::default() };
    let endpoint = &group(2, SHORT, traits)[0];
    assert_eq!(endpoint.share(), 4 * 256, "at the start it gets all of it");
    fail(endpoint);
    Attempt::admit(endpoint.clone(), None).expect("its time is over").succeeded();
    assert_eq!(endpoint.share(), 4 * 26);
}

#[test]
fn the_state_set_for_an_upstream_holds_for_backends_to_come() {
    let endpoints =
        group(2, None, BackendSettings { slow_start: Some(Duration::from_secs(600)), ..BackendSettings::default() });
    let group = endpoints[0].group().clone();
    assert!(!group.set_admin("app/7", Admin::Down));
    assert!(group.set_admin("app", Admin::Down) && group.set_admin("app/1", Admin::Draining));
    assert_eq!(states(&endpoints), ["down", "draining"]);
    let again = |label: &str| {
        Backend::within(&group, label.into(), "a", BackendAddress::Unix("/a".into()), None, *endpoints[0].settings())
    };
    let new = [again("1"), again("2")];
    group.set_members(&new, true);
    assert_eq!(states(&new), ["draining", "down"]);
    assert!(group.set_admin("app", Admin::Ready));
    assert_eq!(states(&new), ["ready", "ready"]);
    assert_eq!(new[0].share(), 26, "it starts slowly");
    assert_eq!(group.names(), ["app", "app/1", "app/2"]);
    assert!(!group.set_admin("ap", Admin::Down) && !group.set_admin("apple", Admin::Down));
}

#[tokio::test]
async fn each_change_is_one_line_of_the_log() {
    let pool = PoolConfig {
        // Nothing is asked while this test lasts but what it says itself.
        health_check: Some(HealthCheck { interval: 1e6, fall: 3, rise: 2, ..HealthCheck::default() }),
        max_fails: 1,
        fail_timeout: 1e-9,
        ..PoolConfig::default()
    };
    let group = BackendGroup::new("app", Arc::new(Report::sound(|report| GroupRules::compile(&pool, report))));
    let make = |label: &str| {
        Backend::within(&group, label.into(), "a", BackendAddress::Unix("/a".into()), None, BackendSettings::default())
    };
    let members = [make("a:1"), make("b:1")];
    let a = &members[0];
    let memory = Memory::default();
    group.start(
        &tokio::runtime::Handle::current(),
        &Log::to(Level::Info, Box::new(memory.clone())),
        crate::upstream::health::schedule::checker,
    );
    group.set_members(&members, false);
    for result in [Err("connection refused".to_owned()), Err("x".into()), Err("no route".into()), Ok(())] {
        a.checked(result);
    }
    // Later ones have to last.
    for result in [Err("x".to_owned()), Err("x".into()), Err("no route".into()), Ok(()), Ok(()), Ok(())] {
        a.checked(result);
    }
    members[1].checked(Ok(()));
    fail(a);
    fail(a);
    Attempt::admit(a.clone(), None).expect("its time is over").succeeded();
    group.set_admin("app/a:1", Admin::Draining);
    group.set_admin("app/a:1", Admin::Draining);
    group.stop();
    let text = memory.text();
    let lines: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    assert_eq!(
        lines,
        [
            "warn upstream app: a:1 is unhealthy: 3 checks failed (no route)",
            "info upstream app: a:1 is healthy: 1 check succeeded",
            "warn upstream app: a:1 is unhealthy: 3 checks failed (no route)",
            "info upstream app: a:1 is healthy: 2 checks succeeded",
            "warn upstream app: a:1 is ejected for 1ns: 1 attempt failed within 1ns",
            "warn upstream app: a:1 is ejected for another 2ns: the next request failed",
            "info upstream app: a:1 is back: a request succeeded",
            "info upstream app: a:1 is draining now, as was asked for",
        ]
    );
}

use super::super::backend::{Place, Traits};
use super::*;

fn endpoints(count: usize) -> Vec<Arc<Endpoint>> {
    (0..count)
        .map(|n| Endpoint::new(n.to_string(), "host", Place::Unix(n.to_string().into()), None, Traits::default()))
        .collect()
}

fn balancer(name: &str) -> Balancer {
    Balancer::new(Policy::named(name).expect("a known policy"))
}

/// The labels of the backends that one request is tried on.
fn attempts(balancer: &Balancer, endpoints: &[Arc<Endpoint>], count: usize) -> Vec<String> {
    let mut tried = Tried::default();
    (0..count).map(|_| balancer.pick(endpoints, &mut tried).expect("a backend").label().to_owned()).collect()
}

#[test]
fn every_listed_name_is_a_policy_and_no_other_is() {
    assert_eq!(Policy::ALL.map(|(name, _)| Policy::named(name)), Policy::ALL.map(|(_, policy)| Some(policy)));
    assert_eq!(Policy::named("least_busy"), None);
}

#[test]
fn round_robin_is_even_and_cyclic() {
    let (balancer, endpoints) = (balancer("round_robin"), endpoints(3));
    let firsts: Vec<_> = (0..7).flat_map(|_| attempts(&balancer, &endpoints, 1)).collect();
    assert_eq!(firsts, ["0", "1", "2", "0", "1", "2", "0"]);
}

#[test]
fn ordered_begins_every_request_with_the_first() {
    let (balancer, endpoints) = (balancer("ordered"), endpoints(3));
    assert_eq!(attempts(&balancer, &endpoints, 3), ["0", "1", "2"]);
    assert_eq!(attempts(&balancer, &endpoints, 1), ["0"]);
}

#[test]
fn random_reaches_every_backend_and_then_tries_the_others() {
    let (balancer, endpoints) = (balancer("random"), endpoints(4));
    let mut firsts: Vec<_> = (0..1000).flat_map(|_| attempts(&balancer, &endpoints, 1)).collect();
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts, ["0", "1", "2", "3"]);
    let mut all = attempts(&balancer, &endpoints, 4);
    all.sort();
    assert_eq!(all, ["0", "1", "2", "3"]);
}

#[test]
fn failed_attempts_go_round_the_list_and_start_over() {
    let (balancer, endpoints) = (balancer("round_robin"), endpoints(3));
    attempts(&balancer, &endpoints, 1);
    assert_eq!(attempts(&balancer, &endpoints, 7), ["1", "2", "0", "1", "2", "0", "1"]);
}

#[test]
fn more_backends_than_fit_inline_are_each_tried_once() {
    let endpoints = endpoints(20);
    let mut all: Vec<usize> =
        attempts(&balancer("random"), &endpoints, 20).iter().map(|label| label.parse().expect("a number")).collect();
    all.sort();
    assert_eq!(all, (0..20).collect::<Vec<_>>());
}

#[test]
fn a_list_that_changes_between_attempts_still_yields_an_untried_backend() {
    let (balancer, old) = (balancer("ordered"), endpoints(2));
    let mut tried = Tried::default();
    balancer.pick(&old, &mut tried).expect("a backend");
    let new = vec![old[1].clone()];
    assert_eq!(balancer.pick(&new, &mut tried).expect("a backend").label(), "1");
    assert_eq!(balancer.pick(&new, &mut tried).expect("starts over").label(), "1");
}

#[test]
fn an_empty_list_has_nothing_to_pick() {
    assert!(balancer("round_robin").pick(&[], &mut Tried::default()).is_none());
}

mod distribution;
mod limits;
mod stickiness;

use super::super::backend::{Admin, BackendAddress, BackendSettings};
use super::super::Attempt;
use super::*;

/// A balancer and its endpoints, called "0", "1" and so on.
struct Bench {
    balancer: Balancer,
    members: Members,
}

impl Bench {
    fn new(policy: &str, traits: Vec<BackendSettings>) -> Self {
        Self::by(BalancingPolicy::named(policy).expect("a known policy"), traits)
    }

    fn by(policy: BalancingPolicy, traits: Vec<BackendSettings>) -> Self {
        let endpoint = |(n, traits): (usize, BackendSettings)| {
            Backend::new(n.to_string(), "host", BackendAddress::Unix(n.to_string().into()), None, traits)
        };
        let balancer = Balancer::from_the_first(policy);
        let members = balancer.members(traits.into_iter().enumerate().map(endpoint).collect());
        Self { balancer, members }
    }

    /// So many alike.
    fn of(policy: &str, count: usize) -> Self {
        Self::new(policy, vec![BackendSettings::default(); count])
    }

    fn weighted(policy: &str, weights: &[u32]) -> Self {
        Self::new(
            policy,
            weights.iter().map(|weight| BackendSettings { weight: *weight, ..BackendSettings::default() }).collect(),
        )
    }

    fn endpoint(&self, label: &str) -> &Arc<Backend> {
        self.members.iter().find(|endpoint| endpoint.label() == label).expect("an endpoint")
    }

    fn take_down(&self, label: &str) {
        self.endpoint(label).set_admin(Admin::Down);
    }

    fn bring_up(&self, label: &str) {
        self.endpoint(label).set_admin(Admin::Ready);
    }

    fn choose(&self, tried: &mut Tried) -> Choice {
        self.choose_for(&Affinity::None, tried)
    }

    fn choose_for(&self, affinity: &Affinity, tried: &mut Tried) -> Choice {
        self.balancer.choose(&self.members, affinity, tried)
    }

    /// The label of the backend that a request with that key goes to.
    fn of_key(&self, key: &str) -> String {
        let affinity = Affinity::Key(hash(key.as_bytes()));
        self.choose_for(&affinity, &mut Tried::default()).backend().expect("a backend").label().to_owned()
    }

    /// An attempt of a request, at whichever backend it goes to.
    fn begin(&self) -> Attempt {
        Attempt::begin(self.choose(&mut Tried::default()).backend().expect("a backend"))
    }

    /// The labels of the backends that one request is tried on.
    fn attempts(&self, count: usize) -> Vec<String> {
        let mut tried = Tried::default();
        (0..count).map(|_| self.choose(&mut tried).backend().expect("a backend").label().to_owned()).collect()
    }

    /// The labels of the backends that so many requests go to.
    fn firsts(&self, count: usize) -> Vec<String> {
        (0..count).flat_map(|_| self.attempts(1)).collect()
    }
}

#[test]
fn every_listed_name_is_a_policy_and_no_other_is() {
    assert!(BalancingPolicy::NAMES.iter().all(|name| BalancingPolicy::named(name).is_some()));
    assert!(BalancingPolicy::named("least_busy").is_none());
}

#[test]
fn round_robin_is_even_and_cyclic() {
    assert_eq!(Bench::of("round_robin", 3).firsts(7), ["0", "1", "2", "0", "1", "2", "0"]);
}

#[test]
fn ordered_begins_every_request_with_the_first() {
    let bench = Bench::of("ordered", 3);
    assert_eq!(bench.attempts(3), ["0", "1", "2"]);
    assert_eq!(bench.attempts(1), ["0"]);
}

#[test]
fn random_reaches_every_backend_and_then_tries_the_others() {
    let bench = Bench::of("random", 4);
    let mut firsts = bench.firsts(1000);
    firsts.sort();
    firsts.dedup();
    assert_eq!(firsts, ["0", "1", "2", "3"]);
    let mut all = bench.attempts(4);
    all.sort();
    assert_eq!(all, ["0", "1", "2", "3"]);
}

#[test]
fn failed_attempts_try_every_backend_before_they_start_over() {
    let bench = Bench::of("round_robin", 3);
    bench.attempts(1);
    let attempts = bench.attempts(30);
    assert_eq!(attempts[0], "1");
    assert!((0..3).all(|n| attempts[..3].contains(&n.to_string())), "{attempts:?}");
    assert!(attempts.windows(2).all(|two| two[0] != two[1]), "{attempts:?}");
    assert!((0..3).all(|n| attempts.iter().filter(|label| **label == n.to_string()).count() > 5), "{attempts:?}");
}

#[test]
fn more_backends_than_fit_inline_are_each_tried_once() {
    let mut all: Vec<usize> =
        Bench::of("random", 40).attempts(40).iter().map(|label| label.parse().expect("a number")).collect();
    all.sort();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
}

#[test]
fn a_list_that_changes_between_attempts_still_yields_an_untried_backend() {
    let bench = Bench::of("ordered", 2);
    let mut tried = Tried::default();
    bench.choose(&mut tried).backend().expect("a backend");
    let new = bench.balancer.members(bench.members.iter().skip(1).cloned().collect());
    let choose = |tried: &mut Tried| {
        bench.balancer.choose(&new, &Affinity::None, tried).backend().map(|endpoint| endpoint.label().to_owned())
    };
    assert_eq!(choose(&mut tried).as_deref(), Some("1"));
    assert_eq!(choose(&mut tried).as_deref(), Some("1"), "starts over");
}

#[test]
fn an_empty_list_has_nothing_to_choose() {
    assert!(matches!(Bench::of("round_robin", 0).choose(&mut Tried::default()), Choice::None));
}

//! How requests spread.

use std::collections::HashMap;

use super::*;

/// How often each label comes up.
fn counts(labels: impl IntoIterator<Item = String>) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    labels.into_iter().for_each(|label| *counts.entry(label).or_default() += 1);
    counts
}

/// A bench whose policy is a consistent hash of a value.
fn hashing(count: usize, bounded: bool) -> Bench {
    let template = crate::rewrite::Template::parse("{path}", crate::rewrite::Context::Request).expect("a template");
    let policy = BalancingPolicy::Keyed { template: Arc::new(template), bounded };
    Bench::by(policy, vec![BackendSettings::default(); count])
}

#[test]
fn weights_of_3_and_1_share_400_requests_as_300_and_100_evenly_mixed() {
    let labels = Bench::weighted("round_robin", &[3, 1]).firsts(400);
    assert_eq!(labels.iter().filter(|label| *label == "0").count(), 300);
    for four in labels.windows(4) {
        assert_eq!(four.iter().filter(|label| *label == "1").count(), 1, "{four:?}");
    }
}

#[test]
fn weights_are_exact_over_all_threads_together() {
    let bench = Bench::weighted("round_robin", &[3, 1]);
    let labels: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.firsts(1000))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let counts = counts(labels);
    assert_eq!((counts["0"], counts["1"]), (3000, 1000));
}

#[test]
fn random_follows_weights() {
    fastrand::seed(7);
    let counts = counts(Bench::weighted("random", &[3, 1]).firsts(4000));
    // Four standard deviations are 110.
    assert!((2890..=3110).contains(&counts["0"]), "{counts:?}");
}

#[test]
fn least_conn_sends_a_slow_backend_the_fewer() {
    let bench = Bench::of("least_conn", 2);
    // Backend 0 answers every tenth of the others' times: its requests stay in flight for ten more.
    let (mut slow, mut count) = (std::collections::VecDeque::new(), HashMap::<String, usize>::new());
    for now in 0..1000 {
        while slow.front().is_some_and(|(until, _)| *until <= now) {
            slow.pop_front();
        }
        let chosen = bench.choose(&mut Tried::default()).backend().expect("a backend");
        *count.entry(chosen.label().to_owned()).or_default() += 1;
        if chosen.label() == "0" {
            slow.push_back((now + 10, Attempt::begin(chosen)));
        }
    }
    assert!(count["0"] <= 100 && count["1"] >= 900, "{count:?}");
}

#[test]
fn least_conn_goes_by_weight_and_takes_equals_in_turn() {
    let bench = Bench::weighted("least_conn", &[3, 1]);
    assert_eq!(bench.firsts(8), ["0", "0", "1", "0", "0", "0", "1", "0"], "all are idle");
    let held: Vec<_> = (0..400).map(|_| bench.begin()).collect();
    assert_eq!((bench.endpoint("0").in_flight(), bench.endpoint("1").in_flight()), (300, 100));
    drop(held);
}

#[test]
fn random_two_keeps_requests_in_flight_nearly_even() {
    fastrand::seed(7);
    let bench = Bench::of("random_two", 10);
    let held: Vec<_> = (0..1000).map(|_| bench.begin()).collect();
    let loads: Vec<_> = bench.members.iter().map(|endpoint| endpoint.in_flight()).collect();
    // The share of each is 100. Chance alone would leave some below 80 and others above 120.
    assert!(loads.iter().all(|load| (95..=105).contains(load)), "{loads:?}");
    drop(held);
}

#[test]
fn random_two_prefers_the_heavier() {
    fastrand::seed(7);
    let bench = Bench::weighted("random_two", &[1, 1, 2]);
    let held: Vec<_> = (0..400).map(|_| bench.begin()).collect();
    assert!((190..=210).contains(&bench.endpoint("2").in_flight()), "{}", bench.endpoint("2").in_flight());
    drop(held);
}

#[test]
fn a_backend_added_to_ten_takes_a_tenth_of_the_keys() {
    let (ten, eleven) = (hashing(10, false), hashing(11, false));
    let keys: Vec<_> = (0..10_000).map(|n| format!("/item/{n}")).collect();
    let moved: Vec<_> = keys.iter().filter(|key| ten.of_key(key) != eleven.of_key(key)).collect();
    assert!((800..=1300).contains(&moved.len()), "{}", moved.len());
    assert!(moved.iter().all(|key| eleven.of_key(key) == "10"));
}

#[test]
fn keys_spread_over_backends_within_a_quarter_of_their_share() {
    let bench = hashing(10, false);
    let counts = counts((0..10_000).map(|n| bench.of_key(&format!("/item/{n}"))));
    assert!(counts.len() == 10 && counts.values().all(|count| (750..=1250).contains(count)), "{counts:?}");
}

#[test]
fn keys_follow_weights() {
    let bench = Bench::weighted("ip_hash", &[1, 3]);
    let counts = counts((0..10_000).map(|n| bench.of_key(&format!("10.0.{}.{}", n / 256, n % 256))));
    assert!((6750..=8250).contains(&counts["1"]), "{counts:?}");
}

#[test]
fn keys_of_a_backend_that_is_not_available_spread_and_return() {
    let bench = hashing(5, false);
    let keys: Vec<_> = (0..1000).map(|n| n.to_string()).collect();
    let before: Vec<_> = keys.iter().map(|key| bench.of_key(key)).collect();
    bench.take_down("2");
    for (key, before) in keys.iter().zip(&before) {
        let now = bench.of_key(key);
        assert!(if before == "2" { now != "2" } else { now == *before });
    }
    let spread =
        counts(keys.iter().zip(&before).filter(|(_, before)| *before == "2").map(|(key, _)| bench.of_key(key)));
    assert_eq!(spread.len(), 4, "{spread:?}");
    bench.bring_up("2");
    assert!(keys.iter().zip(&before).all(|(key, before)| bench.of_key(key) == *before));
}

#[test]
fn the_hash_of_a_key_is_the_same_in_every_version() {
    let bench = hashing(10, false);
    let labels: Vec<_> = ["/", "/a", "/b", "192.0.2.1", "2001:db8::1"].iter().map(|key| bench.of_key(key)).collect();
    assert_eq!(labels, ["8", "1", "4", "4", "5"]);
}

#[test]
fn a_bounded_hash_gives_no_backend_more_than_1_25_of_its_share_in_flight_and_one() {
    let bench = hashing(4, true);
    let mut held = Vec::new();
    // Nine of ten requests are for one key, and one for another each.
    for n in 0..1000 {
        let key = if n % 10 == 0 { format!("/item/{n}") } else { "/popular".into() };
        let chosen = bench.choose_for(&Affinity::Key(hash(key.as_bytes())), &mut Tried::default());
        held.push(Attempt::begin(chosen.backend().expect("a backend")));
        let fair = held.len() as f64 / 4.0;
        for endpoint in bench.members.iter() {
            assert!(endpoint.in_flight() as f64 <= fair * 1.25 + 1.0, "{} of {}", endpoint.in_flight(), held.len());
        }
    }
    assert!(bench.members.iter().any(|endpoint| endpoint.in_flight() > 300), "the popular key still has a home");
    drop(held);
    assert_eq!(bench.of_key("/popular"), bench.of_key("/popular"));
}

#[test]
fn one_that_starts_slowly_gets_little_at_first() {
    fastrand::seed(7);
    let slow =
        BackendSettings { slow_start: Some(std::time::Duration::from_secs(36_000)), ..BackendSettings::default() };
    for policy in ["round_robin", "random"] {
        let bench = Bench::new(policy, vec![BackendSettings::default(), slow]);
        bench.endpoint("1").rise();
        let counts = counts(bench.firsts(2000));
        // A tenth of its share: one request in eleven.
        assert!((120..=250).contains(&counts["1"]), "{policy}: {counts:?}");
    }
}

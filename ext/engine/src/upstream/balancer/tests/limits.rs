//! Who gets no requests, and who gets them then.

use proptest::prelude::*;

use super::*;

/// Two backends that take one request each, and a backup.
fn with_room_for_one_each() -> Bench {
    let full = BackendSettings { max_connections: Some(1), ..BackendSettings::default() };
    Bench::new("round_robin", vec![full, full, BackendSettings { backup: true, ..BackendSettings::default() }])
}

#[test]
fn full_backends_are_passed_over() {
    let bench = with_room_for_one_each();
    let first = bench.begin();
    assert_eq!(bench.firsts(3), ["1", "1", "1"]);
    drop(first);
}

#[test]
fn a_request_waits_when_all_are_full_though_there_is_a_backup() {
    let bench = with_room_for_one_each();
    let (first, _second) = (bench.begin(), bench.begin());
    assert!(matches!(bench.choose(&mut Tried::default()), Choice::Busy));
    drop(first);
    assert_eq!(bench.firsts(2), ["0", "0"]);
}

#[test]
fn a_backend_that_was_full_after_all_counts_as_one_that_was_not_tried() {
    let full = BackendSettings { max_connections: Some(1), ..BackendSettings::default() };
    let bench = Bench::new("ordered", vec![full, full]);
    let mut tried = Tried::default();
    let second = Attempt::begin(bench.endpoint("1").clone());
    assert!(bench.choose(&mut tried).backend().is_some());
    // Somebody else takes its room before this request does.
    tried.take_back();
    let first = Attempt::begin(bench.endpoint("0").clone());
    assert!(matches!(bench.choose(&mut tried), Choice::Busy));
    drop(first);
    assert_eq!(bench.choose(&mut tried).backend().expect("it has room again").label(), "0");
    drop(second);
}

#[test]
fn what_is_taken_back_is_the_latest_attempt_alone() {
    let mut tried = Tried::default();
    for id in 1..=20 {
        tried.add(id);
    }
    for id in (1..=20).rev() {
        assert_eq!((tried.last(), tried.contains(id)), (Some(id), true));
        tried.take_back();
        assert!(!tried.contains(id) && (1..id).all(|other| tried.contains(other)), "{id}");
    }
    assert_eq!(tried.last(), None);
}

#[test]
fn a_backup_is_tried_when_every_primary_has_failed_the_request() {
    let backup = BackendSettings { backup: true, ..BackendSettings::default() };
    let bench = Bench::new("round_robin", vec![backup, BackendSettings::default(), BackendSettings::default()]);
    let attempts = bench.attempts(4);
    assert_eq!(attempts[..3], ["1", "2", "0"]);
    assert!(attempts[3] == "1" || attempts[3] == "2", "{attempts:?}");
    assert_eq!(bench.firsts(4), ["2", "1", "2", "1"], "only the first attempt took a turn");
}

#[test]
fn backups_serve_while_no_primary_is_available_and_no_longer() {
    let backup = BackendSettings { backup: true, ..BackendSettings::default() };
    for policy in BalancingPolicy::NAMES {
        let bench = Bench::new(policy, vec![BackendSettings::default(), BackendSettings::default(), backup]);
        bench.take_down("0");
        assert_eq!(bench.firsts(3), ["1"; 3], "{policy}");
        bench.take_down("1");
        assert_eq!(bench.firsts(3), ["2"; 3], "{policy}");
        bench.bring_up("0");
        assert_eq!(bench.firsts(3), ["0"; 3], "{policy}");
    }
}

#[test]
fn with_nobody_available_there_is_nobody() {
    for policy in BalancingPolicy::NAMES {
        let bench = Bench::of(policy, 2);
        bench.take_down("0");
        bench.take_down("1");
        assert!(matches!(bench.choose(&mut Tried::default()), Choice::None), "{policy}");
        bench.bring_up("1");
        assert_eq!(bench.firsts(2), ["1", "1"], "{policy}");
    }
}

#[test]
fn turns_of_unavailable_backends_fall_to_the_others_by_weight() {
    let bench = Bench::weighted("round_robin", &[1, 2, 3]);
    bench.take_down("2");
    let labels = bench.firsts(300);
    assert_eq!(labels.iter().filter(|label| *label == "0").count(), 100);
    let bench = Bench::of("round_robin", 3);
    bench.take_down("0");
    assert_eq!(bench.firsts(4), ["1", "2", "1", "2"]);
}

#[test]
fn where_nobody_can_take_a_request_nobody_loses_a_turn() {
    let bench =
        Bench::new("round_robin", vec![BackendSettings { max_connections: Some(0), ..BackendSettings::default() }; 3]);
    for _ in 0..5 {
        assert!(matches!(bench.choose(&mut Tried::default()), Choice::Busy));
    }
}

fn any_traits() -> impl Strategy<Value = (BackendSettings, bool)> {
    let limits = prop_oneof![Just(None), Just(Some(0)), Just(Some(1))];
    (1u32..5, any::<bool>(), limits, any::<bool>()).prop_map(|(weight, backup, max_connections, up)| {
        (BackendSettings { weight, backup, max_connections, ..BackendSettings::default() }, up)
    })
}

proptest! {
    #[test]
    fn nobody_is_asked_in_vain_or_twice_while_there_is_somebody_else(
        policy in prop::sample::select(BalancingPolicy::NAMES.to_vec()),
        members in prop::collection::vec(any_traits(), 0..7),
        key in any::<u64>(),
    ) {
        let bench = Bench::new(policy, members.iter().map(|(traits, _)| *traits).collect());
        for (n, (_, up)) in members.iter().enumerate() {
            if !up {
                bench.take_down(&n.to_string());
            }
        }
        let (mut tried, mut seen, mut last) = (Tried::default(), Vec::new(), None);
        for _ in 0..12 {
            let untried = bench.members.iter().filter(|e| e.is_available() && !seen.contains(&e.id()));
            let untried: Vec<_> = untried.cloned().collect();
            match bench.choose_for(&Affinity::Key(key), &mut tried) {
                Choice::Backend(chosen) => {
                    prop_assert!(chosen.is_available() && chosen.has_room());
                    if !untried.is_empty() {
                        prop_assert!(!seen.contains(&chosen.id()));
                        prop_assert!(!chosen.settings().backup || untried.iter().all(|e| e.settings().backup));
                    } else {
                        seen = last.into_iter().collect();
                    }
                    last = Some(chosen.id());
                    seen.push(chosen.id());
                }
                Choice::Busy => {
                    prop_assert!(bench.members.iter().any(|e| e.is_available() && !e.has_room()));
                    return Ok(());
                }
                Choice::None => {
                    prop_assert!(bench.members.iter().all(|e| !e.is_available()));
                    return Ok(());
                }
            }
        }
    }
}

#[test]
fn a_choice_among_sixteen_allocates_nothing_whatever_the_policy() {
    for policy in BalancingPolicy::NAMES {
        let bench = Bench::weighted(policy, &[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]);
        bench.take_down("3");
        let affinity = Affinity::Key(7);
        let counted = allocation_counter::measure(|| {
            let mut tried = Tried::default();
            for _ in 0..16 {
                drop(bench.choose_for(&affinity, &mut tried));
            }
        });
        assert_eq!(counted.count_total, 0, "{policy}");
    }
}

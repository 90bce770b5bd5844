use super::*;

const CA: &str = "https://ca.example/directory";

fn at(days: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + DAY.mul_f64(days)
}

/// A certificate that was issued at day 0 and lives so many days. The authority was asked just now.
fn living(days: f64) -> CertificateState {
    CertificateState {
        names: vec!["a.example".into()],
        authority: Some(CA.into()),
        not_before: Some(at(0.0)),
        not_after: Some(at(days)),
        window_until: Some(at(1_000.0)),
        ..CertificateState::default()
    }
}

fn step_for(
    state: &CertificateState,
    renew: RenewalTime,
    names: &[&str],
    authorities: &[&str],
    now: SystemTime,
) -> Step {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    next_step(state, &WantedState { names: &names, authorities, renew }, now)
}

fn step(state: &CertificateState, days: f64) -> Step {
    step_for(state, RenewalTime::Suggested, &["a.example"], &[CA], at(days))
}

#[test]
fn pauses_grow_to_six_hours_and_differ_by_a_tenth() {
    let minutes = [1, 5, 15, 60, 60, 60, 60, 60, 60, 60, 360, 360];
    for (failures, minutes) in (1..).zip(minutes) {
        let pause = pause(failures).as_secs_f64() / 60.0;
        assert!((0.9..=1.1).contains(&(pause / f64::from(minutes))), "{failures}: {pause}");
    }
    assert!(pause(u32::MAX) > HOUR.saturating_mul(5));
    // So that an authority never counts five failures of a name in an hour, whatever the chances were.
    let least: f64 = minutes[..4].iter().map(|minutes| f64::from(*minutes) * 0.9).sum();
    assert!(least > 60.0);
}

#[test]
fn what_is_not_there_is_ordered_at_once_but_not_before_the_next_attempt() {
    let none = CertificateState { names: vec!["a.example".into()], ..CertificateState::default() };
    assert_eq!(step(&none, 0.0), Step::Order);
    let failed = CertificateState { next_attempt: Some(at(2.0)), attempted_at: Some(at(1.0)), failures: 1, ..none };
    assert_eq!(step(&failed, 1.5), Step::Wait(at(2.0)));
    assert_eq!(step(&failed, 2.0), Step::Order);
    // Not even an end that is near goes before what the authority has said.
    let ending = CertificateState { next_attempt: Some(at(95.0)), attempted_at: Some(at(89.0)), ..living(90.0) };
    assert_eq!(step(&ending, 89.9), Step::Wait(at(95.0)));
}

#[test]
fn a_clock_that_was_put_back_does_not_lengthen_a_pause() {
    let state = CertificateState {
        names: vec!["a.example".into()],
        attempted_at: Some(at(10.0)),
        next_attempt: Some(at(10.25)),
        ..CertificateState::default()
    };
    assert_eq!(step(&state, 1.0), Step::Wait(at(1.25)));
    assert_eq!(step(&state, 10.1), Step::Wait(at(10.25)));
    assert_eq!(step(&state, 11.0), Step::Order, "one that was put forward ends it");
}

#[test]
fn without_a_suggestion_a_third_of_the_life_is_left_or_a_half_of_a_short_one() {
    for (life, left) in [(90.0, 30.0), (45.0, 15.0), (6.0, 3.0), (0.001, 0.0005)] {
        let state = living(life);
        let renewed = life - left;
        assert!(matches!(step(&state, renewed * 0.999), Step::Wait(_)), "{life}");
        assert_eq!(step(&state, renewed * 1.001), Step::Order, "{life}");
    }
    assert_eq!(step(&living(90.0), 200.0), Step::Order, "one that has expired");
    let before = at(0.0) - DAY;
    let renew = RenewalTime::Suggested;
    let step = step_for(&living(90.0), renew, &["a.example"], &[CA], before);
    assert!(matches!(step, Step::Wait(_)), "one that is not good yet");
}

#[test]
fn the_configuration_goes_before_the_authority() {
    let state = CertificateState { chosen_at: Some(at(1.0)), window_until: None, ..living(90.0) };
    let with = |renew, days| step_for(&state, renew, &["a.example"], &[CA], at(days));
    assert_eq!(with(RenewalTime::Before(DAY * 10), 79.0), Step::Wait(at(80.0)));
    assert_eq!(with(RenewalTime::Before(DAY * 10), 80.0), Step::Order);
    assert_eq!(with(RenewalTime::Fraction(0.5), 46.0), Step::Order);
    // More than its life: not again and again.
    assert!(matches!(with(RenewalTime::Before(DAY * 365), 0.5), Step::Wait(_)));
    assert_eq!(with(RenewalTime::Before(DAY * 365), 1.0), Step::Order);
    // In its last twentieth it is renewed whatever was written.
    assert_eq!(with(RenewalTime::Before(Duration::from_secs(1)), 86.0), Step::Order);
}

#[test]
fn names_and_authorities_that_the_certificate_does_not_have_need_another() {
    let state = living(90.0);
    let with = |names: &[&str], authorities: &[&str]| {
        step_for(&state, RenewalTime::Suggested, names, authorities, at(1.0)) == Step::Order
    };
    assert!(!with(&["a.example"], &["https://other.example/", CA]));
    assert!(with(&["a.example", "*.a.example"], &[CA]));
    assert!(with(&["a.example"], &["https://other.example/"]));
    // Nobody knows who issued it: the state was lost.
    let lost = CertificateState { authority: None, ..state.clone() };
    assert!(matches!(step(&lost, 1.0), Step::Wait(_)));
}

#[test]
fn the_authority_is_asked_when_its_last_answer_no_longer_holds() {
    let state = CertificateState { window_until: Some(at(1.0)), ..living(90.0) };
    assert_eq!(step(&state, 0.5), Step::Wait(at(1.0)));
    assert_eq!(step(&state, 1.0), Step::AskWindow);
    assert_eq!(step(&CertificateState { window_until: None, ..living(90.0) }, 1.0), Step::AskWindow);
}

#[test]
fn a_moment_in_the_window_is_chosen_once() {
    let mut state = living(90.0);
    let window = (at(50.0), at(52.0));
    suggest(&mut state, Some((window, HOUR * 6)), at(1.0));
    let chosen = state.chosen_at.expect("a moment");
    assert!(window.0 <= chosen && chosen <= window.1);
    assert_eq!((state.window, state.window_until), (Some(window), Some(at(1.25))));
    for _ in 0..20 {
        suggest(&mut state, Some((window, HOUR * 6)), at(2.0));
        assert_eq!(state.chosen_at, Some(chosen));
    }
    assert_eq!(step(&CertificateState { window_until: Some(at(99.0)), ..state.clone() }, 49.0), Step::Wait(chosen));
    // One that is over means now.
    suggest(&mut state, Some(((at(0.1), at(0.2)), HOUR * 6)), at(2.0));
    assert_eq!(step(&state, 2.0), Step::Order);
}

#[test]
fn a_suggestion_that_is_of_no_use_counts_as_none() {
    for wrong in [Some((at(80.0), at(91.0))), Some((at(50.0), at(50.0))), Some((at(52.0), at(50.0))), None] {
        let mut state = CertificateState { chosen_at: Some(at(3.0)), window: Some((at(2.0), at(4.0))), ..living(90.0) };
        suggest(&mut state, wrong.map(|window| (window, HOUR)), at(1.0));
        assert_eq!((state.window, state.chosen_at), (None, None));
        assert!(state.window_until > Some(at(1.0)), "it is not asked again at once");
    }
    // Whatever the authority suggests, the last twentieth of a life is time to act.
    let mut late = living(90.0);
    suggest(&mut late, Some(((at(89.0), at(89.5)), HOUR)), at(1.0));
    assert_eq!(step(&late, 86.0), Step::Order);
}

#[test]
fn a_short_life_asks_more_often_than_the_authority_wants() {
    let mut state = living(120.0 / 86_400.0);
    suggest(&mut state, None, at(0.0));
    assert_eq!(state.window_until, Some(at(0.0) + Duration::from_secs(5)));
    let mut state = living(90.0);
    suggest(&mut state, Some(((at(60.0), at(61.0)), HOUR * 6)), at(0.0));
    assert_eq!(state.window_until, Some(at(0.25)));
}

use super::*;

#[test]
fn what_somebody_wants_shows_before_what_checks_say() {
    let status = Status::default();
    assert_eq!((status.name(), status.is_available()), ("ready", true));
    status.eject(u64::MAX);
    assert_eq!((status.name(), status.is_available()), ("ejected", false));
    assert!(status.set_healthy(false));
    assert_eq!(status.name(), "unhealthy");
    assert!(status.set_admin(Admin::Draining));
    assert_eq!(status.name(), "draining");
    assert!(status.set_admin(Admin::Down));
    assert!(!status.set_admin(Admin::Down), "no change");
    assert_eq!(status.name(), "down");
    status.restore();
    assert!(status.set_healthy(true));
    assert!(status.set_admin(Admin::Ready));
    assert_eq!((status.name(), status.is_available()), ("ready", true));
}

#[test]
fn draining_keeps_sticky_clients_and_gets_no_others() {
    let status = Status::default();
    status.set_admin(Admin::Draining);
    assert!(status.accepts_sticky() && !status.is_available());
    status.set_healthy(false);
    assert!(!status.accepts_sticky());
    let status = Status::default();
    status.set_admin(Admin::Down);
    assert!(!status.accepts_sticky());
}

#[test]
fn one_request_probes_when_the_time_is_over_and_no_other() {
    let status = Status::default();
    let now = clock::now();
    status.eject(now + 60_000);
    assert!(!status.is_available() && !status.take_probe(now));
    assert_eq!(status.next_probe(now), Some(60_000));
    status.eject(now);
    assert_eq!(status.next_probe(now), None);
    assert!(status.is_available());
    assert!(status.take_probe(now));
    assert!(!status.is_available(), "somebody is at it");
    assert!(!status.take_probe(now));
    status.give_probe_back();
    assert!(status.is_available() && status.take_probe(now));
    status.restore();
    assert!(status.is_available() && !status.is_ejected());
    assert!(!status.take_probe(now), "there is nothing to find out");
}

#[test]
fn an_unreachable_backend_comes_last_for_twice_as_long_each_time() {
    let status = Status::default();
    let now = clock::now();
    assert_eq!(status.doubt(false, now), Some(1_000));
    assert!(status.is_available() && !status.is_preferred() && status.is_last());
    assert_eq!(status.doubt(false, now + 10), None, "those that fail together count as one");
    assert!(!status.take_try(now + 999));
    let mut moments = Vec::new();
    let mut at = now + 1_000;
    for _ in 0..7 {
        assert!(status.take_try(at) && !status.take_try(at), "one finds out");
        let backoff = status.doubt(true, at).expect("a longer moment");
        moments.push(backoff);
        at += backoff;
    }
    assert_eq!(moments, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    assert!(status.trust() && !status.trust());
    assert!(status.is_preferred() && !status.is_last());
    assert_eq!(status.doubt(false, at), Some(1_000), "after a success it begins anew");
}

#[test]
fn a_try_that_told_nothing_is_given_to_the_next() {
    let status = Status::default();
    status.doubt(false, clock::now());
    assert!(status.take_try(clock::now() + 1_000), "its moment is over");
    assert!(!status.is_preferred() && status.is_available(), "somebody is at it");
    status.give_try_back();
    assert!(status.is_preferred() && status.take_try(clock::now()));
}

#[test]
fn one_that_is_unchecked_is_awaited_unless_somebody_wants_it_down() {
    let status = Status::default();
    status.await_check();
    assert!(!status.is_available() && !status.is_preferred() && !status.accepts_sticky() && status.is_awaited());
    assert_eq!(status.name(), "unchecked");
    status.set_healthy(false);
    assert!(status.is_awaited());
    status.set_admin(Admin::Down);
    assert!(!status.is_awaited());
    status.set_admin(Admin::Ready);
    status.set_healthy(true);
    assert!(status.accept_check() && !status.accept_check());
    assert!(status.is_preferred() && !status.is_awaited());
}

#[test]
fn a_ramp_begins_at_a_tenth_and_rises_evenly_to_the_whole() {
    let ramp = Ramp::default();
    assert_eq!((ramp.is_on(), ramp.part(5, 1000)), (false, 256));
    ramp.begin(100);
    let parts = [0, 50, 250, 500, 750, 999].map(|after| ramp.part(100 + after, 1000));
    assert_eq!(parts, [26, 26, 64, 128, 192, 255]);
    assert!(ramp.is_on());
    assert_eq!((ramp.part(1100, 1000), ramp.is_on()), (256, false));
    assert_eq!(ramp.part(1101, 0), 256);
}

#[test]
fn every_name_of_a_state_is_known() {
    assert_eq!(Admin::ALL.map(|(name, _)| Admin::named(name)), Admin::ALL.map(|(_, admin)| Some(admin)));
    assert_eq!(Admin::named("up"), None);
}

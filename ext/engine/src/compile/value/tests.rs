use super::*;

/// Result of a check, and the only message that it reports.
fn wrong<T>(check: impl FnOnce(&mut Report<'_>) -> T) -> (T, String) {
    let (value, mut told) = Report::told(check);
    assert_eq!(told.len(), 1, "{told:?}");
    (value, told.remove(0))
}

#[test]
fn times_are_seconds_of_which_more_than_ten_years_mean_ten() {
    assert_eq!(Report::sound(|report| report.seconds(0.5)), Duration::from_millis(500));
    assert_eq!(Report::sound(|report| report.seconds(1e300)), Duration::from_secs_f64(TEN_YEARS));
    assert_eq!(Report::sound(|report| report.seconds_or_zero(0.0)), Duration::ZERO);
    assert_eq!(Report::sound(|report| report.seconds_or_false(0.0)), Some(Duration::ZERO));
    for seconds in [0.0, -1.0, f64::NAN] {
        let message = format!("{seconds} is not a valid time: write seconds greater than 0, as in 30 or 0.5");
        assert_eq!(wrong(|report| report.seconds(seconds)), (Duration::from_secs(1), message));
    }
    let (duration, message) = wrong(|report| report.seconds_or_zero(-1.0));
    assert_eq!((duration, &*message), (Duration::ZERO, "-1 is not a valid time: write seconds, 0 or more"));
    let (limit, message) = wrong(|report| report.seconds_or_false(f64::NAN));
    assert_eq!((limit, &*message), (None, "NaN is not a valid time: write seconds, 0 or more, or false for none"));
    for (seconds, taken) in [(0.0, 0.5), (11.0, 10.0), (f64::NAN, 0.5)] {
        let message = format!("{seconds} is out of range: write seconds from 0.5 to 10");
        assert_eq!(wrong(|report| report.seconds_within(seconds, 0.5..=10.0)), (taken, message));
    }
}

#[test]
fn numbers_are_within_their_bounds() {
    assert_eq!(Report::sound(|report| report.count(7, 1..=10)), 7);
    let message = "0 is out of range: write a number from 1 to 10".to_owned();
    assert_eq!(wrong(|report| report.count(0, 1..=10)), (1, message));
    assert_eq!(wrong(|report| report.unbounded(-1)), (0, "-1 is negative: write 0 or more".to_owned()));
    let message = "65536 is not a valid port: write a number from 1 to 65535".to_owned();
    assert_eq!(wrong(|report| report.port(65_536)), (None, message));
    let (_, message) = wrong(|report| report.percent(100.5));
    assert_eq!(message, "100.5 is out of range: write per cent from 0 to 100, such as 20");
}

#[test]
fn names_are_known_or_can_be_sent() {
    let known = [("found", 302), ("permanent", 308)];
    assert_eq!(Report::sound(|report| report.one_of("found", "is no type", &known)), Some(302));
    let (found, message) = wrong(|report| report.one_of("permanant", "is no type", &known));
    assert_eq!(found, None);
    assert_eq!(message, "\"permanant\" is no type (did you mean permanent? There are found, permanent)");
    for (name, says) in [
        ("X Key", "is not a valid header name: use letters, digits and hyphens"),
        ("Connection", "is set by the proxy itself: leave it out"),
        ("Host", "is set by the proxy itself: leave it out"),
        ("X_User", "would not be passed on, since backends cannot tell `_` and `.` from `-`: write \"X-User\""),
    ] {
        let (field, message) = wrong(|report| report.request_field(name));
        assert!(field.is_none() && message == format!("{name:?} {says}"), "{message}");
    }
    assert!(Report::sound(|report| report.own_field("Host")).is_some());
    let name = FieldName::new("X-A").expect("a name");
    let (sound, message) = wrong(|report| report.field_value(&name, "a\nsecret"));
    assert!(!sound && !message.contains("secret"), "{message}");
}

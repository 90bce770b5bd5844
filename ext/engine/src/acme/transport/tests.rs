use super::*;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    fields.iter().map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value"))).collect()
}

#[test]
fn retry_after_is_a_number_of_seconds_or_a_date_by_the_authoritys_clock() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let after = |fields: &[(&'static str, &str)]| retry_after(&headers(fields), now);
    let minute = now.checked_add(Duration::from_secs(60));
    assert_eq!(after(&[("retry-after", " 60 ")]), minute);
    assert_eq!(after(&[]), None);
    assert_eq!(after(&[("retry-after", "soon")]), None);
    // Whatever this machine's clock says, the wait is a minute.
    let dates = [("date", "Fri, 31 Dec 1999 23:58:59 GMT"), ("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")];
    assert_eq!(after(&dates), minute);
    assert_eq!(after(&dates[1..]), Some(now), "it is over");
    assert_eq!(after(&[("retry-after", "0")]), Some(now));
    assert_eq!(after(&[("retry-after", "-1")]), None);
}

#[test]
fn a_wait_for_ever_ends_after_a_week() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    for forever in [
        "604801",
        "999999999999",
        "18446744073709551615",
        "99999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let after = retry_after(&headers(&[("retry-after", forever)]), now);
        assert_eq!(after, now.checked_add(Duration::from_secs(604_800)), "{forever}");
    }
}

#[test]
fn details_of_challenges_and_the_clock_of_the_authority_are_kept() {
    let body = r#"{"status":"pending","challenges":[
        {"type":"dns-persist-01","url":"https://a/1","issuer-domain-names":["ca.test"]},
        {"type":"http-01","url":"https://a/2","token":"t"}]}"#;
    let mut seen = Seen::default();
    let response =
        Response::builder().header("date", httpdate::fmt_http_date(time_of_day() - Duration::from_secs(86_400)));
    seen.note(&response.body(Bytes::from_static(body.as_bytes())).expect("a response"));
    assert_eq!(seen.issuers, HashMap::from([("https://a/1".to_owned(), vec!["ca.test".to_owned()])]));
    assert!((-86_402..=-86_399).contains(&seen.skew), "{}", seen.skew);
    assert!(seen.their_time() < time_of_day() - Duration::from_secs(86_000));
}

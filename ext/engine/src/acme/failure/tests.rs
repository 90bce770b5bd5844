use http::StatusCode;

use super::*;

fn problem(kind: &str) -> Error {
    let json = format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}","detail":"No \u001b[31mway."}}"#);
    Error::Api(serde_json::from_str(&json).expect("a problem"))
}

fn seen(status: u16) -> Seen {
    Seen {
        status: Some(StatusCode::from_u16(status).expect("a status")),
        content_type: Some("text/html".into()),
        retry_after: Some(SystemTime::UNIX_EPOCH),
        ..Seen::default()
    }
}

#[test]
fn problems_are_sorted_by_whose_fault_they_are() {
    for (kind, status, expected) in [
        ("rateLimited", 429, FailureKind::RateLimited),
        ("malformed", 429, FailureKind::RateLimited),
        ("serverInternal", 500, FailureKind::Unavailable),
        ("malformed", 503, FailureKind::Unavailable),
        ("badNonce", 400, FailureKind::Unavailable),
        ("unauthorized", 403, FailureKind::Misconfigured),
        ("invalidProfile", 400, FailureKind::Misconfigured),
        ("accountDoesNotExist", 400, FailureKind::Misconfigured),
        ("rejectedIdentifier", 400, FailureKind::Refused),
        ("somethingNew", 400, FailureKind::Refused),
    ] {
        let failure = OrderFailure::of_step("order", problem(kind), &seen(status));
        assert_eq!(failure.kind, expected, "{kind} with {status}");
        assert_eq!(failure.message, format!("order: No  [31mway. ({kind})"));
        assert_eq!(failure.retry_after, Some(SystemTime::UNIX_EPOCH));
    }
}

#[test]
fn a_page_of_html_keeps_its_status_and_its_retry_after() {
    for (status, expected) in
        [(503, FailureKind::Unavailable), (429, FailureKind::RateLimited), (404, FailureKind::Misconfigured)]
    {
        let unread = Error::from(serde_json::from_str::<u8>("<html>").expect_err("no number"));
        let failure = OrderFailure::of_step("order", unread, &seen(status));
        assert_eq!((failure.kind, failure.retry_after), (expected, Some(SystemTime::UNIX_EPOCH)));
        assert!(failure.message.contains(&status.to_string()) && failure.message.contains("text/html"), "{failure}");
    }
}

#[test]
fn no_answer_at_all_is_told_in_the_words_of_the_client() {
    let error = Error::Other(Box::new(ClientError("GET https://a/: it has reset the connection".into())));
    let failure = OrderFailure::of_step("order", error, &Seen::default());
    assert_eq!(
        failure,
        OrderFailure::new(FailureKind::Unavailable, "order: GET https://a/: it has reset the connection")
    );
}

#[test]
fn texts_of_an_authority_are_cut() {
    assert_eq!(plain(&"x".repeat(10_000), LONGEST).chars().count(), LONGEST + 1);
}

#[test]
fn messages_are_one_line_of_some_length_whoever_is_quoted() {
    let quoted = format!("dns-01: it said\n\u{1b}[31m{}", "x".repeat(100_000));
    let message = OrderFailure::new(FailureKind::Own, quoted).message;
    assert!(message.starts_with("dns-01: it said  [31mxxx"), "{message}");
    assert_eq!(message.chars().count(), 2_001);
}

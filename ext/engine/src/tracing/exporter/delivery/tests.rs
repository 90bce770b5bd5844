use std::time::UNIX_EPOCH;

use super::*;

fn answer(status: u16, wait: Option<&str>, body: &'static str) -> Delivery {
    let mut answer = Response::builder().status(status);
    if let Some(wait) = wait {
        answer = answer.header(RETRY_AFTER, wait);
    }
    judge(Ok(answer.body(Bytes::from(body)).expect("an answer")), UNIX_EPOCH + Duration::from_secs(784_111_777))
}

fn later(status: u16, seconds: Option<u64>) -> Delivery {
    Delivery::Later(format!("the collector answers {status}"), seconds.map(Duration::from_secs))
}

#[test]
fn a_batch_goes_again_only_where_the_protocol_says_so() {
    for status in [429, 502, 503, 504] {
        assert_eq!(answer(status, None, ""), later(status, None));
    }
    for status in [301, 400, 401, 404, 413, 500, 501] {
        assert!(matches!(answer(status, Some("1"), ""), Delivery::Refused(_)), "{status}");
    }
    let lost = judge(Err(ClientError("nobody listens there".into())), UNIX_EPOCH);
    assert_eq!(lost, Delivery::Later("nobody listens there".into(), None));
}

#[test]
fn the_collector_says_how_long_to_wait_within_reason() {
    for (value, seconds) in [
        ("0", None),
        ("7", Some(7)),
        ("86400", Some(120)),
        // Ten seconds after this test's now, and ten before.
        ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
        ("Sun, 06 Nov 1994 08:49:27 GMT", None),
        ("soon", None),
        ("-1", None),
    ] {
        assert_eq!(answer(503, Some(value), ""), later(503, seconds), "{value}");
    }
}

#[test]
fn an_answer_may_reject_a_part_and_say_why() {
    for (body, rejected, message) in [
        ("", 0, None),
        ("{}", 0, None),
        ("not JSON", 0, None),
        (r#"{"partialSuccess":{}}"#, 0, None),
        (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}"#, 3, Some("too old")),
        (r#"{"partialSuccess":{"rejectedSpans":4,"errorMessage":" "}}"#, 4, None),
        (r#"{"partialSuccess":{"errorMessage":"use a newer version"}}"#, 0, Some("use a newer version")),
        (r#"{"partialSuccess":{"rejectedSpans":-4,"errorMessage":5}}"#, 0, None),
    ] {
        let message = message.map(str::to_owned);
        assert_eq!(answer(200, None, body), Delivery::Taken { rejected, message }, "{body}");
    }
}

#[test]
fn a_refusal_says_what_the_collector_says() {
    let body = r#"{"code":3,"message":"spans[0]: no name"}"#;
    let why = |status| format!("the collector answers {status}: spans[0]: no name");
    assert_eq!(answer(400, None, body), Delivery::Refused(why(400)));
    assert_eq!(answer(503, None, body), Delivery::Later(why(503), None));
}

#[test]
fn no_more_than_the_beginning_of_a_message_is_kept() {
    let long = serde_json::Value::from("ü".repeat(10_000));
    assert_eq!(message(&long), Some("ü".repeat(LONGEST_MESSAGE)));
}

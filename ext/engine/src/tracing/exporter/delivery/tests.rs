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
fn an_answer_may_reject_a_part() {
    for (body, rejected) in [
        ("", 0),
        ("{}", 0),
        ("not JSON", 0),
        (r#"{"partialSuccess":{}}"#, 0),
        (r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}"#, 3),
        (r#"{"partialSuccess":{"rejectedSpans":4}}"#, 4),
        (r#"{"partialSuccess":{"rejectedSpans":-4}}"#, 0),
    ] {
        assert_eq!(answer(200, None, body), Delivery::Taken { rejected }, "{body}");
    }
}

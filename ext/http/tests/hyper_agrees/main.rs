//! The codec and hyper read the same bytes: whatever ours accepts, hyper reads the same way. Ours may refuse more.

mod messages;
mod ours;
mod reading;
mod theirs;

use std::future::Future;
use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use proxy_http::message::Method;

use messages::{Arriving, Cuts};
use reading::{Reading, Stop};

fn config() -> Config {
    Config { cases: 1_500, max_shrink_iters: 20_000, failure_persistence: None, ..Config::default() }
}

/// Runs `future` on a runtime of its own. One that does not end is a failure.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), future).await.expect("an end in time") })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn requests_are_read_as_hyper_reads_them(arriving in messages::requests()) {
        let bytes = &arriving.bytes;
        let ours = run(ours::requests(&arriving));
        let theirs = run(theirs::requests(bytes));
        prop_assert!(ours.agrees_with(&theirs), "{}\nours: {ours:#?}\ntheirs: {theirs:#?}", bytes.escape_ascii());
    }

    #[test]
    fn responses_are_read_as_hyper_reads_them(
        arriving in messages::responses(),
        method in prop_oneof![4 => Just(Method::Get), 1 => Just(Method::Head), 1 => Just(Method::Post)],
    ) {
        let bytes = &arriving.bytes;
        let (ours, left) = run(ours::response(&arriving, method));
        let theirs = run(theirs::response(bytes, method));
        prop_assert!(ours.agrees_with(&theirs), "{}\nours: {ours:#?}\ntheirs: {theirs:#?}", bytes.escape_ascii());
        // The next message begins for hyper exactly where it begins for us.
        if ours.stop == Stop::Complete && ours.messages.last().is_some_and(|message| !message.until_close) {
            let consumed = bytes.len() - left;
            prop_assert!(run(theirs::is_complete(&bytes[..consumed], method)), "hyper waits for more: \
                {}", bytes.escape_ascii());
            prop_assert!(
                !run(theirs::is_complete(&bytes[..consumed - 1], method)),
                "hyper needs less: {}", bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_forwarded_is_one_request_with_the_same_body(arriving in messages::requests()) {
        if let Some((bytes, sent)) = run(ours::forwarded(&arriving)) {
            let theirs = run(theirs::requests(&bytes));
            prop_assert_eq!(&theirs.stop, &Stop::Complete, "{}", bytes.escape_ascii());
            prop_assert_eq!(theirs.messages.len(), 1, "{}", bytes.escape_ascii());
            let seen = &theirs.messages[0];
            prop_assert_eq!((&seen.body, &seen.trailers), (&sent.body, &sent.trailers), "{}", bytes.escape_ascii());
            prop_assert!(seen.complete);
        }
    }

    #[test]
    fn requests_are_read_the_same_however_they_arrive(arriving in messages::requests()) {
        let whole = run(ours::requests(&Arriving { cuts: Cuts::Nowhere, ..arriving.clone() }));
        let pieces = run(ours::requests(&arriving));
        prop_assert!(whole.is_same_as(&pieces), "{}\n{whole:#?}\n{pieces:#?}", arriving.bytes.escape_ascii());
    }

    #[test]
    fn responses_are_read_the_same_however_they_arrive(arriving in messages::responses()) {
        let (whole, left) = run(ours::response(&Arriving { cuts: Cuts::Nowhere, ..arriving.clone() }, Method::Get));
        let (pieces, left_of_pieces) = run(ours::response(&arriving, Method::Get));
        prop_assert!(whole.is_same_as(&pieces), "{}\n{whole:#?}\n{pieces:#?}", arriving.bytes.escape_ascii());
        if whole.stop == Stop::Complete {
            prop_assert_eq!(left, left_of_pieces);
        }
    }
}

/// Of the readings of 400 generated inputs: how many were refused, and how many held a complete message.
fn shares<S: Strategy<Value = Arriving>>(strategy: S, read: impl Fn(&Arriving) -> Reading) -> (usize, usize) {
    let mut runner = TestRunner::deterministic();
    let (mut refused, mut complete) = (0, 0);
    for _ in 0..400 {
        let arriving = strategy.new_tree(&mut runner).expect("an input").current();
        let reading = read(&arriving);
        refused += usize::from(matches!(reading.stop, Stop::Refused(_)));
        complete += usize::from(reading.messages.iter().any(|message| message.complete));
    }
    (refused, complete)
}

#[test]
fn the_generators_make_what_is_accepted_and_what_is_refused() {
    for (refused, complete) in [
        shares(messages::requests(), |arriving| run(ours::requests(arriving))),
        shares(messages::responses(), |arriving| run(ours::response(arriving, Method::Get)).0),
    ] {
        assert!(refused > 80, "only {refused} of 400 were refused");
        assert!(complete > 120, "only {complete} of 400 held a complete message");
    }
}

#[test]
fn quotes_in_a_method_and_a_target_are_compared_as_they_are() {
    let bytes = b"GET'S http://a.example/it's HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec();
    let ours = run(ours::requests(&Arriving { bytes: bytes.clone(), cuts: Cuts::Everywhere }));
    let theirs = run(theirs::requests(&bytes));
    assert_eq!((ours.messages.len(), &ours.stop), (1, &Stop::Complete), "{ours:#?}");
    assert!(ours.agrees_with(&theirs), "ours: {ours:#?}\ntheirs: {theirs:#?}");
}

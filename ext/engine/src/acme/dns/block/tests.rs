use std::sync::Arc;

use super::*;
use crate::blocks::{BlockQueue, NextCall, QueueWaiter};

const LONG: Duration = Duration::from_secs(60);

/// A provider whose block answers so, and what it was called with.
fn provider(answer: Result<BlockValue, &'static str>) -> (BlockProvider, std::thread::JoinHandle<BlockValue>) {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let provider = BlockProvider::new(BlockIndex(0), &set, None);
    let ruby = std::thread::spawn(move || match queue.next(&QueueWaiter::default(), false) {
        NextCall::Call(mut call) => {
            let argument = call.take_argument();
            call.answer(answer);
            match argument {
                Some(BlockArgument::Value(value)) => value,
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    });
    (provider, ruby)
}

#[tokio::test]
async fn the_block_is_told_what_to_do() {
    let (provider, ruby) = provider(Ok(BlockValue::Null));
    provider.call("add", "_acme-challenge.example.com", "abc", LONG).await.expect("it is done");
    let told = ruby.join().expect("it was called");
    assert_eq!(told, json!({ "op": "add", "name": "_acme-challenge.example.com", "value": "abc" }));
}

#[tokio::test]
async fn what_the_block_raises_comes_back_in_words_and_counts_as_a_failure() {
    let (provider, ruby) = provider(Ok("raised RuntimeError: no token (Proxyfile:3)".into()));
    let why = provider.call("add", "a", "b", LONG).await.expect_err("it fails");
    assert_eq!(why, "raised RuntimeError: no token (Proxyfile:3)");
    ruby.join().expect("it was called");
}

#[tokio::test]
async fn a_block_that_breaks_off_or_answers_anything_else_has_failed() {
    let (provider, ruby) = provider(Err("its thread ended before it did"));
    assert_eq!(provider.call("add", "a", "b", LONG).await, Err("the block has failed".into()));
    ruby.join().expect("it was called");
    let (provider, ruby) = self::provider(Ok(5.into()));
    assert_eq!(provider.call("add", "a", "b", LONG).await, Err("answered 5 in place of nil".into()));
    ruby.join().expect("it was called");
}

#[tokio::test(start_paused = true)]
async fn a_block_that_hangs_is_given_up() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let provider = BlockProvider::new(BlockIndex(0), &set, None);
    let why = provider.call("add", "a", "b", LONG).await.expect_err("nobody answers");
    assert_eq!(why, "the block of `dns` has not returned within 60 s");
}

use std::future::Future;
use std::sync::Arc;

use super::*;
use crate::blocks::{BlockCall, BlockQueue};

/// A storage, and the queue where Ruby would take its calls.
fn storage() -> (RubyStorage, Arc<BlockQueue>) {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    (RubyStorage::new(&set, BlockIndex(0), None), queue)
}

/// The next call, as soon as it is there, with its argument. Never sleeps, so that a paused clock stands still.
async fn called(queue: &Arc<BlockQueue>) -> (BlockCall, Value) {
    for _ in 0..100_000 {
        if let Some(crate::blocks::NextCall::Call(mut call)) = queue.take(false) {
            match call.take_argument() {
                Some(BlockArgument::Value(argument)) => return (call, argument),
                other => panic!("{other:?}"),
            }
        }
        tokio::task::yield_now().await;
    }
    panic!("there is no call");
}

/// What `ask` returns, and what Ruby was asked, if Ruby answers so.
async fn answered<T>(queue: &Arc<BlockQueue>, answer: Value, ask: impl Future<Output = T>) -> (T, Value) {
    let reply = async {
        let (mut call, argument) = called(queue).await;
        call.answer(Ok(answer));
        argument
    };
    tokio::join!(ask, reply)
}

#[tokio::test(start_paused = true)]
async fn values_go_through_the_object() {
    let (storage, queue) = storage();
    let (value, asked) = answered(&queue, json!("text"), storage.load("states/a.json")).await;
    assert_eq!(value, Ok(Some(b"text".to_vec())));
    assert_eq!(asked, json!({ "op": "load", "key": "states/a.json" }));
    assert_eq!(answered(&queue, json!(null), storage.load("states/a.json")).await.0, Ok(None));
    let (done, asked) = answered(&queue, json!(null), storage.store("states/a.json", b"text")).await;
    assert_eq!(done, Ok(()));
    assert_eq!(asked, json!({ "op": "store", "key": "states/a.json", "value": "text" }));
    let (done, asked) = answered(&queue, json!(null), storage.delete("states/a.json")).await;
    assert_eq!((done, asked), (Ok(()), json!({ "op": "delete", "key": "states/a.json" })));
}

#[tokio::test(start_paused = true)]
async fn a_list_has_only_keys_with_the_prefix() {
    let (storage, queue) = storage();
    let found = json!(["states/a.json", "other/states/b.json", "states/../c", "states/d.json"]);
    let (keys, asked) = answered(&queue, found, storage.list("states/")).await;
    assert_eq!(keys, Ok(vec!["states/a.json".into(), "states/d.json".into()]));
    assert_eq!(asked, json!({ "op": "list", "key": "states/" }));
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_told() {
    let (storage, queue) = storage();
    let told = |error: Result<Option<Vec<u8>>, StorageError>| error.expect_err("an error").0;
    let wrong = answered(&queue, json!(7), storage.load("a")).await.0;
    assert_eq!(told(wrong), "storage: load(\"a\") has answered with a number");
    let raised = async {
        let (mut call, _) = called(&queue).await;
        call.answer(Err("raised RuntimeError"));
    };
    let (failed, ()) = tokio::join!(storage.load("a"), raised);
    assert_eq!(told(failed), "storage: load(\"a\") has no answer: the block has failed");
    let (raised, _) = answered(&queue, json!({ "error": "raised IOError" }), storage.load("a")).await;
    assert_eq!(told(raised), "storage: load(\"a\") has no answer: raised IOError");
    // Nobody answers: the clock goes on by itself.
    assert_eq!(told(storage.load("a").await), "storage: load(\"a\") has no answer: the block has not answered in time");
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_renewed_until_it_is_given_back() {
    let (storage, queue) = storage();
    let (refused, _) = answered(&queue, json!(false), storage.lock("locks/a")).await;
    assert!(refused.expect("an answer").is_none());
    let (lock, asked) = answered(&queue, json!(true), storage.lock("locks/a")).await;
    let lock = lock.expect("an answer").expect("it is taken");
    let owner = asked["owner"].as_str().expect("an owner").to_owned();
    assert_eq!(asked, json!({ "op": "lock", "key": "locks/a", "owner": owner, "seconds": 30 }));
    // A renewal that fails is followed by others.
    for answer in [Err("raised"), Ok(json!(true))] {
        // Its pause begins, and then it is over.
        tokio::task::yield_now().await;
        tokio::time::advance(RENEWAL).await;
        let (mut call, renewal) = called(&queue).await;
        assert_eq!(renewal, asked);
        call.answer(answer);
    }
    drop(lock);
    let (_, end) = called(&queue).await;
    assert_eq!(end, json!({ "op": "lock", "key": "locks/a", "owner": owner, "seconds": 0 }));
}

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;
use std::time::Duration;

use super::*;

const LIMITS: BlockLimits = BlockLimits { threads: 2, queue: 3 };
const LONG: Duration = Duration::from_secs(60);

fn number(value: i64) -> BlockArgument {
    BlockArgument::Value(value.into())
}

fn block(set: &BlockSet, index: u32) -> Block {
    set.block(BlockIndex(index), LIMITS, "authorize", None)
}

/// The next call, which must be there.
fn taken(queue: &Arc<BlockQueue>) -> BlockCall {
    match queue.next(&QueueWaiter::default(), false) {
        NextCall::Call(call) => call,
        other => panic!("{other:?}"),
    }
}

fn stats(set: &BlockSet) -> BlockStats {
    set.stats().swap_remove(0)
}

/// Stands in for Ruby: threads that answer with what `run` makes of the argument, until no set is in use.
fn ruby(
    queue: &Arc<BlockQueue>,
    threads: usize,
    run: fn(BlockValue) -> BlockValue,
) -> Vec<std::thread::JoinHandle<usize>> {
    let work = |queue: Arc<BlockQueue>| {
        move || {
            let mut released = 0;
            loop {
                match queue.next(&QueueWaiter::default(), false) {
                    NextCall::Call(mut call) => match call.take_argument() {
                        Some(BlockArgument::Value(value)) => call.answer(Ok(run(value))),
                        _ => call.answer(Err("raised")),
                    },
                    NextCall::Release(numbers) => released += numbers.len(),
                    NextCall::Interrupted => {}
                    NextCall::End => return released,
                }
            }
        }
    };
    (0..threads).map(|_| std::thread::spawn(work(Arc::clone(queue)))).collect()
}

#[tokio::test]
async fn a_call_gets_the_answer_of_its_block() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let threads = ruby(&queue, 2, |value| (value.as_i64().unwrap_or_default() + 1).into());
    let block = block(&set, 0);
    for sent in 0..100 {
        assert_eq!(block.call(number(sent), LONG).await, Ok((sent + 1).into()));
    }
    assert_eq!(block.call(BlockArgument::Bytes(vec![1]), LONG).await, Err(BlockFailure::Failed));
    // A call is counted just after its answer was passed on.
    while stats(&set).failed == 0 {
        tokio::task::yield_now().await;
    }
    let BlockStats { answered, failed, late, full, .. } = stats(&set);
    assert_eq!((answered, failed, late, full), (100, 1, 0, 0));
    drop((block, set));
    assert_eq!(threads.into_iter().map(|thread| thread.join().expect("no panic")).sum::<usize>(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_call_is_given_up_and_never_made_while_it_waits() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let block = block(&set, 0);
    assert_eq!(block.call(number(1), Duration::from_secs(1)).await, Err(BlockFailure::Late));
    assert!(block.notify(number(2), None));
    assert_eq!(taken(&queue).take_argument(), Some(number(2)));
    assert_eq!(stats(&set).late, 1);
}

#[tokio::test(start_paused = true)]
async fn calls_that_nobody_waits_for_any_more_take_no_place_in_the_queue() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let block = block(&set, 0);
    let running = [(); 2].map(|()| block.notify(number(0), None).then(|| taken(&queue)));
    let late = Duration::from_secs(1);
    // Far more than there are places, one after the other.
    for sent in 0..10 {
        assert_eq!(block.call(number(sent), late).await, Err(BlockFailure::Late));
    }
    let full = (1..=4).map(|sent| block.notify(number(sent), None)).collect::<Vec<_>>();
    assert_eq!(full, [true, true, true, false], "whatever is waited for keeps its place");
    drop(running);
    assert_eq!(taken(&queue).take_argument(), Some(number(1)));
    assert_eq!((stats(&set).late, stats(&set).full), (10, 1));
}

#[tokio::test]
async fn a_late_answer_still_reaches_its_reply() {
    struct Kept(Arc<AtomicBool>);
    impl BlockReply for Kept {
        fn is_wanted(&self) -> bool {
            true
        }
        fn take(self: Box<Self>, answer: Result<BlockValue, BlockFailure>) -> Result<(), String> {
            self.0.store(answer == Ok(true.into()), SeqCst);
            Ok(())
        }
    }
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let came = Arc::new(AtomicBool::new(false));
    block(&set, 0).submit(number(1), Kept(Arc::clone(&came)));
    let mut call = taken(&queue);
    drop(set);
    call.answer(Ok(true.into()));
    assert!(came.load(SeqCst));
}

#[tokio::test]
async fn a_block_that_never_returns_holds_up_no_other_block() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let (stuck, other) = (block(&set, 0), block(&set, 1));
    for sent in 0..LIMITS.threads {
        assert!(stuck.notify(number(sent as i64), None));
    }
    let running: Vec<_> = (0..LIMITS.threads).map(|_| taken(&queue)).collect();
    for sent in 0..LIMITS.queue {
        assert!(stuck.notify(number(sent as i64), None));
    }
    assert!(!stuck.notify(number(9), None), "the queue is full");
    assert_eq!(stuck.call(number(9), LONG).await, Err(BlockFailure::Full));
    assert!(other.notify(number(7), None));
    let call = taken(&queue);
    assert_eq!((call.index(), stats(&set).full), (BlockIndex(1), 2));
    // One that returns lets the next of its block run.
    drop((call, running));
    assert_eq!(taken(&queue).index(), BlockIndex(0));
}

#[test]
fn waiting_calls_of_one_key_become_one() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let block = block(&set, 0);
    for sent in 0..100 {
        assert!(block.notify(number(sent), Some("app/10.0.0.1:80")));
    }
    assert!(block.notify(number(100), Some("another")));
    assert_eq!(taken(&queue).take_argument(), Some(number(99)));
    assert_eq!(taken(&queue).take_argument(), Some(number(100)));
}

#[test]
fn ruby_is_told_when_a_set_is_no_longer_in_use() {
    let queue = Arc::new(BlockQueue::default());
    let (first, set) = queue.set();
    let (second, next) = queue.set();
    let waiting = block(&set, 0);
    assert!(waiting.notify(number(1), None));
    drop((waiting, set));
    let mut call = taken(&queue);
    assert_eq!(call.set(), first, "a call that waits keeps its set");
    call.take_argument();
    let waiter = QueueWaiter::default();
    assert!(matches!(queue.next(&waiter, false), NextCall::Release(numbers) if numbers == [first]));
    drop(next);
    assert!(matches!(queue.next(&waiter, false), NextCall::Release(numbers) if numbers == [second]));
    assert!(matches!(queue.next(&waiter, false), NextCall::End));
    call.answer(Ok(BlockValue::Null));
}

#[test]
fn figures_outlive_a_reload_and_name_only_blocks_in_use() {
    let queue = Arc::new(BlockQueue::default());
    let (_, first) = queue.set();
    let before = block(&first, 0);
    assert!(before.notify(number(1), None));
    taken(&queue).answer(Ok(BlockValue::Null));
    let (_, second) = queue.set();
    let _after = block(&second, 3);
    drop((before, first));
    assert_eq!(second.stats().len(), 1);
    assert_eq!(stats(&second).answered, 1);
}

#[test]
fn calls_of_a_word_count_on_where_blocks_move_or_go() {
    let queue = Arc::new(BlockQueue::default());
    let (_, first) = queue.set();
    // Two blocks in one line share their figures.
    for index in [0, 1] {
        assert!(block(&first, index).notify(number(1), None));
        taken(&queue).answer(Ok(BlockValue::Null));
    }
    let calls = |set: &BlockSet| set.calls().into_values().collect::<Vec<_>>();
    assert_eq!(calls(&first), [[2, 0, 0, 0]]);
    let (_, second) = queue.set();
    drop(first);
    assert_eq!(calls(&second), [[2, 0, 0, 0]], "none is there any more");
    assert!(matches!(queue.next(&QueueWaiter::default(), false), NextCall::Release(_)));
    assert!(block(&second, 0).notify(number(1), None));
    taken(&queue).answer(Ok(BlockValue::Null));
    assert_eq!(calls(&second), [[3, 0, 0, 0]]);
}

#[test]
fn a_thread_is_promised_only_if_none_waits() {
    let queue = Arc::new(BlockQueue::default());
    assert!(!queue.promise(), "no set is in use");
    let (_, set) = queue.set();
    assert!(queue.promise());
    assert!(!queue.promise(), "one is on its way");
    let block = block(&set, 0);
    assert!(block.notify(number(1), None));
    assert!(matches!(queue.next(&QueueWaiter::default(), true), NextCall::Call(_)));
    assert!(queue.promise(), "the only one works");
    queue.break_promise();
    assert!(queue.promise());
}

#[test]
fn waits_can_be_interrupted() {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let waiter = QueueWaiter::default();
    queue.interrupt(&waiter);
    assert!(matches!(queue.next(&waiter, false), NextCall::Interrupted));
    assert!(block(&set, 0).notify(number(1), None));
    let waiter = QueueWaiter::default();
    queue.interrupt_quiet(&waiter);
    assert_eq!(queue.wait_until_quiet(&waiter, 0, LONG), None);
    assert_eq!(queue.wait_until_quiet(&waiter, 1, LONG), Some(true), "its own call");
    assert_eq!(queue.wait_until_quiet(&QueueWaiter::default(), 0, Duration::ZERO), Some(false));
    queue.close();
    assert_eq!(queue.wait_until_quiet(&QueueWaiter::default(), 0, LONG), Some(true));
    assert!(!block(&set, 0).notify(number(2), None), "it is closed");
}

#[test]
fn without_ruby_a_call_fails_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let block = block(&BlockSet::default(), 0);
    assert_eq!(runtime.block_on(block.call(number(1), LONG)), Err(BlockFailure::Gone));
    assert!(!block.notify(number(1), None));
}

#[test]
fn every_call_of_many_threads_is_answered_once() {
    static ANSWERED: AtomicUsize = AtomicUsize::new(0);
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let threads = ruby(&queue, 4, |value| {
        ANSWERED.fetch_add(1, SeqCst);
        value
    });
    let limits = BlockLimits { threads: 3, queue: 10_000 };
    std::thread::scope(|scope| {
        for index in 0..4 {
            let block = set.block(BlockIndex(index), limits, "authorize", None);
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
                runtime.block_on(async {
                    for sent in 0..500 {
                        assert_eq!(block.call(number(sent), LONG).await, Ok(sent.into()));
                    }
                });
            });
        }
    });
    drop(set);
    for thread in threads {
        thread.join().expect("no panic");
    }
    assert_eq!(ANSWERED.load(SeqCst), 2000);
}

use std::sync::Arc;

use super::*;
use crate::access_log::{AccessLog, Buffer};
use crate::blocks::{BlockIndex, BlockLimits, BlockQueue, BlockSet, BlockValue, NextCall, QueueWaiter};
use crate::compile::Purpose;
use crate::config::{AccessLogConfig, At};
use crate::log::tests::Memory;
use crate::log::{Level, Log};
use crate::rewrite::tests::{client, request, response, scope};
use crate::rewrite::RequestValues;

const LIMIT: Duration = Duration::from_secs(20);

fn at() -> At {
    At { file: "Proxyfile".into(), line: 4 }
}

fn spec(to: Option<&str>) -> AccessLogConfig {
    let block = Some(BlockIndex(0));
    AccessLogConfig {
        format: "{path}".into(),
        to: to.map(Into::into),
        block,
        at: Some(at()),
        ..AccessLogConfig::default()
    }
}

/// Batches for a block, the queue of its calls, and its set.
fn batches() -> (Batches, Arc<BlockQueue>, BlockSet) {
    let queue = Arc::new(BlockQueue::default());
    let (_, set) = queue.set();
    let limits = BlockLimits { threads: 1, queue: MOST_BATCHES };
    (Batches::new(set.block(BlockIndex(0), limits, "access_log", Some(&at())), Arc::default()), queue, set)
}

fn answered(call: NextCall) -> Option<String> {
    let NextCall::Call(mut call) = call else { return None };
    let Some(BlockArgument::Bytes(lines)) = call.take_argument() else { panic!("lines") };
    call.answer(Ok(BlockValue::Null));
    Some(String::from_utf8(lines).expect("UTF-8"))
}

/// All batches that wait for the block, which then waits for none.
fn taken(queue: &Arc<BlockQueue>) -> Vec<String> {
    std::iter::from_fn(|| answered(queue.take(false)?)).collect()
}

fn counts(batches: &[String]) -> Vec<usize> {
    batches.iter().map(|lines| lines.lines().count()).collect()
}

#[test]
fn a_batch_has_a_thousand_lines_or_what_has_come_meanwhile() {
    let (mut batches, queue, _set) = batches();
    let lines: String = (0..2_500).map(|number| format!("{number}\n")).collect();
    batches.push(lines.as_bytes());
    assert!(batches.due().is_some());
    assert_eq!(counts(&taken(&queue)), [1_000, 1_000]);
    batches.hand_on();
    assert_eq!((counts(&taken(&queue)), batches.due()), (vec![500], None));
    batches.hand_on();
    assert_eq!(taken(&queue), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn lines_wait_for_a_tenth_of_a_second() {
    let (mut batches, queue, _set) = batches();
    batches.push(b"a\n");
    let due = batches.due().expect("a line waits");
    assert_eq!(due - Instant::now(), PATIENCE);
    tokio::time::sleep(PATIENCE / 2).await;
    batches.push(b"b\n");
    assert_eq!((batches.due(), taken(&queue).len()), (Some(due), 0));
    tokio::time::sleep(PATIENCE / 2).await;
    batches.push(b"c\n");
    assert_eq!(taken(&queue), ["a\nb\nc\n"]);
}

#[test]
fn long_lines_make_smaller_batches() {
    let (mut batches, queue, _set) = batches();
    let line = format!("{}\n", "x".repeat(MOST_BYTES / 4));
    batches.push(line.repeat(10).as_bytes());
    batches.hand_on();
    assert_eq!(counts(&taken(&queue)), [4, 4, 2]);
}

#[test]
fn lines_beyond_the_batches_that_wait_are_lost_counted_and_told_of_once() {
    let (mut batches, queue, set) = batches();
    let memory = Memory::default();
    queue.log_to(&Log::to(Level::Info, Box::new(memory.clone())));
    let thousand = "line\n".repeat(1_000);
    let Some(NextCall::Call(stuck)) = ({
        batches.push(thousand.as_bytes());
        queue.take(false)
    }) else {
        panic!("a call")
    };
    for _ in 0..MOST_BATCHES + 3 {
        batches.push(thousand.as_bytes());
    }
    assert_eq!(batches.all_lost.load(Relaxed), 3_000);
    let figures = &set.stats()[0];
    assert_eq!((figures.running, figures.waiting, figures.full), (1, MOST_BATCHES as u64, 3));
    drop(stuck);
    assert_eq!(taken(&queue).len(), MOST_BATCHES);
    batches.push(thousand.as_bytes());
    assert_eq!(taken(&queue).len(), 1);
    let text = memory.text();
    let told: Vec<_> = text.lines().filter(|line| line.contains("lost")).collect();
    assert!(
        told[0].contains("Proxyfile:4: access_log: 64 batches of lines wait for the block, more are lost"),
        "{text}"
    );
    assert!(told[1].ends_with("the block takes lines again; lines that were lost: 3000"), "{text}");
    assert_eq!(told.len(), 2);
}

fn write(log: &Arc<AccessLog>, path: &str) {
    let (client, fields) = (client(), Default::default());
    let request = request("GET", path, "", &[]);
    let mut buffer = Buffer::default();
    buffer.push(log, &RequestValues { response: Some(response(&fields)), ..scope(&request, &client) });
}

fn compile(before: Option<&AccessLog>, set: &BlockSet, purpose: Purpose) -> Arc<AccessLog> {
    let mut problems = Vec::new();
    let log = AccessLog::carry_over(before, &spec(None), set, (purpose, &Arc::default()), &mut problems);
    assert_eq!(problems, []);
    log.expect("a log")
}

#[test]
fn a_log_that_closes_has_passed_on_its_last_lines() {
    let queue = Arc::new(BlockQueue::default());
    let log = compile(None, &queue.set().1, Purpose::Start);
    log.start(&Log::new(Level::Error)).expect("a thread");
    write(&log, "/first");
    assert_eq!(answered(queue.next(&QueueWaiter::default(), false)).as_deref(), Some("/first\n"));
    write(&log, "/last");
    assert!(log.close(LIMIT));
    assert_eq!(taken(&queue), ["/last\n"]);
}

#[test]
fn a_block_gets_the_lines_of_its_own_configuration_only() {
    let queues = [Arc::new(BlockQueue::default()), Arc::new(BlockQueue::default())];
    let old = compile(None, &queues[0].set().1, Purpose::Start);
    old.start(&Log::new(Level::Error)).expect("a thread");
    let new = compile(Some(&old), &queues[1].set().1, Purpose::Start);
    new.start(&Log::new(Level::Error)).expect("a thread");
    write(&old, "/old");
    write(&new, "/new");
    for (log, (queue, line)) in [old, new].into_iter().zip(queues.iter().zip(["/old\n", "/new\n"])) {
        assert!(log.close(LIMIT));
        assert_eq!(taken(queue), [line]);
    }
}

#[test]
fn a_check_needs_no_ruby_and_a_file_beside_a_block_is_a_mistake() {
    compile(None, &BlockSet::default(), Purpose::Check);
    let mut problems = Vec::new();
    let log = AccessLog::carry_over(
        None,
        &spec(Some("a.log")),
        &BlockSet::default(),
        (Purpose::Check, &Arc::default()),
        &mut problems,
    );
    assert!(log.is_none());
    let text: Vec<_> = problems.iter().map(ToString::to_string).collect();
    let remedy = "leave it out, or write access_log \"{path}\", to: \"a.log\" without a block";
    assert_eq!(text, [format!("Proxyfile:4: access_log: to: a block gets the lines already: {remedy}")]);
}

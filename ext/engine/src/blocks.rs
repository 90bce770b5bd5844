//! Ruby blocks of a configuration: the engine asks, and threads of Ruby answer.
//!
//! Only numbers and plain values cross. A block is known by its set, which is the configuration that it came with, and
//! by its place in that set. A call waits in the [`BlockQueue`] of its server until a Ruby thread takes it
//! ([`BlockQueue::next`]), runs the block, and answers ([`BlockCall::answer`]). The engine never waits for Ruby in any
//! other way than by a future with a time limit.
//!
//! Each block has a lane of its own in the queue: so many of its calls run at once, and so many wait. A block that
//! never returns holds up no other block.

mod call;
mod lanes;
mod queue;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::config::At;
pub use crate::config::BlockIndex;
use crate::stats::BlockStats;
pub use call::BlockCall;
pub use queue::{BlockQueue, NextCall, QueueWaiter};

/// What a block is told, or answers: nil, true, false, a number, a text, a list or a Hash with text keys.
pub type BlockValue = serde_json::Value;

/// What a block is called with.
#[derive(Debug, Clone, PartialEq)]
pub enum BlockArgument {
    /// Bytes, which Ruby gets as one String.
    Bytes(Vec<u8>),
    /// A plain value.
    Value(BlockValue),
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockFailure {
    /// As many calls as may wait are waiting.
    Full,
    /// The block has not answered in time. It may still answer.
    Late,
    /// The block has raised an exception, or answered what it must not. The log has a line about it.
    Failed,
    /// No Ruby answers: the server ends, or the configuration runs without Ruby.
    Gone,
}

impl std::fmt::Display for BlockFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            BlockFailure::Full => "too many calls of the block are waiting",
            BlockFailure::Late => "the block has not answered in time",
            BlockFailure::Failed => "the block has failed",
            BlockFailure::Gone => "no Ruby thread runs the block any more",
        })
    }
}

/// The one who gets the answer of a call, or hears that there is none.
pub(crate) trait BlockReply: Send {
    /// Whether anybody waits for the answer. A call that nobody waits for any more is not made.
    fn is_wanted(&self) -> bool;

    /// Takes the answer. Called once, on a Ruby thread, so it must not wait; or by the caller itself if the call was
    /// refused.
    /// The error says that the block must not answer so, and what it should answer.
    fn take(self: Box<Self>, answer: Result<BlockValue, BlockFailure>) -> Result<(), String>;
}

impl BlockReply for oneshot::Sender<Result<BlockValue, BlockFailure>> {
    fn is_wanted(&self) -> bool {
        !self.is_closed()
    }

    fn take(self: Box<Self>, answer: Result<BlockValue, BlockFailure>) -> Result<(), String> {
        let _ = self.send(answer);
        Ok(())
    }
}

/// Tells `reply` that there is no answer.
fn refuse(reply: Box<dyn BlockReply>, why: BlockFailure) {
    // Only a wrong answer is an error.
    let _ = reply.take(Err(why));
}

/// The reply to a call whose answer nobody needs.
struct Unheard;

impl BlockReply for Unheard {
    fn is_wanted(&self) -> bool {
        true
    }

    fn take(self: Box<Self>, _: Result<BlockValue, BlockFailure>) -> Result<(), String> {
        Ok(())
    }
}

/// How much of one block may go on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockLimits {
    /// Calls that run at once.
    pub(crate) threads: usize,
    /// Calls that wait because so many run.
    pub(crate) queue: usize,
}

/// Results of the calls of one block since the start of the server.
#[derive(Debug, Default)]
pub(crate) struct BlockCounters {
    pub(crate) answered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) full: AtomicU64,
}

impl BlockCounters {
    fn add_to(&self, sums: &mut [u64; 4]) {
        let counters = [&self.answered, &self.failed, &self.late, &self.full];
        sums.iter_mut().zip(counters).for_each(|(sum, counter)| *sum += counter.load(Relaxed));
    }
}

/// The word that a block belongs to, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockName {
    pub(crate) word: &'static str,
    pub(crate) at: Option<At>,
}

impl std::fmt::Display for BlockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{}:{}: {}", at.file, at.line, self.word),
            None => f.write_str(self.word),
        }
    }
}

/// The blocks of one configuration, as the engine holds them. When the last holder is gone, Ruby is told to let go of
/// the blocks. The default has no blocks that can be called, as in a check.
#[derive(Debug, Clone, Default)]
pub struct BlockSet(Option<Arc<HeldSet>>);

/// A set that is in use.
#[derive(Debug)]
struct HeldSet {
    queue: Arc<BlockQueue>,
    number: u64,
}

impl Drop for HeldSet {
    fn drop(&mut self) {
        self.queue.release(self.number);
    }
}

impl BlockSet {
    /// The block at this place of the set. `word` and `at` name it in logs and figures.
    pub(crate) fn block(&self, index: BlockIndex, limits: BlockLimits, word: &'static str, at: Option<&At>) -> Block {
        let name = BlockName { word, at: at.cloned() };
        let counters = self.0.as_ref().map(|set| set.queue.know(set.number, index, &name)).unwrap_or_default();
        Block { set: self.clone(), index, limits, name: Arc::new(name), counters }
    }

    /// The queue that its calls go through.
    pub(crate) fn queue(&self) -> Option<&Arc<BlockQueue>> {
        self.0.as_ref().map(|set| &set.queue)
    }

    /// Calls of all blocks since the server has started, by their word: answered, failed, late, and refused since the
    /// queue was full.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, [u64; 4]> {
        self.queue().map(|queue| queue.calls()).unwrap_or_default()
    }

    /// Figures of every block that is in use.
    pub(crate) fn stats(&self) -> Vec<BlockStats> {
        self.queue().map(|queue| queue.stats()).unwrap_or_default()
    }
}

/// One block of a configuration.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    set: BlockSet,
    index: BlockIndex,
    limits: BlockLimits,
    name: Arc<BlockName>,
    counters: Arc<BlockCounters>,
}

impl Block {
    /// The word and the line of the block.
    pub(crate) fn name(&self) -> &BlockName {
        &self.name
    }

    /// Logs a warning about the block.
    pub(crate) fn warn(&self, message: std::fmt::Arguments<'_>) {
        if let Some(queue) = self.set.queue() {
            queue.warn(format_args!("{}: {message}", self.name));
        }
    }

    /// Calls the block and returns at once. `reply` gets the answer, or hears at once that the call is refused.
    pub(crate) fn submit(&self, argument: BlockArgument, reply: impl BlockReply + 'static) {
        self.push(argument, Box::new(reply), None);
    }

    /// Calls the block, and waits for its answer for as long as `limit`. An answer that comes later is dropped, and a
    /// call that still waits then is never made.
    #[cfg_attr(not(test), allow(dead_code, reason = "for blocks that the background tasks ask"))]
    pub(crate) async fn call(&self, argument: BlockArgument, limit: Duration) -> Result<BlockValue, BlockFailure> {
        let (reply, answer) = oneshot::channel();
        self.submit(argument, reply);
        self.within(limit, async { answer.await.unwrap_or(Err(BlockFailure::Gone)) }).await
    }

    /// Waits for an answer for as long as `limit`, and counts it as late after that.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, BlockFailure>>,
    ) -> Result<T, BlockFailure> {
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            self.counters.late.fetch_add(1, Relaxed);
            Err(BlockFailure::Late)
        })
    }

    /// Calls the block, and waits for nothing. A call that still waits under the same `key` is dropped, since this
    /// one is newer. `false` if the queue is full: the call is dropped and counted.
    pub(crate) fn notify(&self, argument: BlockArgument, key: Option<&str>) -> bool {
        self.push(argument, Box::new(Unheard), key)
    }

    fn push(&self, argument: BlockArgument, reply: Box<dyn BlockReply>, key: Option<&str>) -> bool {
        let Some(set) = &self.set.0 else {
            refuse(reply, BlockFailure::Gone);
            return false;
        };
        set.queue.push(self, set, argument, reply, key)
    }
}

#[cfg(test)]
mod tests;

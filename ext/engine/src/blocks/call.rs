//! A call that a Ruby thread has taken.

use std::sync::Arc;

use super::lanes::LaneKey;
use super::queue::BlockQueue;
use super::{BlockArgument, BlockCounters, BlockFailure, BlockIndex, BlockName, BlockReply, BlockValue, HeldSet};

/// A call that a Ruby thread has taken, until it is answered. If it is dropped before, the block counts as failed.
pub struct BlockCall {
    pub(super) queue: Arc<BlockQueue>,
    pub(super) lane: LaneKey,
    /// Held until the argument is taken, so that Ruby still has the block.
    pub(super) set: Option<Arc<HeldSet>>,
    pub(super) name: Arc<BlockName>,
    pub(super) counters: Arc<BlockCounters>,
    pub(super) argument: Option<BlockArgument>,
    pub(super) reply: Option<Box<dyn BlockReply>>,
}

impl BlockCall {
    /// Number of the set of the block.
    pub fn set(&self) -> u64 {
        self.lane.set
    }

    /// Place of the block in its set.
    pub fn index(&self) -> BlockIndex {
        self.lane.index
    }

    /// What the block is called with. It is there once. Ruby must have found the block before, since its set may end
    /// now.
    pub fn take_argument(&mut self) -> Option<BlockArgument> {
        self.set = None;
        self.argument.take()
    }

    /// Answers the call: the value of the block, or what went wrong, which is logged. Only the first answer counts.
    pub fn answer(&mut self, answer: Result<BlockValue, &str>) {
        use std::sync::atomic::Ordering::Relaxed;
        let Some(reply) = self.reply.take() else { return };
        let wrong = match answer {
            Ok(value) => reply.take(Ok(value)).err(),
            Err(message) => {
                super::refuse(reply, BlockFailure::Failed);
                Some(message.to_owned())
            }
        };
        match wrong {
            None => self.counters.answered.fetch_add(1, Relaxed),
            Some(message) => {
                self.warn(&message);
                self.counters.failed.fetch_add(1, Relaxed)
            }
        };
        self.queue.done(&self.lane);
    }

    /// Logs a warning about the block.
    pub fn warn(&self, message: &str) {
        self.queue.warn(format_args!("{}: {message}", self.name));
    }
}

impl std::fmt::Debug for BlockCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlockCall").field("lane", &self.lane).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for BlockCall {
    fn drop(&mut self) {
        self.answer(Err("the thread of the block ended before the block did"));
    }
}

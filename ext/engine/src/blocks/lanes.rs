//! The calls of each block that wait or run: a lane for every block.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use super::{
    refuse, BlockArgument, BlockCounters, BlockFailure, BlockIndex, BlockLimits, BlockName, BlockReply, HeldSet,
};

/// Identity of a block within a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) set: u64,
    pub(super) index: BlockIndex,
}

#[derive(Debug, Default)]
pub(super) struct QueueState {
    pub(super) lanes: HashMap<LaneKey, Lane>,
    /// Lanes with a call that may run now, each of them once.
    pub(super) ready: VecDeque<LaneKey>,
    /// Blocks by name, for figures.
    pub(super) known: Vec<(LaneKey, BlockName, Arc<BlockCounters>)>,
    /// Calls of blocks that are gone, by their word.
    pub(super) past: BTreeMap<&'static str, [u64; 4]>,
    /// Sets in use.
    pub(super) live: usize,
    /// Number of the latest set.
    pub(super) latest: u64,
    /// Sets that are no longer in use, which Ruby has not been told yet.
    pub(super) released: Vec<u64>,
    /// Threads that wait for a call, with those that were promised.
    pub(super) idle: usize,
    /// Whether the server has ended: whatever still waits is given up.
    pub(super) is_closed: bool,
}

/// The calls of one block. There is a lane while a call waits or runs.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) waiting: VecDeque<WaitingCall>,
    pub(super) running: usize,
    pub(super) threads: usize,
    pub(super) is_ready: bool,
}

pub(super) struct WaitingCall {
    pub(super) set: Arc<HeldSet>,
    pub(super) name: Arc<BlockName>,
    pub(super) counters: Arc<BlockCounters>,
    pub(super) argument: BlockArgument,
    pub(super) reply: Box<dyn BlockReply>,
    pub(super) key: Option<Box<str>>,
}

impl Lane {
    /// Whether no more calls may wait. Calls that nobody waits for any more take no place: the oldest of them go to
    /// `unwanted`.
    pub(super) fn is_full(&mut self, limits: BlockLimits, unwanted: &mut Unwanted) -> bool {
        while self.waiting.len() >= limits.queue + limits.threads.saturating_sub(self.running) {
            match self.waiting.front() {
                Some(oldest) if !oldest.reply.is_wanted() => unwanted.0.extend(self.waiting.pop_front()),
                _ => return true,
            }
        }
        false
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} waiting, {} running", self.waiting.len(), self.running)
    }
}

/// Calls that nobody waits for any more. They end outside of the lock, since a set may end with them, which takes the
/// lock.
#[derive(Default)]
pub(super) struct Unwanted(pub(super) Vec<WaitingCall>);

impl Unwanted {
    pub(super) fn end(self) {
        for call in self.0 {
            refuse(call.reply, BlockFailure::Late);
        }
    }
}

impl QueueState {
    /// Forgets the blocks of a set. Their calls count for ever.
    pub(super) fn forget_set(&mut self, number: u64) {
        let known = std::mem::take(&mut self.known).into_iter();
        let (gone, known): (Vec<_>, Vec<_>) = known.partition(|(key, _, _)| key.set == number);
        self.known = known;
        for (place, (_, name, counters)) in gone.iter().enumerate() {
            // Blocks of one name share their counters.
            let is_kept = self.known.iter().chain(&gone[..place]).any(|(_, _, other)| Arc::ptr_eq(other, counters));
            if !is_kept {
                counters.add_to(self.past.entry(name.word).or_default());
            }
        }
    }

    /// Marks a lane as one whose first call may run, if so.
    pub(super) fn make_ready(&mut self, key: LaneKey) -> bool {
        let Some(lane) = self.lanes.get_mut(&key) else { return false };
        let is_new = !lane.is_ready && !lane.waiting.is_empty() && lane.running < lane.threads;
        if is_new {
            lane.is_ready = true;
            self.ready.push_back(key);
        }
        is_new
    }

    /// Takes the next call that may run and that somebody waits for; the others go to `unwanted`.
    pub(super) fn take(&mut self, unwanted: &mut Vec<WaitingCall>) -> Option<(LaneKey, WaitingCall)> {
        while let Some(key) = self.ready.pop_front() {
            let Some(lane) = self.lanes.get_mut(&key) else { continue };
            lane.is_ready = false;
            let mut found = None;
            while let Some(call) = lane.waiting.pop_front() {
                if call.reply.is_wanted() {
                    lane.running += 1;
                    found = Some(call);
                    break;
                }
                unwanted.push(call);
            }
            self.make_ready(key);
            match found {
                Some(call) => return Some((key, call)),
                None => self.forget_lane(key),
            }
        }
        None
    }

    pub(super) fn forget_lane(&mut self, key: LaneKey) {
        if self.lanes.get(&key).is_some_and(|lane| lane.running == 0 && lane.waiting.is_empty()) {
            self.lanes.remove(&key);
        }
    }

    /// Calls that wait or run.
    pub(super) fn calls(&self) -> usize {
        self.lanes.values().map(|lane| lane.running + lane.waiting.len()).sum()
    }
}

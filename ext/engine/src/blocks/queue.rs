//! The queue between the engine and the Ruby threads of one server.

use std::collections::BTreeMap;
use std::fmt::Arguments;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;

use super::lanes::{LaneKey, QueueState, Unwanted, WaitingCall};
use super::{
    refuse, Block, BlockArgument, BlockCall, BlockCounters, BlockFailure, BlockIndex, BlockName, BlockReply, BlockSet,
    HeldSet,
};
use crate::fork_safe::{Condvar, Mutex};
use crate::log::Log;
use crate::stats::BlockStats;

/// Calls of Ruby blocks that wait for a Ruby thread, and the sets of blocks that are in use.
#[derive(Debug, Default)]
pub struct BlockQueue {
    state: Mutex<QueueState>,
    /// Signalled when a Ruby thread may find something to do.
    changed: Condvar,
    /// Signalled when a call is done or given up.
    quieter: Condvar,
    log: OnceLock<Arc<Log>>,
}

/// What a Ruby thread has to do next.
#[derive(Debug)]
pub enum NextCall {
    /// Run this call.
    Call(BlockCall),
    /// Let go of the blocks of these sets.
    Release(Vec<u64>),
    /// Look at interrupts, and come back.
    Interrupted,
    /// End: no set is in use.
    End,
}

/// One waiting Ruby thread. Its flag is only touched under the lock of the queue, so no wake-up is lost.
#[derive(Debug, Default)]
pub struct QueueWaiter {
    is_interrupted: std::sync::atomic::AtomicBool,
}

impl BlockQueue {
    /// A set of blocks that is in use from now on, and its number.
    pub fn set(self: &Arc<Self>) -> (u64, BlockSet) {
        let mut state = self.state.lock();
        state.live += 1;
        state.latest += 1;
        let number = state.latest;
        (number, BlockSet(Some(Arc::new(HeldSet { queue: Arc::clone(self), number }))))
    }

    /// Whether another thread has to be started, since sets are in use and no thread waits. The caller must start one
    /// that calls [`Self::next`] with `was_promised`, or take the promise back.
    pub fn promise(&self) -> bool {
        let mut state = self.state.lock();
        let is_needed = state.idle == 0 && state.live > 0;
        state.idle += usize::from(is_needed);
        is_needed
    }

    /// Takes a promise back: no thread could be started.
    pub fn break_promise(&self) {
        self.state.lock().idle -= 1;
    }

    /// Waits for something to do. `was_promised` is whether the thread is the one of [`Self::promise`], at its first
    /// call.
    pub fn next(self: &Arc<Self>, waiter: &QueueWaiter, was_promised: bool) -> NextCall {
        let mut state = self.state.lock();
        state.idle += usize::from(!was_promised);
        let mut unwanted = Unwanted::default();
        let next = loop {
            if let Some(next) = self.found(&mut state, &mut unwanted) {
                break next;
            }
            if waiter.is_interrupted.load(Relaxed) {
                break NextCall::Interrupted;
            }
            state = self.changed.wait(state);
        };
        state.idle -= 1;
        // This thread may have been woken for a call that it leaves to another one.
        if !state.ready.is_empty() || !state.released.is_empty() {
            self.changed.notify_one();
        }
        drop(state);
        unwanted.end();
        next
    }

    /// What there is to do, without a wait.
    pub fn take(self: &Arc<Self>, was_promised: bool) -> Option<NextCall> {
        let mut unwanted = Unwanted::default();
        let next = {
            let mut state = self.state.lock();
            let next = self.found(&mut state, &mut unwanted);
            state.idle -= usize::from(was_promised && next.is_some());
            next
        };
        unwanted.end();
        next
    }

    fn found(self: &Arc<Self>, state: &mut QueueState, unwanted: &mut Unwanted) -> Option<NextCall> {
        if !state.released.is_empty() {
            return Some(NextCall::Release(std::mem::take(&mut state.released)));
        }
        let found = state.take(&mut unwanted.0);
        if !unwanted.0.is_empty() {
            self.quieter.notify_all();
        }
        if let Some((lane, call)) = found {
            let WaitingCall { set, name, counters, argument, reply, .. } = call;
            let (set, argument, reply) = (Some(set), Some(argument), Some(reply));
            let queue = Arc::clone(self);
            return Some(NextCall::Call(BlockCall { queue, lane, set, name, counters, argument, reply }));
        }
        match (state.live, unwanted.0.is_empty()) {
            (0, _) => Some(NextCall::End),
            // A set may end with these calls, once the lock is free.
            (_, false) => Some(NextCall::Interrupted),
            (_, true) => None,
        }
    }

    /// Makes the wait of `waiter` return early.
    pub fn interrupt(&self, waiter: &QueueWaiter) {
        let _state = self.state.lock();
        waiter.is_interrupted.store(true, Relaxed);
        self.changed.notify_all();
    }

    /// Waits until no call waits or runs, but for `own` that the waiting thread itself runs; no longer than until
    /// `limit` is over or the queue is closed. `true` if it has come to that, `None` if interrupted.
    pub fn wait_until_quiet(&self, waiter: &QueueWaiter, own: usize, limit: Duration) -> Option<bool> {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while state.calls() > own && !state.is_closed {
            if waiter.is_interrupted.load(Relaxed) {
                return None;
            }
            let late;
            (state, late) = self.quieter.wait_until(state, deadline);
            if late {
                return Some(state.calls() <= own);
            }
        }
        Some(state.calls() <= own)
    }

    /// Makes [`Self::wait_until_quiet`] of `waiter` return early.
    pub fn interrupt_quiet(&self, waiter: &QueueWaiter) {
        let _state = self.state.lock();
        waiter.is_interrupted.store(true, Relaxed);
        self.quieter.notify_all();
    }

    /// Gives up all calls that wait, and takes no more: the server has ended.
    pub fn close(&self) {
        let mut given_up = Vec::new();
        {
            let mut state = self.state.lock();
            state.is_closed = true;
            state.ready.clear();
            for lane in state.lanes.values_mut() {
                lane.is_ready = false;
                given_up.extend(lane.waiting.drain(..));
            }
            state.lanes.retain(|_, lane| lane.running > 0);
            self.quieter.notify_all();
        }
        for call in given_up {
            refuse(call.reply, BlockFailure::Gone);
        }
    }

    /// Logs to this log from now on.
    pub(crate) fn log_to(&self, log: &Arc<Log>) {
        let _ = self.log.set(Arc::clone(log));
    }

    pub(super) fn warn(&self, message: Arguments<'_>) {
        if let Some(log) = self.log.get() {
            log.warn(message);
        }
    }

    /// Notes a block, and returns its figures: those of the block of the same name, if there is one.
    pub(super) fn know(&self, set: u64, index: BlockIndex, name: &BlockName) -> Arc<BlockCounters> {
        let mut state = self.state.lock();
        let same = state.known.iter().find(|(_, known, _)| known == name).map(|(_, _, counters)| Arc::clone(counters));
        let counters = same.unwrap_or_default();
        state.known.push((LaneKey { set, index }, name.clone(), Arc::clone(&counters)));
        counters
    }

    /// Calls of all blocks by their word, those of earlier configurations included.
    pub(super) fn calls(&self) -> BTreeMap<&'static str, [u64; 4]> {
        let state = self.state.lock();
        let mut calls = state.past.clone();
        for (number, (_, name, counters)) in state.known.iter().enumerate() {
            // Blocks of one name share their counters.
            if !state.known[..number].iter().any(|(_, _, other)| Arc::ptr_eq(other, counters)) {
                counters.add_to(calls.entry(name.word).or_default());
            }
        }
        calls
    }

    /// Figures of every block, in the order of the file.
    pub(super) fn stats(&self) -> Vec<BlockStats> {
        let state = self.state.lock();
        let mut all: Vec<(&BlockName, BlockStats)> = Vec::new();
        for (key, name, counters) in &state.known {
            let lane = state.lanes.get(key);
            let (running, waiting) = lane.map_or((0, 0), |lane| (lane.running as u64, lane.waiting.len() as u64));
            if let Some((_, stats)) = all.iter_mut().find(|(known, _)| *known == name) {
                stats.running += running;
                stats.waiting += waiting;
                continue;
            }
            let stats = BlockStats {
                word: name.word,
                at: name.at.as_ref().map(|at| format!("{}:{}", at.file, at.line)),
                running,
                waiting,
                answered: counters.answered.load(Relaxed),
                failed: counters.failed.load(Relaxed),
                late: counters.late.load(Relaxed),
                full: counters.full.load(Relaxed),
            };
            all.push((name, stats));
        }
        all.into_iter().map(|(_, stats)| stats).collect()
    }

    /// Puts a call into the lane of its block. `false` if it is refused, which `reply` hears.
    pub(super) fn push(
        &self,
        block: &Block,
        set: &Arc<HeldSet>,
        argument: BlockArgument,
        reply: Box<dyn BlockReply>,
        key: Option<&str>,
    ) -> bool {
        let lane_key = LaneKey { set: set.number, index: block.index };
        let replaced;
        let mut unwanted = Unwanted::default();
        let refused = {
            let mut state = self.state.lock();
            let is_closed = state.is_closed;
            let lane = state.lanes.entry(lane_key).or_default();
            lane.threads = block.limits.threads;
            // The new one goes to the end, so that calls of several keys stay in their order.
            let same = key.and_then(|key| lane.waiting.iter().position(|call| call.key.as_deref() == Some(key)));
            replaced = same.and_then(|index| lane.waiting.remove(index));
            if is_closed || lane.is_full(block.limits, &mut unwanted) {
                state.forget_lane(lane_key);
                Some((reply, if is_closed { BlockFailure::Gone } else { BlockFailure::Full }))
            } else {
                lane.waiting.push_back(WaitingCall {
                    set: Arc::clone(set),
                    name: Arc::clone(&block.name),
                    counters: Arc::clone(&block.counters),
                    argument,
                    reply,
                    key: key.map(Into::into),
                });
                if state.make_ready(lane_key) {
                    self.changed.notify_one();
                }
                None
            }
        };
        unwanted.end();
        if let Some(call) = replaced {
            refuse(call.reply, BlockFailure::Gone);
        }
        let Some((reply, why)) = refused else { return true };
        if why == BlockFailure::Full {
            block.counters.full.fetch_add(1, Relaxed);
        }
        refuse(reply, why);
        false
    }

    /// Notes that a call has ended, so that the next of its lane may run.
    pub(super) fn done(&self, key: &LaneKey) {
        let mut state = self.state.lock();
        if let Some(lane) = state.lanes.get_mut(key) {
            lane.running -= 1;
        }
        if state.make_ready(*key) {
            self.changed.notify_one();
        }
        state.forget_lane(*key);
        self.quieter.notify_all();
    }

    /// Notes that a set is no longer in use.
    pub(super) fn release(&self, number: u64) {
        let mut state = self.state.lock();
        state.live -= 1;
        state.forget_set(number);
        state.released.push(number);
        match state.live {
            0 => self.changed.notify_all(),
            _ => self.changed.notify_one(),
        }
    }
}

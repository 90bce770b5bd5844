//! The order in which waiting passwords are verified.
//!
//! A hash takes a tenth of a second of a processor, and anyone can cause one. A client that does so over and over must
//! not keep others out. Waiting requests are told apart by their network and their connection. Every second turn goes
//! to the source with the fewest recent failures: a new client passes all who guess passwords. The other turns rotate
//! over the networks, so that no request waits for ever. Within a network with recent failures, the latest connection
//! that has not failed is first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Requests that may wait, for all filters of a server together. Each holds only its password, which is short, and a
/// client's connection.
const MOST_WAITING: usize = 1024;
/// Time for which a failure is remembered.
const MEMORY: Duration = Duration::from_secs(600);
/// Networks and connections whose failures are remembered.
const MOST_REMEMBERED: usize = 8192;

/// Origin of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::filter) struct Source {
    /// Address of the client. An IPv6 address stands for its network of 64 bits, since one client has all of it.
    network: Option<IpAddr>,
    /// Port of the client's connection; `None` for the whole network.
    port: Option<u16>,
}

impl Source {
    pub(super) fn new(address: Option<IpAddr>, port: Option<u16>) -> Self {
        let network = address.map(|address| match address {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
            v4 => v4,
        });
        Self { network, port }
    }

    #[cfg(test)]
    pub(super) const fn nowhere() -> Self {
        Self { network: None, port: None }
    }

    fn whole_network(self) -> Self {
        Self { port: None, ..self }
    }
}

/// Error: too many passwords wait to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

/// Turns to verify a password. Their number limits the processors that passwords can keep busy.
#[derive(Debug)]
pub(super) struct VerificationQueue {
    state: Mutex<VerificationQueueState>,
    most: usize,
}

#[derive(Debug)]
struct VerificationQueueState {
    /// Turns that are free now.
    free: usize,
    waiting: Vec<Waiting>,
    /// Number of requests that have come so far.
    came: u64,
    turns: u64,
    /// When each network that waits had its last turn.
    served: HashMap<Option<IpAddr>, u64>,
    failures: HashMap<Source, Failures>,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    source: Source,
    turn: oneshot::Sender<Turn>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

/// The right to verify a password, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<VerificationQueue>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state.lock().free += 1;
        self.0.pass_on();
    }
}

/// A place in the queue, until it is dropped.
struct VerificationPlace<'a> {
    queue: &'a VerificationQueue,
    number: u64,
}

impl Drop for VerificationPlace<'_> {
    fn drop(&mut self) {
        self.queue.state.lock().waiting.retain(|waiting| waiting.number != self.number);
    }
}

impl VerificationQueue {
    /// A queue that gives `parallel` turns at once.
    pub(super) fn new(parallel: usize) -> Self {
        Self::with_room(parallel, MOST_WAITING)
    }

    pub(super) fn with_room(parallel: usize, most: usize) -> Self {
        let state = VerificationQueueState {
            free: parallel,
            waiting: Vec::new(),
            came: 0,
            turns: 0,
            served: HashMap::new(),
            failures: HashMap::new(),
        };
        Self { state: Mutex::new(state), most }
    }

    /// Waits for a turn.
    pub(super) async fn turn(self: &Arc<Self>, source: Source) -> Result<Turn, Busy> {
        let (sender, turn) = oneshot::channel();
        let (place, turned_away) = {
            let mut state = self.state.lock();
            state.came += 1;
            let number = state.came;
            state.waiting.push(Waiting { number, source, turn: sender });
            let turned_away = if state.waiting.len() > self.most { state.take_last(Instant::now()) } else { None };
            (VerificationPlace { queue: self, number }, turned_away)
        };
        drop(turned_away);
        self.pass_on();
        let turn = turn.await;
        drop(place);
        turn.map_err(|_| Busy)
    }

    /// Gives the free turns to the next in the queue.
    fn pass_on(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state.lock();
                if state.free == 0 {
                    return;
                }
                let Some(next) = state.take_next(Instant::now()) else { return };
                state.free -= 1;
                next
            };
            // If the receiver is gone meanwhile, this gives the turn back, outside of the lock.
            drop(next.turn.send(Turn(Arc::clone(self))));
        }
    }

    /// Notes a wrong password from this source.
    pub(super) fn note_failure(&self, source: Source) {
        let now = Instant::now();
        let mut state = self.state.lock();
        for source in [source, source.whole_network()] {
            state.remember(source, now);
        }
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }
}

impl VerificationQueueState {
    fn remember(&mut self, source: Source, now: Instant) {
        if self.failures.len() >= MOST_REMEMBERED && !self.failures.contains_key(&source) {
            self.failures.retain(|_, failures| now.duration_since(failures.last) < MEMORY);
        }
        if self.failures.len() >= MOST_REMEMBERED && !self.failures.contains_key(&source) {
            let oldest = self.failures.iter().min_by_key(|(_, failures)| failures.last).map(|(source, _)| *source);
            oldest.map(|oldest| self.failures.remove(&oldest));
        }
        let failures = self.failures.entry(source).or_insert(Failures { count: 0, last: now });
        let old = now.duration_since(failures.last) >= MEMORY;
        *failures = Failures { count: if old { 1 } else { failures.count.saturating_add(1) }, last: now };
    }

    /// Number of recent wrong passwords from this source, rounded so that small differences do not count.
    fn failures(&self, source: Source, now: Instant) -> u32 {
        let failures = self.failures.get(&source).filter(|failures| now.duration_since(failures.last) < MEMORY);
        failures.map_or(0, |failures| u32::BITS - failures.count.leading_zeros())
    }

    /// Rank in the queue; the lowest is next. Within a network with recent failures the latest arrival is first, since
    /// most of those that wait there are guessing.
    fn rank(&self, waiting: &Waiting, now: Instant) -> (u32, u32, u64) {
        let source = waiting.source;
        let of_network = self.failures(source.whole_network(), now);
        let order = if of_network == 0 { waiting.number } else { u64::MAX - waiting.number };
        (of_network, self.failures(source, now), order)
    }

    fn take_next(&mut self, now: Instant) -> Option<Waiting> {
        let all = self.waiting.iter().enumerate();
        let next = if self.turns.is_multiple_of(2) {
            all.min_by_key(|(_, waiting)| self.rank(waiting, now))
        } else {
            // The network whose last turn is longest ago, and in it the request that has waited longest.
            let served = |waiting: &Waiting| self.served.get(&waiting.source.network).copied().unwrap_or_default();
            all.min_by_key(|(_, waiting)| (served(waiting), waiting.number))
        };
        let (index, _) = next?;
        self.turns += 1;
        let next = self.waiting.swap_remove(index);
        let Self { waiting, served, .. } = self;
        served.insert(next.source.network, self.turns);
        if served.len() > 2 * MOST_WAITING {
            served.retain(|network, _| waiting.iter().any(|waiting| waiting.source.network == *network));
        }
        Some(next)
    }

    /// Removes the request with the weakest claim to wait: in the network with the most waiting requests, the one whose
    /// turn by failures would come last.
    fn take_last(&mut self, now: Instant) -> Option<Waiting> {
        let mut counts: HashMap<_, usize> = HashMap::new();
        for waiting in &self.waiting {
            *counts.entry(waiting.source.network).or_default() += 1;
        }
        let crowd = |waiting: &Waiting| counts.get(&waiting.source.network).copied().unwrap_or_default();
        let all = self.waiting.iter().enumerate();
        let (index, _) = all.max_by_key(|(_, waiting)| (crowd(waiting), self.rank(waiting, now)))?;
        Some(self.waiting.swap_remove(index))
    }
}

#[cfg(test)]
mod tests;

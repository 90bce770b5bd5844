//! Whose password is verified next.
//!
//! A hash takes a tenth of a second of a processor, and anyone can ask for one: whoever does so over and over must not
//! keep others out. Those who wait are told apart by the network that they come from and by their connection, and every
//! second turn is for those who failed least lately: somebody new passes all who are guessing. The other turns go round
//! the networks, so that nobody waits for ever. Of the connections of one network where somebody guesses, the latest
//! that has not failed is first.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How many may wait for all filters of a server. Each holds no more than its password, which is short, and a client's
/// connection.
const MOST_WAITING: usize = 1024;
/// How long a failure is remembered.
const MEMORY: Duration = Duration::from_secs(600);
/// Networks and connections whose failures are remembered.
const MOST_REMEMBERED: usize = 8192;

/// Where a password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::filter) struct Source {
    /// An address; of IPv6 the network of 64 bits, all of which somebody has.
    network: Option<IpAddr>,
    /// The port of the client's connection: `None` for all of the network.
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

/// Too many passwords wait to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Busy;

/// Turns at the processors that may be busy with passwords.
#[derive(Debug)]
pub(super) struct VerificationQueue {
    state: Mutex<VerificationQueueState>,
    most: usize,
}

#[derive(Debug)]
struct VerificationQueueState {
    /// How many more may run.
    free: usize,
    waiting: Vec<Waiting>,
    /// Counts those who came.
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

/// The right to run, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn(Arc<VerificationQueue>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.state.lock().free += 1;
        self.0.pass_on();
    }
}

/// A place among those who wait, until it is dropped.
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
    /// A queue for so many turns at once.
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

    /// Gives the turns that are free to those who are next.
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
            // Whoever has gone meanwhile gives it back, outside of the lock.
            drop(next.turn.send(Turn(Arc::clone(self))));
        }
    }

    /// Remembers that a password from there was wrong.
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

    /// How often passwords from there were wrong lately; roughly, so that a few more or less are the same.
    fn failures(&self, source: Source, now: Instant) -> u32 {
        let failures = self.failures.get(&source).filter(|failures| now.duration_since(failures.last) < MEMORY);
        failures.map_or(0, |failures| u32::BITS - failures.count.leading_zeros())
    }

    /// The less, the sooner. Where somebody guesses whoever came last is first: of those who wait there, most are the
    /// ones who guess.
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
            // The network whose last turn is longest ago, and in it whoever has waited longest.
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

    /// Takes out whoever is least entitled to wait: of the network of which most wait, the one whose turn by failures
    /// would come last.
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

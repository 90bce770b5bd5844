//! The gate of an upstream: while it is closed, requests are held in front of it, in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::Instant;

use crate::clock::time_of_day;
use crate::fork_safe::Mutex;
use crate::runtime_state::traffic::PauseState;

/// Longest pause: a day.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(86_400);

/// Requests that are held, of all engine threads.
///
/// Once the gate is open, they go on one after the other: each lets the next one go when it has its place in the queue
/// for a backend, so that they stay in order and never come all at once.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    /// Whether requests have to look at `state`.
    closed: AtomicBool,
    state: Mutex<GateState>,
}

#[derive(Debug, Default)]
struct GateState {
    /// Time until which requests are held. `None`: the gate is open.
    until: Option<Instant>,
    /// Whether the server stops, so that nobody is held any more.
    stopping: bool,
    next_number: u64,
    /// Wakers by number. `None` until the request was polled, and once it was woken.
    held: BTreeMap<u64, Option<Waker>>,
}

/// A held request, until it is dropped.
#[derive(Debug)]
pub(crate) struct GatePlace {
    gate: Arc<Gate>,
    number: u64,
}

/// What is to become of a held request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateLook {
    /// It goes on.
    Go,
    /// It waits, until then at most.
    Wait(Instant),
    /// The gate is open, and others are before it.
    InLine,
    /// It was held for as long as it may be, or the server stops.
    Over,
}

impl Gate {
    /// Whether the gate is closed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Closes the gate, or changes how long requests are held: for [`LONGEST_PAUSE`] at most.
    pub(crate) fn close(&self, time: Duration) {
        let mut state = self.state.lock();
        state.until = Some(Instant::now() + time.min(LONGEST_PAUSE));
        self.closed.store(true, Relaxed);
        // Their time may be shorter now.
        state.wake_all();
    }

    /// Opens the gate. `false` if it was open.
    pub(crate) fn open(&self) -> bool {
        let mut state = self.state.lock();
        let was_closed = state.until.take().is_some();
        self.closed.store(false, Relaxed);
        state.wake_first();
        was_closed
    }

    /// Holds nobody any more, since the server stops or another process serves. Requests of a closed gate are answered
    /// from now on; those in line at an open one go on.
    pub(crate) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        state.wake_all();
    }

    /// Whether it holds nobody any more, since the server stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.state.lock().stopping
    }

    /// A place in front of a closed gate. `Ok(None)` if it is open; an error if `most` are held already, or if nobody
    /// is held any more.
    pub(crate) fn enter(self: &Arc<Self>, most: usize) -> Result<Option<GatePlace>, GateRefusal> {
        let mut state = self.state.lock();
        let Some(until) = state.until else { return Ok(None) };
        if state.stopping || Instant::now() >= until {
            return Err(GateRefusal::Over);
        }
        if state.held.len() >= most {
            return Err(GateRefusal::Full);
        }
        state.next_number += 1;
        let number = state.next_number;
        state.held.insert(number, None);
        Ok(Some(GatePlace { gate: Arc::clone(self), number }))
    }

    /// Number of held requests.
    pub(crate) fn held(&self) -> usize {
        self.state.lock().held.len()
    }

    /// The pause, if there is one.
    pub(super) fn state(&self) -> Option<PauseState> {
        let state = self.state.lock();
        let left = state.until?.saturating_duration_since(Instant::now());
        let until = (time_of_day() + left).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Some(PauseState { until, held: state.held.len() })
    }
}

/// Why a request is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateRefusal {
    /// As many as may be are held.
    Full,
    /// The time of the pause is over, or the server stops.
    Over,
}

impl GateState {
    fn wake_first(&mut self) {
        if let Some(waker) = self.held.first_entry().and_then(|mut first| first.get_mut().take()) {
            waker.wake();
        }
    }

    fn wake_all(&mut self) {
        for waker in self.held.values_mut().filter_map(Option::take) {
            waker.wake();
        }
    }
}

impl GatePlace {
    /// What is to become of the request. Wakes the task when that may have changed.
    pub(crate) fn look(&self, cx: &Context<'_>) -> GateLook {
        let mut state = self.gate.state.lock();
        let look = match state.until {
            Some(until) if state.stopping || Instant::now() >= until => return GateLook::Over,
            Some(until) => GateLook::Wait(until),
            None if state.held.first_key_value().is_some_and(|(number, _)| *number == self.number) => {
                return GateLook::Go
            }
            None => GateLook::InLine,
        };
        if let Some(waker) = state.held.get_mut(&self.number) {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
        }
        look
    }
}

impl Drop for GatePlace {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.held.remove(&self.number);
        if state.until.is_none() {
            state.wake_first();
        }
    }
}

#[cfg(test)]
mod tests;

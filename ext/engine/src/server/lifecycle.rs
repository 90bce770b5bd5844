//! State of a server's life: running, or stopping with deadlines.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::compile::TEN_YEARS;
use crate::fork_safe::{Condvar, Mutex};
use crate::long_lived::FAREWELL;

/// The order to the threads: `None` while the server runs, then the deadlines of the stop.
pub(super) type StopOrder = Option<StopDeadlines>;

/// Longest time of a stop. The clock cannot add every time that can be asked for.
const LONGEST: Duration = Duration::from_secs(TEN_YEARS as u64);

/// Deadlines of a stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct StopDeadlines {
    /// For idle connections of clients: those that sent no request by then close.
    pub(super) idle: Instant,
    /// For tunnels and event streams, which are told at this time.
    pub(super) long_lived: Instant,
    /// For everything else.
    pub(super) all: Instant,
    /// Whether another process goes on with the listening sockets.
    pub(super) hands_over: bool,
}

impl StopDeadlines {
    /// The deadlines of a stop that begins now. Tunnels and event streams get some time after they are told.
    pub(super) fn of(timeout: Duration, grace: Duration) -> Self {
        let (now, timeout) = (Instant::now(), timeout.min(LONGEST));
        let hearing = FAREWELL.min(timeout / 2);
        let long_lived = now + grace.min(timeout - hearing);
        Self { idle: now, long_lived, all: now + timeout, hands_over: false }
    }

    /// The deadlines of a server whose sockets another process has by now: idle connections stay until their next
    /// answer, which tells them to close.
    fn of_hand_over(timeout: Duration, grace: Duration) -> Self {
        let timeout = timeout.min(LONGEST);
        let stop = Self::of(timeout, grace);
        Self { idle: stop.all - FAREWELL.min(timeout / 2), hands_over: true, ..stop }
    }
}

/// Whether the server runs, and the means to end it.
#[derive(Debug)]
pub(super) struct Lifecycle {
    order: watch::Sender<StopOrder>,
    state: Mutex<LifecycleState>,
    changed: Condvar,
}

#[derive(Debug)]
struct LifecycleState {
    threads: usize,
    /// Whether the listening sockets are left.
    accepts_nothing: bool,
    /// Whether any connection was cut off.
    cut: bool,
}

impl Lifecycle {
    /// State of a server without threads, and the receiver of its orders.
    pub(super) fn new() -> (Arc<Self>, watch::Receiver<StopOrder>) {
        let (order, orders) = watch::channel(None);
        let state = Mutex::new(LifecycleState { threads: 0, accepts_nothing: false, cut: false });
        (Arc::new(Self { order, state, changed: Condvar::default() }), orders)
    }

    /// Begins to stop because another process goes on. Does nothing if the server stops already.
    pub(super) fn begin_hand_over(&self, timeout: Duration, grace: Duration) {
        self.order.send_if_modified(|order| {
            let is_first = order.is_none();
            order.get_or_insert_with(|| StopDeadlines::of_hand_over(timeout, grace));
            is_first
        });
    }

    pub(super) fn begin_stop(&self, timeout: Duration, grace: Duration) {
        let mut end = StopDeadlines::of(timeout, grace);
        self.order.send_if_modified(|order| {
            let sooner = order.is_none_or(|before| end.all < before.all);
            if sooner {
                end.long_lived = order.map_or(end.long_lived, |before| end.long_lived.min(before.long_lived));
                end.hands_over = order.is_some_and(|before| before.hands_over);
                *order = Some(end);
            }
            sooner
        });
    }

    pub(super) fn wait(&self, limit: Option<Duration>) -> bool {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut state = self.state.lock();
        while state.threads > 0 {
            match until {
                Some(until) => {
                    let late;
                    (state, late) = self.changed.wait_until(state, until);
                    if late {
                        return state.threads == 0;
                    }
                }
                None => state = self.changed.wait(state),
            }
        }
        true
    }

    /// Notes that the listening sockets are left.
    pub(super) fn accepts_nothing(&self) {
        self.state.lock().accepts_nothing = true;
        self.changed.notify_all();
    }

    /// Waits until the listening sockets are left, for `limit` at most.
    pub(super) fn wait_until_left(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut state = self.state.lock();
        while !state.accepts_nothing && state.threads > 0 {
            let late;
            (state, late) = self.changed.wait_until(state, until);
            if late {
                return;
            }
        }
    }

    /// Whether the server is stopping or has stopped.
    pub(super) fn is_stopping(&self) -> bool {
        self.order.borrow().is_some()
    }

    /// Returns once the server is stopping.
    pub(super) async fn stops(&self) {
        // The sender is here.
        let _ = self.order.subscribe().wait_for(Option::is_some).await;
    }

    pub(super) fn is_over(&self) -> bool {
        self.state.lock().threads == 0
    }

    pub(super) fn was_clean(&self) -> bool {
        !self.state.lock().cut
    }

    pub(super) fn thread_begins(&self) {
        self.state.lock().threads += 1;
    }

    pub(super) fn thread_ended(&self, cut: bool) {
        let mut state = self.state.lock();
        state.threads -= 1;
        state.cut |= cut;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_are_told_after_their_grace_and_early_enough_to_hear_it() {
        for (timeout, grace, told) in
            [(30_000, 5_000, 5_000), (30_000, 0, 0), (3_000, 5_000, 2_000), (1_000, 5_000, 500), (0, 5_000, 0)]
        {
            let deadlines = StopDeadlines::of(Duration::from_millis(timeout), Duration::from_millis(grace));
            let left = deadlines.all.duration_since(deadlines.long_lived);
            assert_eq!(left, Duration::from_millis(timeout - told), "{timeout} {grace}");
        }
    }

    #[test]
    fn a_time_that_the_clock_cannot_add_is_long() {
        for make in [StopDeadlines::of, StopDeadlines::of_hand_over] {
            let deadlines = make(Duration::MAX, Duration::MAX);
            assert_eq!(deadlines.all - deadlines.long_lived, FAREWELL);
            assert!(deadlines.all > Instant::now() + LONGEST / 2);
        }
    }

    #[test]
    fn after_a_hand_over_idle_connections_have_time_and_a_stop_after_it_takes_that_away() {
        let (life, orders) = Lifecycle::new();
        let seconds = Duration::from_secs;
        life.begin_hand_over(seconds(30), seconds(5));
        let first = orders.borrow().expect("an order");
        assert_eq!((first.all - first.idle, first.hands_over), (FAREWELL, true));
        life.begin_hand_over(seconds(1), seconds(0));
        assert_eq!(orders.borrow().expect("an order").all, first.all, "a second one changes nothing");
        life.begin_stop(seconds(3), seconds(5));
        let stop = orders.borrow().expect("an order");
        assert_eq!((stop.all - stop.idle, stop.hands_over), (seconds(3), true));
    }
}

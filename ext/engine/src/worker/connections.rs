//! The client connections of one engine thread, and which of them have been idle longest.
//!
//! A connection notes when it becomes idle and when it no longer is, once each per request. The notes are only searched
//! when room is needed for another connection; the result is kept for the next time.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Worker;
use crate::clock::micros;

/// Time during which a new connection does not count as idle: a request may have come that its task has not yet seen.
const NEW: Duration = Duration::from_secs(1);
/// Number of longest idle connections that one search remembers.
const REMEMBERED: usize = 1024;

/// Time between two searches for each connection that is looked at, so that they take a small part of the thread's time
/// however many clients wait for room.
const SEARCH_PAUSE: Duration = Duration::from_micros(1);

/// The connections of a thread.
#[derive(Debug, Default)]
pub(super) struct Connections {
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    alive: Cell<usize>,
    all_gone: Notify,
    /// The longest idle connections found by the last search, the longest idle one at the end.
    idlest: RefCell<Vec<(Instant, usize)>>,
    /// When the next search is allowed.
    next_search: Cell<Option<Instant>>,
}

#[derive(Debug)]
struct Slot {
    /// Waker of the connection's task.
    waker: Option<Waker>,
    idle: Idleness,
}

/// Whether a connection is idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idleness {
    /// A request is in flight.
    Busy,
    /// The connection has to close.
    Leaving,
    /// Since then; may be in the future.
    Since(Instant),
}

impl Connections {
    fn add(&self) -> usize {
        self.alive.set(self.alive.get() + 1);
        // A new connection, without a request so far.
        let slot = Slot { waker: None, idle: Idleness::Since(Instant::now() + NEW) };
        let mut slots = self.slots.borrow_mut();
        match self.free.borrow_mut().pop() {
            Some(number) => {
                slots[number] = slot;
                number
            }
            None => {
                slots.push(slot);
                slots.len() - 1
            }
        }
    }

    fn remove(&self, number: usize) {
        self.slots.borrow_mut()[number] = Slot { waker: None, idle: Idleness::Busy };
        self.free.borrow_mut().push(number);
        self.alive.set(self.alive.get() - 1);
        if self.alive.get() == 0 {
            self.all_gone.notify_one();
        }
    }

    pub(super) fn wake_all(&self) {
        for waker in self.slots.borrow().iter().filter_map(|slot| slot.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    pub(super) async fn wait_until_none(&self) {
        while self.alive.get() > 0 {
            self.all_gone.notified().await;
        }
    }

    /// Time since which the longest idle connection is idle, in microseconds of [`crate::clock`].
    pub(super) fn longest_idle(&self, now: Instant) -> Option<u64> {
        let slots = self.slots.borrow();
        let mut idlest = self.idlest.borrow_mut();
        let still = |&(since, number): &(Instant, usize)| {
            slots.get(number).is_some_and(|slot| slot.idle == Idleness::Since(since))
        };
        while idlest.last().is_some_and(|last| !still(last)) {
            idlest.pop();
        }
        if idlest.is_empty() && self.next_search.get().is_none_or(|at| at <= now) {
            // Connections that became idle later have been idle for a shorter time than the remembered ones.
            let idle = slots.iter().enumerate().filter_map(|(number, slot)| match slot.idle {
                Idleness::Since(since) if since <= now => Some((since, number)),
                _ => None,
            });
            idlest.extend(idle);
            let pause = SEARCH_PAUSE.saturating_mul(u32::try_from(slots.len()).unwrap_or(u32::MAX));
            // If there are more, the next search will not be in vain.
            self.next_search.set((idlest.len() <= REMEMBERED).then(|| now + pause));
            if idlest.len() > REMEMBERED {
                idlest.select_nth_unstable(REMEMBERED);
                idlest.truncate(REMEMBERED);
                idlest.shrink_to_fit();
            }
            idlest.sort_unstable_by(|one, other| other.cmp(one));
        }
        idlest.last().map(|(since, _)| micros(*since))
    }

    /// Tells the longest idle connection to close. `false` if no connection is idle.
    pub(super) fn close_longest_idle(&self, now: Instant) -> bool {
        if self.longest_idle(now).is_none() {
            return false;
        }
        let Some((_, number)) = self.idlest.borrow_mut().pop() else { return false };
        let waker = {
            let slot = &mut self.slots.borrow_mut()[number];
            slot.idle = Idleness::Leaving;
            slot.waker.clone()
        };
        // A task without a waker has not begun, and will check by itself.
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }
}

/// The registration of a client connection with its thread. It begins as new, and counts as idle soon unless it reports
/// a request.
pub(crate) struct Registration {
    worker: Rc<Worker>,
    number: usize,
}

impl Registration {
    pub(super) fn new(worker: &Rc<Worker>) -> Self {
        Self { worker: Rc::clone(worker), number: worker.connections.add() }
    }

    /// Sets the waker of the connection's task, which then checks whether it has to close.
    pub(crate) fn wake_with(&self, waker: Waker) {
        self.worker.connections.slots.borrow_mut()[self.number].waker = Some(waker);
    }

    /// Marks the connection as idle since `since`. It may be closed to make room for another.
    pub(crate) fn is_idle_since(&self, since: Instant) {
        self.worker.connections.slots.borrow_mut()[self.number].idle = Idleness::Since(since);
    }

    /// Marks the connection as new: its first request is still expected.
    pub(crate) fn is_new(&self) {
        self.is_idle_since(Instant::now() + NEW);
    }

    /// Marks the connection as busy: it is not closed to make room for others.
    #[inline]
    pub(crate) fn is_busy(&self) {
        self.worker.connections.slots.borrow_mut()[self.number].idle = Idleness::Busy;
    }

    /// Whether the connection has to close, because it has been idle longest and others need its room.
    pub(crate) fn must_leave(&self) -> bool {
        self.worker.connections.slots.borrow()[self.number].idle == Idleness::Leaving
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.worker.connections.remove(self.number);
        self.worker.counters.connection_closed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_have_been_idle_longest_leave_first_and_busy_ones_never() {
        let connections = Connections::default();
        let now = Instant::now();
        let numbers: Vec<_> = (0..5).map(|_| connections.add()).collect();
        let set = |index: usize, idle: Idleness| connections.slots.borrow_mut()[numbers[index]].idle = idle;
        for (index, seconds) in [(0, 3), (1, 1), (2, 5), (4, 2)] {
            set(index, Idleness::Since(now + Duration::from_secs(seconds)));
        }
        set(3, Idleness::Busy);
        let seconds = Cell::new(60);
        let left = || {
            seconds.set(seconds.get() + 1);
            connections.close_longest_idle(now + Duration::from_secs(seconds.get())).then(|| {
                let slots = connections.slots.borrow();
                slots.iter().position(|slot| slot.idle == Idleness::Leaving).expect("one was told")
            })
        };
        assert_eq!(left(), Some(1));
        connections.remove(1);
        // The next remembered connection, which has got a request since.
        set(4, Idleness::Since(now + Duration::from_secs(9)));
        assert_eq!(left(), Some(0));
        connections.remove(0);
        assert_eq!(left(), Some(2));
        connections.remove(2);
        assert_eq!(left(), Some(4));
        connections.remove(4);
        assert_eq!(left(), None);
    }

    #[test]
    fn many_are_looked_through_now_and_then() {
        let connections = Connections::default();
        let begin = Instant::now();
        let most = REMEMBERED * 3;
        for number in 0..most {
            connections.add();
            connections.slots.borrow_mut()[number].idle = Idleness::Since(begin + Duration::from_micros(number as u64));
        }
        for number in 0..most {
            assert!(connections.close_longest_idle(begin + NEW));
            assert_eq!(connections.slots.borrow()[number].idle, Idleness::Leaving);
            assert!(connections.idlest.borrow().capacity() <= most.next_power_of_two());
        }
        assert!(!connections.close_longest_idle(begin + NEW));
    }

    #[test]
    fn busy_ones_are_looked_through_no_more_often_than_their_number_allows() {
        let connections = Connections::default();
        let now = Instant::now();
        for number in 0..10_000 {
            connections.add();
            connections.slots.borrow_mut()[number].idle = Idleness::Busy;
        }
        assert!(!connections.close_longest_idle(now));
        connections.slots.borrow_mut()[9].idle = Idleness::Since(now);
        assert!(!connections.close_longest_idle(now + Duration::from_millis(9)), "that would be a search");
        assert!(connections.close_longest_idle(now + Duration::from_millis(10)));
        // What is remembered needs no search.
        for (number, at) in [(1, 11), (2, 12)] {
            connections.slots.borrow_mut()[number].idle = Idleness::Since(now + Duration::from_millis(at));
        }
        assert!(connections.close_longest_idle(now + Duration::from_millis(20)));
        assert!(connections.close_longest_idle(now + Duration::from_millis(20)));
    }

    #[test]
    fn a_new_one_is_not_idle_yet() {
        let connections = Connections::default();
        let begin = Instant::now();
        connections.add();
        assert!(!connections.close_longest_idle(begin));
        assert!(connections.close_longest_idle(begin + NEW + Duration::from_secs(1)));
    }
}

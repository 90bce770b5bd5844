//! Tunnels and event streams: they may last for ever, so a stop of the server ends them.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::DeadlineTimer;
use crate::metrics::{Counters, LongLivedKind};

/// Time for both sides to hear of the end and to answer.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// Tunnels and event streams of an engine thread.
#[derive(Debug, Default)]
pub(crate) struct LongLivedOnes {
    /// Wakers of their tasks.
    wakers: RefCell<Vec<Option<Waker>>>,
    free: RefCell<Vec<usize>>,
    /// Time at which they have to end.
    end: Cell<Option<Instant>>,
    /// Whether the remaining ones end with the thread.
    cut: Cell<bool>,
}

impl LongLivedOnes {
    fn add(&self) -> usize {
        let mut wakers = self.wakers.borrow_mut();
        self.free.borrow_mut().pop().unwrap_or_else(|| {
            wakers.push(None);
            wakers.len() - 1
        })
    }

    fn remove(&self, number: usize) {
        self.wakers.borrow_mut()[number] = None;
        self.free.borrow_mut().push(number);
    }

    fn wake_with(&self, number: usize, waker: &Waker) {
        let known = &mut self.wakers.borrow_mut()[number];
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    /// Sets the time at which all have to end. A later call may set an earlier time.
    pub(crate) fn end_at(&self, end: Instant) {
        self.end.set(Some(end));
        for waker in self.wakers.borrow().iter().flatten() {
            waker.wake_by_ref();
        }
    }

    /// Lets the remaining ones end with the thread.
    pub(crate) fn cut_off(&self) {
        self.cut.set(true);
    }

    /// Registers a tunnel or an event stream. It is counted until the returned guard is dropped.
    pub(crate) fn begin<'a>(&'a self, kind: LongLivedKind, counters: &'a Counters) -> LongLived<'a> {
        counters.long_lived_began(kind);
        LongLived { ones: self, counters, kind, number: self.add(), over: false, alarm: DeadlineTimer::default() }
    }
}

/// A registered tunnel or event stream.
pub(crate) struct LongLived<'a> {
    ones: &'a LongLivedOnes,
    counters: &'a Counters,
    kind: LongLivedKind,
    number: usize,
    /// Whether it was told to end.
    over: bool,
    alarm: DeadlineTimer,
}

impl LongLived<'_> {
    /// Ready when it has to end because the server stops.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.ones.wake_with(self.number, cx.waker());
        let Some(end) = self.ones.end.get() else { return Poll::Pending };
        let over = self.alarm.poll(cx, end);
        self.over |= over.is_ready();
        over
    }
}

impl Drop for LongLived<'_> {
    fn drop(&mut self) {
        self.counters.long_lived_ended(self.kind, self.over || self.ones.cut.get());
        self.ones.remove(self.number);
    }
}

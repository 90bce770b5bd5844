//! The wait queue of an upstream: requests wait here, in order, while every backend is busy (back-pressure).

use std::collections::BTreeMap;
use std::sync::atomic::{fence, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use crate::fork_safe::Mutex;

/// Requests of all engine threads that wait for a backend, in the order in which they came.
///
/// Only the first waiter looks for a free backend. A request that ends wakes the first waiter, and so does a waiter
/// that leaves the queue. While the queue is empty, the end of a request costs one atomic read.
#[derive(Debug, Default)]
pub(crate) struct WaitQueue {
    /// Largest number of waiters.
    limit: usize,
    waiting: AtomicUsize,
    waiters: Arc<Mutex<Waiters>>,
    group: Arc<QueueGroup>,
}

/// The wait queues of one upstream, of this configuration and of those before it: they wait for the same backends.
#[derive(Debug, Default)]
struct QueueGroup {
    /// Requests in all queues.
    waiting: AtomicUsize,
    queues: Mutex<Vec<Weak<Mutex<Waiters>>>>,
}

#[derive(Debug, Default)]
struct Waiters {
    next_number: u64,
    /// Wakers by number. `None` until the waiter was polled, and once it was woken.
    wakers: BTreeMap<u64, Option<Waker>>,
}

/// The place of a request in one queue: its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place(u64);

/// A place in the queue, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Waiter<'a> {
    queue: &'a WaitQueue,
    number: u64,
}

impl WaitQueue {
    /// A queue for at most `limit` requests.
    #[cfg(test)]
    pub(in crate::upstream) fn new(limit: usize) -> Self {
        Self::beside(None, limit)
    }

    /// A queue for at most `limit` requests, for the same backends as `other`.
    pub(in crate::upstream) fn beside(other: Option<&Self>, limit: usize) -> Self {
        let group = other.map(|other| Arc::clone(&other.group)).unwrap_or_default();
        let waiters = Arc::default();
        let mut queues = group.queues.lock();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&waiters));
        drop(queues);
        Self { limit, waiting: AtomicUsize::new(0), waiters, group }
    }

    /// Number of waiters.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Whether a request waits in one of the queues of the group.
    pub(in crate::upstream) fn is_waited_in(&self) -> bool {
        // Pairs with the fence in `Waiter::is_first`, as in `wake`.
        fence(SeqCst);
        self.group.waiting.load(Relaxed) > 0
    }

    /// Whether one more request may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting() < self.limit
    }

    /// Joins the end of the queue, or takes the earlier place `again` again. `None` if it is full.
    pub(crate) fn enter(&self, again: Option<Place>) -> Option<Waiter<'_>> {
        let mut waiters = self.waiters.lock();
        let number = match again {
            Some(Place(number)) => number,
            None if waiters.wakers.len() >= self.limit => return None,
            None => {
                waiters.next_number += 1;
                waiters.next_number
            }
        };
        waiters.wakers.insert(number, None);
        self.waiting.store(waiters.wakers.len(), Relaxed);
        self.group.waiting.fetch_add(1, Relaxed);
        Some(Waiter { queue: self, number })
    }

    /// Wakes the first waiter of each queue of the group: a backend has room, is back, or is gone.
    #[inline]
    pub(in crate::upstream) fn wake(&self) {
        // Pairs with the fence in `Waiter::is_first`: either the waiter sees the change, or this sees the waiter.
        fence(SeqCst);
        if self.group.waiting.load(Relaxed) > 0 {
            self.group.wake();
        }
    }
}

impl QueueGroup {
    #[cold]
    fn wake(&self) {
        let queues: Vec<_> = self.queues.lock().iter().filter_map(Weak::upgrade).collect();
        for queue in queues {
            wake_first(&queue);
        }
    }
}

#[cold]
fn wake_first(waiters: &Mutex<Waiters>) {
    let waker = waiters.lock().wakers.first_entry().and_then(|mut first| first.get_mut().take());
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Waiter<'_> {
    /// Its place, for a request that may have to come back to it.
    pub(crate) fn place(&self) -> Place {
        Place(self.number)
    }

    /// Whether this waiter is the first, whose turn it is to look for a backend. Wakes the task when it becomes the
    /// first, and when another look may find a backend.
    pub(crate) fn is_first(&self, cx: &Context<'_>) -> bool {
        let mut waiters = self.queue.waiters.lock();
        let first = waiters.wakers.first_key_value().is_some_and(|(number, _)| *number == self.number);
        if let Some(waker) = waiters.wakers.get_mut(&self.number) {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
        }
        drop(waiters);
        fence(SeqCst);
        first
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut waiters = self.queue.waiters.lock();
        let was_first = waiters.wakers.first_key_value().is_some_and(|(number, _)| *number == self.number);
        waiters.wakers.remove(&self.number);
        self.queue.waiting.store(waiters.wakers.len(), Relaxed);
        self.queue.group.waiting.fetch_sub(1, Relaxed);
        drop(waiters);
        if was_first {
            wake_first(&self.queue.waiters);
        }
    }
}

#[cfg(test)]
mod tests;

//! How many at once: the line in which requests wait while every backend is busy, and the budget that retries live on.

use std::collections::BTreeMap;
use std::sync::atomic::{fence, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use super::fleet::Fleet;
use crate::waiting::Mutex;

/// Requests of any engine thread that wait for a backend, served in the order in which they came.
///
/// Only the first of the line looks for a free backend; the others wait until they are first. Whoever frees a backend wakes the
/// first, and so does whoever leaves the line. While nobody waits, freeing a backend costs one look at a number.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// How many may wait.
    limit: usize,
    waiting: AtomicUsize,
    line: Arc<Mutex<Line>>,
    bell: Arc<Bell>,
}

/// What the lines of one upstream have in common, under this configuration and those before it: the backends that they wait for.
#[derive(Debug, Default)]
struct Bell {
    /// Requests in all of them.
    waiting: AtomicUsize,
    lines: Mutex<Vec<Weak<Mutex<Line>>>>,
}

#[derive(Debug, Default)]
struct Line {
    next: u64,
    /// By ticket. What wakes those who have been looked at.
    waiters: BTreeMap<u64, Option<Waker>>,
}

/// A place in the line, until it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    queue: &'a Queue,
    number: u64,
}

impl Queue {
    /// A line in which so many may wait.
    #[cfg(test)]
    pub(super) fn new(limit: usize) -> Self {
        Self::beside(None, limit)
    }

    /// A line in which so many may wait, for the same backends as those in another.
    pub(super) fn beside(other: Option<&Self>, limit: usize) -> Self {
        let bell = other.map(|other| Arc::clone(&other.bell)).unwrap_or_default();
        let line = Arc::default();
        let mut lines = bell.lines.lock();
        lines.retain(|line| line.strong_count() > 0);
        lines.push(Arc::downgrade(&line));
        drop(lines);
        Self { limit, waiting: AtomicUsize::new(0), line, bell }
    }

    /// How many wait.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Whether one more may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting() < self.limit
    }

    /// Joins the end of the line. `None` if it is full.
    pub(crate) fn enter(&self) -> Option<Ticket<'_>> {
        let mut line = self.line.lock();
        if line.waiters.len() >= self.limit {
            return None;
        }
        let number = line.next;
        line.next += 1;
        line.waiters.insert(number, None);
        self.waiting.store(line.waiters.len(), Relaxed);
        self.bell.waiting.fetch_add(1, Relaxed);
        Some(Ticket { queue: self, number })
    }

    /// Something has changed for those who wait: a backend has room, or is there again, or is gone.
    #[inline]
    pub(super) fn wake(&self) {
        // Pairs with the fence of `Ticket::is_first`: either that one sees what has changed, or this one sees that it waits.
        fence(SeqCst);
        if self.bell.waiting.load(Relaxed) > 0 {
            self.bell.ring();
        }
    }
}

impl Bell {
    #[cold]
    fn ring(&self) {
        let lines: Vec<_> = self.lines.lock().iter().filter_map(Weak::upgrade).collect();
        for line in lines {
            wake_first(&line);
        }
    }
}

#[cold]
fn wake_first(line: &Mutex<Line>) {
    let waker = line.lock().waiters.first_entry().and_then(|mut first| first.get_mut().take());
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Ticket<'_> {
    /// Whether it is this one's turn to look for a backend. The task is woken when that may have changed, or is worth another
    /// look.
    pub(crate) fn is_first(&self, cx: &Context<'_>) -> bool {
        let mut line = self.queue.line.lock();
        let first = line.waiters.first_key_value().is_some_and(|(number, _)| *number == self.number);
        if let Some(waker) = line.waiters.get_mut(&self.number) {
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
        }
        drop(line);
        fence(SeqCst);
        first
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut line = self.queue.line.lock();
        let was_first = line.waiters.first_key_value().is_some_and(|(number, _)| *number == self.number);
        line.waiters.remove(&self.number);
        self.queue.waiting.store(line.waiters.len(), Relaxed);
        self.queue.bell.waiting.fetch_sub(1, Relaxed);
        drop(line);
        if was_first {
            wake_first(&self.queue.line);
        }
    }
}

/// Retries in flight that are always allowed.
const LEAST_RETRIES: usize = 3;

/// The right to send a request again to a backend that is in trouble, as long as it is held.
#[derive(Debug)]
pub(crate) struct RetryPermit(Arc<Fleet>);

impl RetryPermit {
    /// Takes one, if not `percent` of the requests in flight, and at least three, have one already.
    pub(crate) fn take(fleet: &Arc<Fleet>, percent: f64) -> Option<Self> {
        let allowed = ((fleet.in_flight() as f64 * percent / 100.0) as usize).max(LEAST_RETRIES);
        let taken = fleet.retries().fetch_update(Relaxed, Relaxed, |held| (held < allowed).then_some(held + 1));
        taken.is_ok().then(|| Self(fleet.clone()))
    }
}

impl Drop for RetryPermit {
    fn drop(&mut self) {
        self.0.retries().fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;
    use std::task::{Poll, Wake};

    use super::*;
    use crate::upstream::backend::Place;
    use crate::upstream::health::Rules;
    use crate::upstream::tests::within;
    use crate::upstream::{Attempt, Endpoint, Traits};

    #[derive(Default)]
    struct Alarm(AtomicUsize);

    impl Wake for Alarm {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// Somebody in a line, and how often he was woken.
    struct Somebody<'a> {
        ticket: Ticket<'a>,
        alarm: Arc<Alarm>,
        waker: Waker,
    }

    impl<'a> Somebody<'a> {
        fn new(queue: &'a Queue) -> Self {
            let alarm = Arc::new(Alarm::default());
            Self { ticket: queue.enter().expect("room"), waker: alarm.clone().into(), alarm }
        }

        fn is_first(&self) -> bool {
            self.ticket.is_first(&Context::from_waker(&self.waker))
        }

        fn woken(&self) -> usize {
            self.alarm.0.load(SeqCst)
        }
    }

    #[test]
    fn the_first_to_come_is_the_first_to_be_woken() {
        let queue = Queue::new(3);
        let (first, second, third) = (Somebody::new(&queue), Somebody::new(&queue), Somebody::new(&queue));
        assert_eq!([first.is_first(), second.is_first(), third.is_first()], [true, false, false]);
        queue.wake();
        queue.wake();
        assert_eq!([first.woken(), second.woken(), third.woken()], [1, 0, 0]);
        drop(first);
        assert_eq!([second.woken(), third.woken()], [1, 0]);
        assert!(second.is_first() && !third.is_first());
    }

    #[test]
    fn one_that_leaves_from_the_middle_wakes_nobody() {
        let queue = Queue::new(3);
        let (first, second, third) = (Somebody::new(&queue), Somebody::new(&queue), Somebody::new(&queue));
        for somebody in [&first, &second, &third] {
            somebody.is_first();
        }
        drop(second);
        assert_eq!((first.woken(), third.woken(), queue.waiting()), (0, 0, 2));
        drop(first);
        assert_eq!((third.woken(), third.is_first()), (1, true));
    }

    #[test]
    fn a_full_line_takes_nobody() {
        let queue = Queue::new(1);
        let first = queue.enter().expect("room");
        assert!(queue.enter().is_none());
        drop(first);
        assert!(queue.enter().is_some());
        assert!(Queue::new(0).enter().is_none());
    }

    /// The right to one of the places of `endpoint`, as a request gets it; given up now and then, as clients do.
    async fn admitted(endpoint: &Arc<Endpoint>, patient: bool) -> Option<Attempt> {
        let queue = endpoint.fleet().queue();
        if queue.waiting() == 0 {
            if let Some(attempt) = Attempt::admit(endpoint.clone(), None) {
                return Some(attempt);
            }
        }
        let ticket = queue.enter().expect("room");
        let mut looks = 0;
        poll_fn(|cx| {
            looks += 1;
            if ticket.is_first(cx) {
                if let Some(attempt) = Attempt::admit(endpoint.clone(), None) {
                    return Poll::Ready(Some(attempt));
                }
            }
            if !patient && looks == 2 {
                return Poll::Ready(None);
            }
            Poll::Pending
        })
        .await
    }

    #[test]
    fn no_wake_up_is_lost_between_threads() {
        let fleet = Fleet::new("app", Arc::new(Rules { queue: 100, ..Rules::default() }));
        let traits = Traits { max_connections: Some(2), ..Traits::default() };
        let endpoint = Endpoint::within(&fleet, "a".into(), "a", Place::Unix("/a".into()), None, traits);
        let work = |number: usize| {
            let endpoint = endpoint.clone();
            async move {
                for round in 0..1_000 {
                    let attempt = admitted(&endpoint, !(round + number).is_multiple_of(5)).await;
                    tokio::task::yield_now().await;
                    drop(attempt);
                }
            }
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let work = &work;
                scope.spawn(move || {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                    let all = async {
                        let tasks: Vec<_> = (0..4).map(|task| tokio::spawn(work(thread + task))).collect();
                        for task in tasks {
                            task.await.expect("it ends");
                        }
                    };
                    runtime.block_on(within(all));
                });
            }
        });
        assert_eq!((fleet.queue().waiting(), endpoint.in_flight()), (0, 0));
    }

    #[test]
    fn retries_keep_to_their_share() {
        let fleet = Fleet::lone();
        let held: Vec<_> = (0..3).map(|_| RetryPermit::take(&fleet, 20.0).expect("three are always allowed")).collect();
        assert!(RetryPermit::take(&fleet, 20.0).is_none());
        drop(held);
        assert!(RetryPermit::take(&fleet, 20.0).is_some());
        let place = Place::Unix("/a".into());
        let endpoint = Endpoint::within(&fleet, "a".into(), "a", place, None, Traits::default());
        fleet.set_members(std::slice::from_ref(&endpoint), false);
        let _busy: Vec<_> = (0..25).map(|_| Attempt::begin(endpoint.clone())).collect();
        let held: Vec<_> = std::iter::from_fn(|| RetryPermit::take(&fleet, 20.0)).collect();
        assert_eq!(held.len(), 5, "a fifth of 25");
    }
}

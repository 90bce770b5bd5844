use std::future::poll_fn;
use std::sync::atomic::AtomicUsize;
use std::task::{Poll, Wake};

use super::*;
use crate::upstream::backend::group::BackendGroup;
use crate::upstream::backend::rules::GroupRules;
use crate::upstream::backend::BackendAddress;
use crate::upstream::backend::BackendSettings;
use crate::upstream::tests::within;
use crate::upstream::{Attempt, Backend};

#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A waiter, and how often it was woken.
struct Somebody<'a> {
    waiter: Waiter<'a>,
    alarm: Arc<Alarm>,
    waker: Waker,
}

impl<'a> Somebody<'a> {
    fn new(queue: &'a WaitQueue) -> Self {
        let alarm = Arc::new(Alarm::default());
        Self { waiter: queue.enter(None).expect("room"), waker: alarm.clone().into(), alarm }
    }

    fn is_first(&self) -> bool {
        self.waiter.is_first(&Context::from_waker(&self.waker))
    }

    fn woken(&self) -> usize {
        self.alarm.0.load(SeqCst)
    }
}

#[test]
fn the_first_to_come_is_the_first_to_be_woken() {
    let queue = WaitQueue::new(3);
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
    let queue = WaitQueue::new(3);
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
fn a_full_queue_takes_nobody() {
    let queue = WaitQueue::new(1);
    let first = queue.enter(None).expect("room");
    assert!(queue.enter(None).is_none());
    drop(first);
    assert!(queue.enter(None).is_some());
    assert!(WaitQueue::new(0).enter(None).is_none());
}

/// The right to one of the places of `endpoint`, as a request gets it; given up now and then, as clients do.
async fn admitted(endpoint: &Arc<Backend>, patient: bool) -> Option<Attempt> {
    let queue = endpoint.group().queue();
    if queue.waiting() == 0 {
        if let Some(attempt) = Attempt::admit(endpoint.clone(), None) {
            return Some(attempt);
        }
    }
    let waiter = queue.enter(None).expect("room");
    let mut looks = 0;
    poll_fn(|cx| {
        looks += 1;
        if waiter.is_first(cx) {
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
    let group = BackendGroup::new("app", Arc::new(GroupRules { queue: 100, ..GroupRules::default() }));
    let traits = BackendSettings { max_connections: Some(2), ..BackendSettings::default() };
    let endpoint = Backend::within(&group, "a".into(), "a", BackendAddress::Unix("/a".into()), None, traits);
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
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
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
    assert_eq!((group.queue().waiting(), endpoint.in_flight()), (0, 0));
}

#[test]
fn who_comes_back_takes_its_place_again_even_if_the_queue_is_full_now() {
    let queue = WaitQueue::new(2);
    let first = queue.enter(None).expect("room");
    let place = first.place();
    let (second, _) = (queue.enter(None).expect("room"), drop(first));
    let third = queue.enter(None).expect("room again");
    let first = queue.enter(Some(place)).expect("its place");
    let cx = &Context::from_waker(Waker::noop());
    assert_eq!([first.is_first(cx), second.is_first(cx), third.is_first(cx)], [true, false, false]);
    assert_eq!(queue.waiting(), 3);
}

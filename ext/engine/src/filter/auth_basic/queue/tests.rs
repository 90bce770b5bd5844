use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

fn from(text: &str, port: u16) -> Source {
    Source::new(address(text), Some(port))
}

/// Order in which `sources` get their turns. They come in the order of the list, all before the first turn.
fn order(queue: &Arc<VerificationQueue>, sources: &[Source]) -> Vec<usize> {
    let turn = now(queue, Source::default()).expect("nobody waits").expect("a turn");
    let mut waiting: Vec<_> = sources.iter().map(|source| Some(Box::pin(queue.turn(*source)))).collect();
    let mut cx = Context::from_waker(Waker::noop());
    for turn in waiting.iter_mut().flatten() {
        assert!(turn.as_mut().poll(&mut cx).is_pending());
    }
    drop(turn);
    let mut order = Vec::new();
    while order.len() < sources.len() {
        let next = waiting.iter_mut().position(|place| {
            let polled = place.as_mut().map(|turn| turn.as_mut().poll(&mut cx));
            matches!(polled, Some(Poll::Ready(Ok(_))))
        });
        let next = next.expect("somebody is next");
        waiting[next] = None;
        order.push(next);
    }
    order
}

fn now(queue: &Arc<VerificationQueue>, source: Source) -> Option<Result<Turn, Busy>> {
    match pin!(queue.turn(source)).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(turn) => Some(turn),
        Poll::Pending => None,
    }
}

#[test]
fn somebody_from_elsewhere_passes_a_crowd_that_guesses() {
    let queue = Arc::new(VerificationQueue::new(1));
    let crowd: Vec<_> = (0..60).map(|port| from("192.0.2.1", port)).collect();
    crowd.iter().for_each(|source| queue.note_failure(*source));
    let mut sources = crowd;
    sources.push(from("192.0.2.2", 1));
    let order = order(&queue, &sources);
    assert!(order.iter().position(|index| *index == 60).expect("a turn") <= 1, "{order:?}");
}

#[test]
fn a_new_connection_passes_those_of_its_own_network_that_failed() {
    let queue = Arc::new(VerificationQueue::new(1));
    let crowd: Vec<_> = (0..60).map(|port| from("2001:db8::1", port)).collect();
    crowd.iter().for_each(|source| queue.note_failure(*source));
    let mut sources = crowd;
    sources.push(from("2001:db8::ffff", 7_000));
    let order = order(&queue, &sources);
    assert!(order.iter().position(|index| *index == 60).expect("a turn") <= 1, "{order:?}");
}

#[test]
fn the_latest_passes_those_of_its_own_network_that_wait_for_their_first_guess() {
    let queue = Arc::new(VerificationQueue::new(1));
    queue.note_failure(from("192.0.2.1", 9_999));
    let sources: Vec<_> = (0..61).map(|port| from("192.0.2.1", port)).collect();
    let order = order(&queue, &sources);
    assert!(order.iter().position(|index| *index == 60).expect("a turn") <= 1, "{order:?}");
    assert!(order.iter().position(|index| *index == 0).expect("a turn") <= 1, "the first has its turn too");
}

#[test]
fn one_of_many_networks_that_guess_waits_for_a_turn_of_each_at_most() {
    let queue = Arc::new(VerificationQueue::new(1));
    let mut sources = Vec::new();
    for network in 0..10 {
        sources.extend((0..10).map(|port| from(&format!("192.0.2.{network}"), port)));
    }
    // This source failed as often as the others, and came last.
    sources.push(from("198.51.100.1", 1));
    sources.iter().for_each(|source| queue.note_failure(*source));
    let order = order(&queue, &sources);
    assert!(order.iter().position(|index| *index == 100).expect("a turn") <= 22, "{order:?}");
}

#[test]
fn those_that_failed_get_turns_beside_an_endless_row_of_new_ones() {
    let queue = Arc::new(VerificationQueue::new(1));
    let failed = from("192.0.2.1", 1);
    queue.note_failure(failed);
    let mut sources = vec![failed];
    sources.extend((0..100).map(|port| from("198.51.100.1", port)));
    let order = order(&queue, &sources);
    assert!(order.iter().position(|index| *index == 0).expect("a turn") <= 3, "{order:?}");
}

#[test]
fn a_full_queue_turns_away_one_of_the_largest_crowd() {
    let queue = Arc::new(VerificationQueue::with_room(1, 4));
    let mut cx = Context::from_waker(Waker::noop());
    let turn = now(&queue, Source::default()).expect("nobody waits").expect("a turn");
    let mut crowd: Vec<_> = (0..4).map(|port| Box::pin(queue.turn(from("192.0.2.1", port)))).collect();
    crowd.iter_mut().for_each(|turn| assert!(turn.as_mut().poll(&mut cx).is_pending()));
    let mut other = Box::pin(queue.turn(from("192.0.2.2", 1)));
    assert!(other.as_mut().poll(&mut cx).is_pending(), "it takes the place of another");
    assert_eq!(queue.waiting(), 4);
    let away: Vec<_> = crowd.iter_mut().map(|turn| turn.as_mut().poll(&mut cx)).collect();
    assert!(matches!(&away[..], [Poll::Pending, Poll::Pending, Poll::Pending, Poll::Ready(Err(Busy))]), "{away:?}");
    // One more of the crowd is itself the one that is removed.
    assert!(matches!(now(&queue, from("192.0.2.1", 9)), Some(Err(Busy))));
    crowd.clear();
    drop(turn);
    assert!(matches!(other.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn a_turn_that_nobody_takes_any_more_goes_to_the_next() {
    let queue = Arc::new(VerificationQueue::new(1));
    let mut cx = Context::from_waker(Waker::noop());
    let turn = now(&queue, Source::default()).expect("nobody waits").expect("a turn");
    let mut first = Box::pin(queue.turn(from("192.0.2.1", 1)));
    let mut second = Box::pin(queue.turn(from("192.0.2.1", 2)));
    assert!(first.as_mut().poll(&mut cx).is_pending() && second.as_mut().poll(&mut cx).is_pending());
    drop(turn);
    // It was given its turn, and goes away.
    drop(first);
    assert!(matches!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(_))));
}

#[test]
fn the_memory_of_failures_is_bounded() {
    let queue = VerificationQueue::new(1);
    // Each failure is remembered twice, by network and by connection: the last fifty take the place of others.
    for number in 0..MOST_REMEMBERED as u32 / 2 + 50 {
        queue.note_failure(Source::new(Some(IpAddr::V4(number.into())), Some(1)));
    }
    assert_eq!(queue.state.lock().failures.len(), MOST_REMEMBERED);
}

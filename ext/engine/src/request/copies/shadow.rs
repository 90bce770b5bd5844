//! An upstream that gets copies, and its limits.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use crate::upstream::Upstream;

/// Bytes of bodies that wait or are being sent to one upstream, at most.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// An upstream that gets copies of requests.
#[derive(Debug)]
pub(crate) struct Shadow {
    pub(super) upstream: Arc<Upstream>,
    max_body: usize,
    /// Most copies in flight.
    most: usize,
    /// Bytes of the largest response head.
    pub(super) max_head: usize,
    in_flight: AtomicUsize,
    bytes: AtomicUsize,
}

/// Room for the body of a copy, until it is dropped.
#[derive(Debug)]
pub(crate) struct CopyRoom {
    shadow: Arc<Shadow>,
    bytes: usize,
}

/// A place among the copies in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct CopyPlace {
    room: CopyRoom,
}

impl Shadow {
    /// `max_body` and `max_head` are in bytes; `most` is the number of copies in flight.
    pub(crate) fn new(upstream: Arc<Upstream>, max_body: usize, most: usize, max_head: usize) -> Arc<Self> {
        let (in_flight, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { upstream, max_body, most, max_head, in_flight, bytes })
    }

    /// Length of the longest body, in bytes.
    pub(super) fn max_body(&self) -> usize {
        self.max_body
    }

    /// Room for a body of so many bytes, if there is any.
    pub(super) fn reserve(shadow: &Arc<Self>, bytes: usize) -> Option<CopyRoom> {
        if bytes > shadow.max_body {
            return None;
        }
        let more = |count: usize| (count + bytes <= MOST_BYTES).then_some(count + bytes);
        shadow.bytes.fetch_update(Relaxed, Relaxed, more).ok()?;
        Some(CopyRoom { shadow: Arc::clone(shadow), bytes })
    }
}

impl CopyRoom {
    /// Length of the longest body, in bytes.
    pub(super) fn max_body(&self) -> usize {
        self.shadow.max_body
    }

    /// A place in flight for the copy, now that it can be sent, if there is one. The body has so many bytes, which may
    /// be fewer than was to be feared.
    pub(super) fn depart(mut self, bytes: usize) -> Option<CopyPlace> {
        let one_more = |count| (count < self.shadow.most).then_some(count + 1);
        self.shadow.in_flight.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        let spare = self.bytes.saturating_sub(bytes);
        self.shadow.bytes.fetch_sub(spare, Relaxed);
        self.bytes -= spare;
        Some(CopyPlace { room: self })
    }
}

impl CopyPlace {
    /// The upstream that gets the copy.
    pub(super) fn shadow(&self) -> &Shadow {
        &self.room.shadow
    }
}

impl Drop for CopyRoom {
    fn drop(&mut self) {
        self.shadow.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

impl Drop for CopyPlace {
    fn drop(&mut self) {
        self.room.shadow.in_flight.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::balancer::BalancingPolicy;
    use crate::upstream::tests::upstream;

    fn shadow(most: usize) -> Arc<Shadow> {
        Shadow::new(upstream(BalancingPolicy::Ordered, &[]), MOST_BYTES, most, 0)
    }

    #[test]
    fn bytes_are_bounded_and_given_back() {
        let shadow = shadow(2);
        let whole = Shadow::reserve(&shadow, MOST_BYTES).expect("room");
        assert!(Shadow::reserve(&shadow, 1).is_none(), "no bytes are left");
        let short = whole.depart(10).expect("a place");
        let rest = Shadow::reserve(&shadow, MOST_BYTES - 10).expect("what the body did not need");
        assert!(Shadow::reserve(&shadow, 1).is_none(), "no bytes are left");
        drop((short, rest));
        assert!(Shadow::reserve(&shadow, MOST_BYTES + 1).is_none(), "it is too long");
        assert_eq!((shadow.in_flight.load(Relaxed), shadow.bytes.load(Relaxed)), (0, 0));
    }

    #[test]
    fn only_copies_that_are_sent_take_places() {
        let shadow = shadow(2);
        let mut rooms: Vec<_> = (0..4).map(|_| Shadow::reserve(&shadow, 1).expect("room")).collect();
        let mut depart = || rooms.pop().expect("room").depart(1);
        let places = [depart(), depart()];
        assert!(places.iter().all(Option::is_some));
        assert!(depart().is_none(), "no place is left");
        drop(places);
        assert!(depart().is_some());
        assert_eq!((shadow.in_flight.load(Relaxed), shadow.bytes.load(Relaxed)), (0, 0));
    }
}

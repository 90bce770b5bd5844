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

/// A place among the copies in flight, until it is dropped.
#[derive(Debug)]
pub(crate) struct CopyPlace {
    pub(super) shadow: Arc<Shadow>,
    bytes: usize,
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

    /// A place for a copy with a body of so many bytes, if there is room.
    pub(super) fn enter(shadow: &Arc<Self>, bytes: usize) -> Option<CopyPlace> {
        if bytes > shadow.max_body {
            return None;
        }
        let one_more = |count| (count < shadow.most).then_some(count + 1);
        shadow.in_flight.fetch_update(Relaxed, Relaxed, one_more).ok()?;
        // From here on it is given back.
        let mut place = CopyPlace { shadow: Arc::clone(shadow), bytes: 0 };
        let more = |count: usize| (count + bytes <= MOST_BYTES).then_some(count + bytes);
        shadow.bytes.fetch_update(Relaxed, Relaxed, more).ok()?;
        place.bytes = bytes;
        Some(place)
    }
}

impl CopyPlace {
    /// Length of the longest body, in bytes.
    pub(super) fn max_body(&self) -> usize {
        self.shadow.max_body
    }
}

impl Drop for CopyPlace {
    fn drop(&mut self) {
        self.shadow.in_flight.fetch_sub(1, Relaxed);
        self.shadow.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::balancer::BalancingPolicy;
    use crate::upstream::tests::upstream;

    #[test]
    fn places_and_bytes_are_bounded_and_given_back() {
        let shadow = Shadow::new(upstream(BalancingPolicy::Ordered, &[]), MOST_BYTES, 2, 0);
        let first = Shadow::enter(&shadow, MOST_BYTES).expect("a place");
        assert!(Shadow::enter(&shadow, 1).is_none(), "no bytes are left");
        let second = Shadow::enter(&shadow, 0).expect("a place");
        assert!(Shadow::enter(&shadow, 0).is_none(), "no place is left");
        drop((first, second));
        assert!(Shadow::enter(&shadow, MOST_BYTES + 1).is_none(), "it is too long");
        assert_eq!((shadow.in_flight.load(Relaxed), shadow.bytes.load(Relaxed)), (0, 0));
    }
}

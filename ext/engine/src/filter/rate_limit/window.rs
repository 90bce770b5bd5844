//! The requests of one key that still count.

use std::collections::VecDeque;

/// Number of groups in a span. Requests of one group leave the count together.
const PARTS: u64 = 16;

/// The limit: at most `requests` in any `span` of nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limit {
    pub(super) requests: u64,
    pub(super) span: u64,
}

/// Result for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) passed: bool,
    /// Requests that may pass at once from now on.
    pub(super) remaining: u64,
    /// Nanoseconds until one more request may pass, if none may now.
    pub(super) wait: u64,
    /// Nanoseconds until the whole limit is available again.
    pub(super) reset: u64,
}

/// A sliding window. It remembers requests in groups, each at most a sixteenth of the span long, and forgets a group
/// when the span has passed since its last request. So no span, wherever it begins, has more requests than the limit. A
/// request counts at most a sixteenth longer than it must, and a window takes little memory, whatever the limit.
#[derive(Debug, Default)]
pub(super) struct Window {
    groups: VecDeque<Group>,
    count: u64,
}

/// A group as another process takes it over: how long ago its first and its last request were, in nanoseconds, and how
/// many there are.
pub(super) type PassedGroupOfRequests = (u64, u64, u64);

#[derive(Debug, Clone, Copy)]
struct Group {
    first: u64,
    last: u64,
    count: u64,
}

impl Window {
    /// The groups for another process; there may be none that still count.
    pub(super) fn pass(&self, limit: Limit, now: u64) -> Vec<PassedGroupOfRequests> {
        let counts = |group: &&Group| group.last + limit.span > now;
        let ago = |at: u64| now.saturating_sub(at);
        let groups = self.groups.iter().filter(counts);
        groups.map(|group| (ago(group.first), ago(group.last), group.count)).collect()
    }

    /// A window with the groups of another process.
    pub(super) fn taken(passed: &[PassedGroupOfRequests], now: u64) -> Self {
        let at = |ago: u64| now.saturating_sub(ago);
        let mut groups: Vec<_> = passed
            .iter()
            .map(|(first, last, count)| Group { first: at(*first), last: at(*last), count: *count })
            .collect();
        groups.sort_by_key(|group| group.last);
        groups.truncate(PARTS as usize + 1);
        let count = groups.iter().fold(0u64, |sum, group| sum.saturating_add(group.count));
        Self { groups: groups.into(), count }
    }

    /// Counts a request at the moment `now`, if it may pass. `now` is in nanoseconds since an arbitrary moment.
    pub(super) fn take(&mut self, limit: Limit, now: u64) -> Taken {
        // Threads read the clock before they take the lock, and may overtake each other.
        let now = self.groups.back().map_or(now, |group| now.max(group.last));
        while let Some(group) = self.groups.front().filter(|group| group.last + limit.span <= now) {
            self.count -= group.count;
            self.groups.pop_front();
        }
        let passed = self.count < limit.requests;
        if passed {
            self.count += 1;
            match self.groups.back_mut().filter(|group| now - group.first < limit.span / PARTS) {
                Some(group) => {
                    group.last = now;
                    group.count += 1;
                }
                None => self.groups.push_back(Group { first: now, last: now, count: 1 }),
            }
        }
        let until = |group: Option<&Group>| group.map_or(0, |group| group.last + limit.span - now);
        let remaining = limit.requests.saturating_sub(self.count);
        Taken {
            passed,
            remaining,
            wait: if remaining == 0 { until(self.groups.front()) } else { 0 },
            reset: until(self.groups.back()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limit(requests: u64, span: u64) -> Limit {
        Limit { requests, span }
    }

    #[test]
    fn so_many_pass_at_once_and_the_next_waits_for_the_first_to_be_forgotten() {
        let (mut window, limit) = (Window::default(), limit(2, 1600));
        assert_eq!(window.take(limit, 1000), Taken { passed: true, remaining: 1, wait: 0, reset: 1600 });
        assert_eq!(window.take(limit, 1400), Taken { passed: true, remaining: 0, wait: 1200, reset: 1600 });
        assert_eq!(window.take(limit, 1500), Taken { passed: false, remaining: 0, wait: 1100, reset: 1500 });
        assert_eq!(window.take(limit, 2599), Taken { passed: false, remaining: 0, wait: 1, reset: 401 });
        assert_eq!(window.take(limit, 2600), Taken { passed: true, remaining: 0, wait: 400, reset: 1600 });
    }

    #[test]
    fn refused_requests_do_not_count() {
        let (mut window, limit) = (Window::default(), limit(1, 1600));
        assert!(window.take(limit, 0).passed);
        assert!((1..1600).all(|now| !window.take(limit, now).passed));
        assert!(window.take(limit, 1600).passed);
    }

    #[test]
    fn a_clock_that_was_read_earlier_changes_nothing() {
        let (mut window, limit) = (Window::default(), limit(2, 1600));
        assert!(window.take(limit, 5000).passed);
        assert_eq!(window.take(limit, 4000), Taken { passed: true, remaining: 0, wait: 1600, reset: 1600 });
    }

    #[test]
    fn a_window_takes_little_memory_whatever_the_limit() {
        let (mut window, limit) = (Window::default(), limit(1_000_000, 1600));
        for now in 0..100_000 {
            assert!(window.take(limit, now / 7).passed);
        }
        assert!(window.groups.len() <= PARTS as usize + 1, "{} groups", window.groups.len());
    }

    proptest! {
        #[test]
        fn no_span_holds_more_than_the_limit(
            pauses in proptest::collection::vec(0u64..700, 1..200),
            requests in 1u64..8,
            span in 1u64..3000,
        ) {
            let (mut window, limit) = (Window::default(), limit(requests, span));
            let mut now = 0;
            let mut passed: Vec<u64> = Vec::new();
            for pause in pauses {
                now += pause;
                // Requests that passed within the span, and a sixteenth longer, if they were not forgotten in groups.
                let since = |span: u64| passed.iter().filter(|at| **at + span > now).count() as u64;
                let (strict, lenient) = (since(span), since(span + span / PARTS));
                let taken = window.take(limit, now);
                if taken.passed {
                    prop_assert!(strict < requests, "one too many at {now}: {passed:?}");
                    passed.push(now);
                } else {
                    prop_assert!(lenient >= requests, "one too few at {now}: {passed:?}");
                    prop_assert!(taken.wait > 0 && taken.wait <= taken.reset && taken.reset <= span);
                }
            }
        }
    }
}

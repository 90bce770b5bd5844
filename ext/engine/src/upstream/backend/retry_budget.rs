//! The retry budget: how many requests at once may be sent again to backends that are failing.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use super::group::BackendGroup;

/// Retries in flight that are always allowed, whatever the share.
const LEAST_RETRIES: usize = 3;

/// The right to retry at a backend that is failing. Held as long as the retry is in flight.
#[derive(Debug)]
pub(crate) struct RetryPermit(Arc<BackendGroup>);

impl RetryPermit {
    /// Takes a permit, unless `percent` of the requests in flight, and at least three, hold one already.
    pub(crate) fn take(group: &Arc<BackendGroup>, percent: f64) -> Option<Self> {
        let allowed = ((group.in_flight() as f64 * percent / 100.0) as usize).max(LEAST_RETRIES);
        let taken = group.retries().fetch_update(Relaxed, Relaxed, |held| (held < allowed).then_some(held + 1));
        taken.is_ok().then(|| Self(group.clone()))
    }
}

impl Drop for RetryPermit {
    fn drop(&mut self) {
        self.0.retries().fetch_sub(1, Relaxed);
        // A request that is held may have been over the budget.
        self.0.queue().wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::backend::BackendAddress;
    use crate::upstream::backend::BackendSettings;
    use crate::upstream::{Attempt, Backend};

    #[test]
    fn retries_keep_to_their_share() {
        let group = BackendGroup::lone();
        let held: Vec<_> = (0..3).map(|_| RetryPermit::take(&group, 20.0).expect("three are always allowed")).collect();
        assert!(RetryPermit::take(&group, 20.0).is_none());
        drop(held);
        assert!(RetryPermit::take(&group, 20.0).is_some());
        let place = BackendAddress::Unix("/a".into());
        let backend = Backend::within(&group, "a".into(), "a", place, None, BackendSettings::default());
        group.set_members(std::slice::from_ref(&backend), false);
        let _busy: Vec<_> = (0..25).map(|_| Attempt::begin(backend.clone())).collect();
        let held: Vec<_> = std::iter::from_fn(|| RetryPermit::take(&group, 20.0)).collect();
        assert_eq!(held.len(), 5, "a fifth of 25");
    }
}

//! Any of them.

use std::sync::Arc;

use super::load;
use crate::upstream::backend::Endpoint;

/// The index of any one that `can` take a request, each as likely as its share.
pub(super) fn one(endpoints: &[Arc<Endpoint>], can: &impl Fn(&Endpoint) -> bool) -> Option<usize> {
    let able = || endpoints.iter().enumerate().filter(|(_, endpoint)| can(endpoint));
    let total: u64 = able().map(|(_, endpoint)| u64::from(endpoint.share())).sum();
    let mut left = if total == 0 { 0 } else { fastrand::u64(..total) };
    let mut found = None;
    for (index, endpoint) in able() {
        let share = u64::from(endpoint.share());
        found = Some(index);
        if left < share {
            break;
        }
        left -= share;
    }
    // Should the list have changed between the two looks at it, the last one that can is as good as any.
    found
}

/// Of two different ones the less busy for its share. Cheaper than a look at all, and no crowd runs to the same one.
pub(super) fn less_busy_of_two(endpoints: &[Arc<Endpoint>], can: &impl Fn(&Endpoint) -> bool) -> Option<usize> {
    let first = one(endpoints, can)?;
    let first_id = endpoints.get(first)?.id();
    let second = one(endpoints, &|endpoint: &Endpoint| endpoint.id() != first_id && can(endpoint));
    let Some(second) = second else { return Some(first) };
    let lighter = load::of(endpoints.get(second)?) < load::of(endpoints.get(first)?);
    Some(if lighter { second } else { first })
}

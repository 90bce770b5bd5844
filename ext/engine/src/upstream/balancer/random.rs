//! Any of them.

use std::sync::Arc;

use super::load;
use crate::upstream::backend::Backend;

/// The index of any one that `can` take a request, each as likely as its share.
pub(super) fn one(backends: &[Arc<Backend>], can: &impl Fn(&Backend) -> bool) -> Option<usize> {
    let able = || backends.iter().enumerate().filter(|(_, backend)| can(backend));
    let total: u64 = able().map(|(_, backend)| u64::from(backend.share())).sum();
    let mut left = if total == 0 { 0 } else { fastrand::u64(..total) };
    let mut found = None;
    for (index, backend) in able() {
        let share = u64::from(backend.share());
        found = Some(index);
        if left < share {
            break;
        }
        left -= share;
    }
    // Should the list have changed between the two looks at it, the last one that can is as good as any.
    found
}

/// Power of two choices: the less busy of two different backends for its share. Cheaper than a look at all, and no
/// crowd runs to one backend.
pub(super) fn less_busy_of_two(backends: &[Arc<Backend>], can: &impl Fn(&Backend) -> bool) -> Option<usize> {
    let first = one(backends, can)?;
    let first_id = backends.get(first)?.id();
    let second = one(backends, &|backend: &Backend| backend.id() != first_id && can(backend));
    let Some(second) = second else { return Some(first) };
    let lighter = load::of(backends.get(second)?) < load::of(backends.get(first)?);
    Some(if lighter { second } else { first })
}

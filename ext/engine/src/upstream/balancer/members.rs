//! The backends of an upstream as its policy looks at them. Made anew when DNS answers change.

use std::sync::Arc;

use super::policy::BalancingPolicy;
use super::ring::Ring;
use super::schedule::Schedule;
use super::sticky::Tag;
use crate::upstream::backend::Backend;

/// The backends of an upstream.
#[derive(Debug)]
pub(crate) struct Members {
    /// The primaries, and the backups.
    ranks: [Rank; 2],
}

/// Backends that are chosen among.
#[derive(Debug)]
pub(crate) struct Rank {
    backends: Box<[Arc<Backend>]>,
    schedule: Schedule,
    /// Empty but for policies that hash.
    ring: Ring,
    /// What cookies say of each. Empty but for sticky ones.
    tags: Box<[Tag]>,
}

impl Members {
    pub(super) fn new(backends: Vec<Arc<Backend>>, policy: &BalancingPolicy) -> Self {
        let (backups, primaries): (Vec<_>, Vec<_>) =
            backends.into_iter().partition(|backend| backend.settings().backup);
        Self { ranks: [Rank::new(primaries, policy), Rank::new(backups, policy)] }
    }

    /// The primaries, and the backups.
    pub(crate) fn ranks(&self) -> &[Rank; 2] {
        &self.ranks
    }

    /// All backends, primaries first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Backend>> {
        self.ranks.iter().flat_map(|rank| rank.backends.iter())
    }

    /// How many backends there are.
    pub(crate) fn len(&self) -> usize {
        self.ranks.iter().map(|rank| rank.backends.len()).sum()
    }

    /// The backend that a cookie means.
    pub(crate) fn tagged(&self, tag: &Tag) -> Option<&Arc<Backend>> {
        self.ranks.iter().find_map(|rank| {
            let index = rank.tags.iter().position(|known| known.is_same_as(tag))?;
            rank.backends.get(index)
        })
    }
}

impl Rank {
    fn new(backends: Vec<Arc<Backend>>, policy: &BalancingPolicy) -> Self {
        let weights: Vec<_> = backends.iter().map(|backend| backend.settings().weight).collect();
        let ring = match policy {
            BalancingPolicy::Keyed { .. } => {
                Ring::new(backends.iter().map(|backend| backend.label()).zip(weights.iter().copied()))
            }
            _ => Ring::default(),
        };
        let tags = match policy {
            BalancingPolicy::Sticky(sticky) => backends.iter().map(|backend| sticky.tag(backend)).collect(),
            _ => Box::default(),
        };
        Self { backends: backends.into(), schedule: Schedule::new(&weights), ring, tags }
    }

    /// The backends, in the order in which they were written.
    pub(crate) fn backends(&self) -> &[Arc<Backend>] {
        &self.backends
    }

    pub(super) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }
}

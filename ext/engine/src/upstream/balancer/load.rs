//! How busy backends are.

use std::cmp::Ordering;
use std::sync::Arc;

use super::members::Rank;
use super::random;
use super::turns::Turns;
use crate::upstream::backend::Backend;

/// Requests in flight for a share of one, to be compared with others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    in_flight: u64,
    share: u64,
}

/// How busy a backend is now.
pub(super) fn of(backend: &Backend) -> Load {
    Load { in_flight: backend.in_flight(), share: u64::from(backend.share()).max(1) }
}

impl Ord for Load {
    fn cmp(&self, other: &Self) -> Ordering {
        // Multiplied across in place of two divisions.
        (self.in_flight.saturating_mul(other.share)).cmp(&other.in_flight.saturating_mul(self.share))
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Load {}

/// The index of the least busy one that `can` take a request; among several, the one whose turn it is. `None` for
/// `turns`: any of them.
pub(super) fn least(rank: &Rank, turns: Option<&Turns>, can: &impl Fn(&Backend) -> bool) -> Option<usize> {
    let able = rank.backends().iter().enumerate().filter(|(_, backend)| can(backend));
    let (first, least) = able.map(|(index, backend)| (index, of(backend))).min_by_key(|(_, load)| *load)?;
    // They may have got busier since, and then the first of them does.
    let able = |backend: &Backend| can(backend) && of(backend) <= least;
    match turns {
        Some(turns) => turns.next(rank, &able),
        None => random::one(rank.backends(), &able),
    }
    .or(Some(first))
}

/// How many requests a backend may have in flight: 1.25 of its share in those of all, rounded up.
#[derive(Debug)]
pub(super) struct LoadBound {
    in_flight: u64,
    shares: u64,
}

impl LoadBound {
    pub(super) fn of(backends: &[Arc<Backend>]) -> Self {
        let mut bound = Self { in_flight: 0, shares: 0 };
        for backend in backends.iter().filter(|backend| backend.is_available()) {
            bound.in_flight += backend.in_flight();
            bound.shares += u64::from(backend.share());
        }
        bound
    }

    /// Whether the request that is asked about, the one more, stays within the bound.
    pub(super) fn allows(&self, backend: &Backend) -> bool {
        let most = ((self.in_flight + 1) * u64::from(backend.share()) * 5).div_ceil((self.shares * 4).max(1));
        backend.in_flight() < most
    }
}

//! The endpoints of an upstream as its policy looks at them. Made anew when DNS answers change.

use std::sync::Arc;

use super::policy::Policy;
use super::ring::Ring;
use super::schedule::Schedule;
use super::sticky::Tag;
use crate::upstream::backend::Endpoint;

/// The endpoints of an upstream.
#[derive(Debug)]
pub struct Members {
    /// The primaries, and the backups.
    ranks: [Rank; 2],
}

/// Endpoints that are chosen among.
#[derive(Debug)]
pub struct Rank {
    endpoints: Box<[Arc<Endpoint>]>,
    schedule: Schedule,
    /// Empty but for policies that hash.
    ring: Ring,
    /// What cookies say of each. Empty but for sticky ones.
    tags: Box<[Tag]>,
}

impl Members {
    pub(super) fn new(endpoints: Vec<Arc<Endpoint>>, policy: &Policy) -> Self {
        let (backups, primaries): (Vec<_>, Vec<_>) =
            endpoints.into_iter().partition(|endpoint| endpoint.traits().backup);
        Self { ranks: [Rank::new(primaries, policy), Rank::new(backups, policy)] }
    }

    /// The primaries, and the backups.
    pub fn ranks(&self) -> &[Rank; 2] {
        &self.ranks
    }

    /// All endpoints, primaries first.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Endpoint>> {
        self.ranks.iter().flat_map(|rank| rank.endpoints.iter())
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.ranks.iter().map(|rank| rank.endpoints.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The endpoint that a cookie means.
    pub fn tagged(&self, tag: &Tag) -> Option<&Arc<Endpoint>> {
        self.ranks.iter().find_map(|rank| {
            let index = rank.tags.iter().position(|known| known.is_same_as(tag))?;
            rank.endpoints.get(index)
        })
    }
}

impl Rank {
    fn new(endpoints: Vec<Arc<Endpoint>>, policy: &Policy) -> Self {
        let weights: Vec<_> = endpoints.iter().map(|endpoint| endpoint.traits().weight).collect();
        let ring = match policy {
            Policy::Keyed { .. } => {
                Ring::new(endpoints.iter().map(|endpoint| endpoint.label()).zip(weights.iter().copied()))
            }
            _ => Ring::default(),
        };
        let tags = match policy {
            Policy::Sticky(sticky) => endpoints.iter().map(|endpoint| sticky.tag(endpoint)).collect(),
            _ => Box::default(),
        };
        Self { endpoints: endpoints.into(), schedule: Schedule::new(&weights), ring, tags }
    }

    /// The endpoints, in the order in which they were written.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    pub(super) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }
}

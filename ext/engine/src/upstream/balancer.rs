//! Which backend a request goes to.

mod affinity;
mod load;
mod members;
mod policy;
mod random;
mod ring;
mod schedule;
mod sticky;
mod tried;
mod turns;

pub(crate) use affinity::{Affinity, Choice};
pub(crate) use members::{Members, Rank};
pub(crate) use policy::BalancingPolicy;
pub(crate) use ring::hash;
pub(crate) use sticky::Tag;
pub(crate) use tried::Tried;

use std::sync::Arc;

use super::backend::Backend;
use turns::Turns;

/// A selection policy at work, with its state. All engine threads share it, and none waits for another.
///
/// Whatever the policy, a backend that is not available is passed over; a backup gets a request only when no other
/// backend is available, or when all of those have failed it; and a request is not tried twice on one backend while
/// there is another. A backend that could not be connected to comes last for a while, behind the backups too; with
/// `hold` it gets no request for that while. Only a request's first attempt takes a turn: what the others share stays
/// even, however many of them fail. A backend with all the requests that it may have at once calls no backup in: the
/// request waits for it.
#[derive(Debug)]
pub(crate) struct Balancer {
    policy: BalancingPolicy,
    /// For the primaries, and for the backups.
    turns: [Turns; 2],
    /// Whether requests wait for a backend that could not be connected to, instead of trying it as a last resort.
    hold: bool,
}

impl Balancer {
    /// A balancer that has chosen nothing yet, and begins with any backend.
    pub(crate) fn new(policy: BalancingPolicy) -> Self {
        Self { policy, turns: [Turns::anywhere(), Turns::anywhere()], hold: false }
    }

    /// Sets whether requests wait for a backend that could not be connected to.
    pub(crate) fn holding(self, hold: bool) -> Self {
        Self { hold, ..self }
    }

    /// One that begins with the first.
    #[cfg(test)]
    fn from_the_first(policy: BalancingPolicy) -> Self {
        Self { policy, turns: Default::default(), hold: false }
    }

    /// What it chooses by.
    pub(crate) fn policy(&self) -> &BalancingPolicy {
        &self.policy
    }

    /// Puts backends into the form that [`Balancer::choose`] needs.
    pub(crate) fn members(&self, backends: Vec<Arc<Backend>>) -> Members {
        Members::new(backends, &self.policy)
    }

    /// Chooses for one attempt of a request, and notes it in `tried`. Once every available backend has been tried, they
    /// may be tried again, the latest one last.
    pub(crate) fn choose(&self, members: &Members, affinity: &Affinity, tried: &mut Tried) -> Choice {
        let again = tried.last().is_some();
        let choice = match self.untried(members, affinity, tried, again) {
            Choice::None if again => {
                tried.keep_last();
                match self.untried(members, affinity, tried, again) {
                    Choice::None => {
                        tried.forget();
                        self.untried(members, affinity, tried, again)
                    }
                    choice => choice,
                }
            }
            choice => choice,
        };
        if let Choice::Backend(backend) = &choice {
            tried.add(backend.id());
        }
        choice
    }

    /// A backend that has not been tried; those that could not be connected to last. `again`: this is no first
    /// attempt.
    fn untried(&self, members: &Members, affinity: &Affinity, tried: &Tried, again: bool) -> Choice {
        let preferred = Look { again, last: false };
        match self.among(members, affinity, tried, preferred) {
            Choice::None if !self.hold => self.among(members, affinity, tried, Look { last: true, ..preferred }),
            choice => choice,
        }
    }

    /// The last resort of a request that cannot wait for those that are busy: one that could not be connected to a
    /// while ago.
    pub(crate) fn choose_last(&self, members: &Members, affinity: &Affinity, tried: &mut Tried) -> Choice {
        if self.hold {
            return Choice::None;
        }
        let again = tried.last().is_some();
        let choice = self.among(members, affinity, tried, Look { again, last: true });
        if let Choice::Backend(backend) = &choice {
            tried.add(backend.id());
        }
        choice
    }

    fn among(&self, members: &Members, affinity: &Affinity, tried: &Tried, look: Look) -> Choice {
        let serves = |backend: &Backend| if look.last { backend.is_available() } else { backend.is_preferred() };
        if let Affinity::Cookie(tag) = affinity {
            let takes = |backend: &&Arc<Backend>| takes_its_client(backend, tried, look);
            if let Some(backend) = members.tagged(tag).filter(takes) {
                return Choice::Backend(backend.clone());
            }
        }
        let could = |backend: &Backend| serves(backend) && !tried.contains(backend.id());
        let can = |backend: &Backend| could(backend) && backend.has_room();
        for (turns, rank) in self.turns.iter().zip(members.ranks()) {
            let backends = rank.backends();
            let index = match backends {
                [only] => can(only).then_some(0),
                _ => self.pick(rank, (!look.again).then_some(turns), affinity, &can),
            };
            if let Some(backend) = index.and_then(|index| backends.get(index)) {
                return Choice::Backend(backend.clone());
            }
            if backends.iter().any(|backend| could(backend)) {
                return Choice::Busy;
            }
        }
        Choice::None
    }

    /// The index of a backend that `can` take the request. Without `turns` no turn is taken: chance decides then, so
    /// that the load of a failing backend is spread over all others.
    fn pick(
        &self,
        rank: &Rank,
        turns: Option<&Turns>,
        affinity: &Affinity,
        can: &impl Fn(&Backend) -> bool,
    ) -> Option<usize> {
        let backends = rank.backends();
        let next = || match turns {
            Some(turns) => turns.next(rank, can),
            None => random::one(backends, can),
        };
        match &self.policy {
            BalancingPolicy::RoundRobin | BalancingPolicy::Sticky(_) => next(),
            BalancingPolicy::Ordered => backends.iter().position(|backend| can(backend)),
            BalancingPolicy::Random => random::one(backends, can),
            BalancingPolicy::RandomTwo => random::less_busy_of_two(backends, can),
            BalancingPolicy::LeastConn => load::least(rank, turns, can),
            BalancingPolicy::Keyed { bounded, .. } => {
                let Affinity::Key(key) = affinity else { return next() };
                let fair = bounded.then(|| load::LoadBound::of(backends));
                let fits = |backend: &Backend| can(backend) && fair.as_ref().is_none_or(|fair| fair.allows(backend));
                rank.ring().find(*key, |index| backends.get(index).is_some_and(|backend| fits(backend))).or_else(
                    // Those within their bound may be the ones that cannot take it.
                    || rank.ring().find(*key, |index| backends.get(index).is_some_and(|backend| can(backend))),
                )
            }
        }
    }
}

/// How a backend is looked for.
#[derive(Debug, Clone, Copy)]
struct Look {
    /// For a further attempt.
    again: bool,
    /// Among those too that could not be connected to.
    last: bool,
}

/// Whether the backend that a cookie names takes its client once more. One that is being drained does.
fn takes_its_client(backend: &Backend, tried: &Tried, look: Look) -> bool {
    backend.accepts_sticky() && (look.last || !backend.is_last()) && backend.has_room() && !tried.contains(backend.id())
}

#[cfg(test)]
mod tests;

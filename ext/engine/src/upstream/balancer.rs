//! Which backend a request goes to.

mod asking;
mod load;
mod members;
mod policy;
mod random;
mod ring;
mod schedule;
mod sticky;
mod tried;
mod turns;

pub use asking::{Asking, Choice};
pub use members::{Members, Rank};
pub use policy::Policy;
pub use ring::hash;
pub use sticky::{Sticky, Tag};
pub use tried::Tried;

use std::sync::Arc;

use super::backend::Endpoint;
use turns::Turns;

/// A selection policy at work, with its state. All engine threads share it, and none waits for another.
///
/// Whatever the policy, an endpoint that is not available is passed over; a backup gets a request only when no other backend
/// is available, or when all of those have failed it; and a request is not tried twice on one backend while there is another.
/// One that could not be connected to comes last for a while, behind the backups too. Only a request's first attempt takes a turn:
/// what the others share stays even, however many of them fail. A backend that has all the requests it may have at once calls no
/// backup in: the request waits for it.
#[derive(Debug)]
pub struct Balancer {
    policy: Policy,
    /// For the primaries, and for the backups.
    turns: [Turns; 2],
}

impl Balancer {
    /// A balancer that has chosen nothing yet, and begins with any backend.
    pub fn new(policy: Policy) -> Self {
        Self { policy, turns: [Turns::anywhere(), Turns::anywhere()] }
    }

    /// One that begins with the first.
    #[cfg(test)]
    fn from_the_first(policy: Policy) -> Self {
        Self { policy, turns: Default::default() }
    }

    /// What it chooses by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Puts endpoints into the form that [`Balancer::choose`] needs.
    pub fn members(&self, endpoints: Vec<Arc<Endpoint>>) -> Members {
        Members::new(endpoints, &self.policy)
    }

    /// Chooses for one attempt of a request, and notes it in `tried`. Once every available endpoint has been tried, they may
    /// be tried again, the latest one last.
    pub fn choose(&self, members: &Members, asking: &Asking, tried: &mut Tried) -> Choice {
        let again = tried.last().is_some();
        let choice = match self.untried(members, asking, tried, again) {
            Choice::None if again => {
                tried.keep_last();
                match self.untried(members, asking, tried, again) {
                    Choice::None => {
                        tried.forget();
                        self.untried(members, asking, tried, again)
                    }
                    choice => choice,
                }
            }
            choice => choice,
        };
        if let Choice::Backend(endpoint) = &choice {
            tried.add(endpoint.id());
        }
        choice
    }

    /// One that has not been tried, and those that could not be connected to last. `again`: this is no first attempt.
    fn untried(&self, members: &Members, asking: &Asking, tried: &Tried, again: bool) -> Choice {
        let preferred = Look { again, last: false };
        match self.among(members, asking, tried, preferred) {
            Choice::None => self.among(members, asking, tried, Look { last: true, ..preferred }),
            choice => choice,
        }
    }

    /// The last resort of a request that cannot wait for those that are busy: one that could not be connected to a while ago.
    pub fn choose_last(&self, members: &Members, asking: &Asking, tried: &mut Tried) -> Choice {
        let again = tried.last().is_some();
        let choice = self.among(members, asking, tried, Look { again, last: true });
        if let Choice::Backend(endpoint) = &choice {
            tried.add(endpoint.id());
        }
        choice
    }

    fn among(&self, members: &Members, asking: &Asking, tried: &Tried, look: Look) -> Choice {
        let serves = |endpoint: &Endpoint| if look.last { endpoint.is_available() } else { endpoint.is_preferred() };
        if let Asking::Cookie(tag) = asking {
            let takes = |endpoint: &&Arc<Endpoint>| takes_its_client(endpoint, tried, look);
            if let Some(endpoint) = members.tagged(tag).filter(takes) {
                return Choice::Backend(endpoint.clone());
            }
        }
        let could = |endpoint: &Endpoint| serves(endpoint) && !tried.contains(endpoint.id());
        let can = |endpoint: &Endpoint| could(endpoint) && endpoint.has_room();
        for (turns, rank) in self.turns.iter().zip(members.ranks()) {
            let endpoints = rank.endpoints();
            let index = match endpoints {
                [only] => can(only).then_some(0),
                _ => self.pick(rank, (!look.again).then_some(turns), asking, &can),
            };
            if let Some(endpoint) = index.and_then(|index| endpoints.get(index)) {
                return Choice::Backend(endpoint.clone());
            }
            if endpoints.iter().any(|endpoint| could(endpoint)) {
                return Choice::Busy;
            }
        }
        Choice::None
    }

    /// The index of one that `can` take the request. Without `turns` nobody's is taken: where it matters, chance decides, so that
    /// the load of one that fails is not all its neighbour's.
    fn pick(
        &self,
        rank: &Rank,
        turns: Option<&Turns>,
        asking: &Asking,
        can: &impl Fn(&Endpoint) -> bool,
    ) -> Option<usize> {
        let endpoints = rank.endpoints();
        let next = || match turns {
            Some(turns) => turns.next(rank, can),
            None => random::one(endpoints, can),
        };
        match &self.policy {
            Policy::RoundRobin | Policy::Sticky(_) => next(),
            Policy::Ordered => endpoints.iter().position(|endpoint| can(endpoint)),
            Policy::Random => random::one(endpoints, can),
            Policy::RandomTwo => random::less_busy_of_two(endpoints, can),
            Policy::LeastConn => load::least(rank, turns, can),
            Policy::Keyed { bounded, .. } => {
                let Asking::Key(key) = asking else { return next() };
                let fair = bounded.then(|| load::Bound::of(endpoints));
                let fits =
                    |endpoint: &Endpoint| can(endpoint) && fair.as_ref().is_none_or(|fair| fair.allows(endpoint));
                rank.ring().find(*key, |index| endpoints.get(index).is_some_and(|endpoint| fits(endpoint))).or_else(
                    // Those within their bound may be the ones that cannot take it.
                    || rank.ring().find(*key, |index| endpoints.get(index).is_some_and(|endpoint| can(endpoint))),
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
fn takes_its_client(endpoint: &Endpoint, tried: &Tried, look: Look) -> bool {
    endpoint.accepts_sticky()
        && (look.last || !endpoint.is_last())
        && endpoint.has_room()
        && !tried.contains(endpoint.id())
}

#[cfg(test)]
mod tests;

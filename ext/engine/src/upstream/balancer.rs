//! Which backend a request goes to.

mod round_robin;
mod tried;

pub use round_robin::RoundRobin;
pub use tried::Tried;

use std::sync::Arc;

use super::backend::Endpoint;

/// A selection policy, as `backend_priority` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// One after the other, evenly.
    RoundRobin,
    /// Always the first of the list. It has no memory: after a failure the next request begins with the first again.
    Ordered,
    /// Any of them, each as likely.
    Random,
}

impl Policy {
    /// Every policy by its name, in the order of the documentation.
    pub const ALL: [(&'static str, Self); 3] =
        [("round_robin", Self::RoundRobin), ("ordered", Self::Ordered), ("random", Self::Random)];

    /// The policy with that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy)
    }
}

/// A selection policy at work, with its state. It decides a request's first backend; what follows a failure is the same
/// for all of them ([`Balancer::pick`]).
#[derive(Debug)]
pub enum Balancer {
    /// [`Policy::RoundRobin`]
    RoundRobin(RoundRobin),
    /// [`Policy::Ordered`]
    Ordered,
    /// [`Policy::Random`]
    Random,
}

impl Balancer {
    /// A balancer that has chosen nothing yet.
    pub fn new(policy: Policy) -> Self {
        match policy {
            Policy::RoundRobin => Self::RoundRobin(RoundRobin::default()),
            Policy::Ordered => Self::Ordered,
            Policy::Random => Self::Random,
        }
    }

    /// Chooses for one request: first by the policy, then, as attempts fail, the next in the order of the list that has
    /// not been tried, and once all have been, all of them over again. `None` only if the list is empty.
    pub fn pick(&self, endpoints: &[Arc<Endpoint>], tried: &mut Tried) -> Option<Arc<Endpoint>> {
        if endpoints.is_empty() {
            return None;
        }
        let index = match tried.last() {
            None => self.first(endpoints.len()),
            Some(last) => next(endpoints, last, tried),
        };
        let endpoint = endpoints.get(index)?;
        tried.add(endpoint.id());
        Some(endpoint.clone())
    }

    fn first(&self, count: usize) -> usize {
        match self {
            Self::RoundRobin(round_robin) => round_robin.next(count),
            Self::Ordered => 0,
            Self::Random => fastrand::usize(..count),
        }
    }
}

/// The index of the endpoint behind the last one that was tried. DNS may have changed the list since; if the last one is
/// no longer in it, its place is unknown and the search begins at the front.
fn next(endpoints: &[Arc<Endpoint>], last: u64, tried: &mut Tried) -> usize {
    let count = endpoints.len();
    let start = endpoints.iter().position(|endpoint| endpoint.id() == last).map_or(0, |index| index + 1);
    let order = (start..start + count).map(|index| index % count);
    match order.clone().find(|&index| !tried.contains(endpoints[index].id())) {
        Some(index) => index,
        None => {
            tried.begin_again();
            start % count
        }
    }
}

#[cfg(test)]
mod tests;

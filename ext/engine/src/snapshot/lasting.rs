//! What outlives a configuration: the state of everything that is the same in the next one.

use std::sync::Arc;

use crate::config::{Location, Match};
use crate::filter::{Known, Verifications};
use crate::upstream::Made;

/// What a configuration made that has a state. The next one takes over what it would make in the same way.
#[derive(Debug, Default)]
pub(crate) struct Lasting {
    /// Sets of backends.
    pub(crate) upstreams: Made,
    /// What filters counted and found out.
    pub(crate) filters: Known,
    /// What all filters that verify passwords share.
    pub(crate) verifications: Arc<Verifications>,
}

/// The locations around a directive, as far as they tell it from others that read the same.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Place(Vec<(Vec<Match>, Vec<Match>)>);

impl Place {
    /// Goes into a location.
    pub(crate) fn enter<R>(&mut self, location: &Location<R>) {
        self.0.push((location.patterns.clone(), location.hosts.clone()));
    }

    /// Leaves the innermost one.
    pub(crate) fn leave(&mut self) {
        self.0.pop();
    }
}

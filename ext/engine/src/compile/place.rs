//! Where a directive stands.

use crate::config::{Location, Match};

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

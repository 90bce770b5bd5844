//! Location of a directive in the configuration.

use crate::config::{LocationConfig, Match};

/// The path of enclosing locations: tells two equal directives apart over a reload.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LocationPath(Vec<(Vec<Match>, Vec<Match>)>);

impl LocationPath {
    /// Enters a location.
    pub(crate) fn enter<R>(&mut self, location: &LocationConfig<R>) {
        self.0.push((location.patterns.clone(), location.hosts.clone()));
    }

    /// Whether there is no enclosing location.
    pub(crate) fn is_outermost(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves the innermost location.
    pub(crate) fn leave(&mut self) {
        self.0.pop();
    }
}

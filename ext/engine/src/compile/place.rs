//! Location of a directive in the configuration.

use xxhash_rust::xxh3::xxh3_128;

use crate::config::LocationConfig;

/// The conditions of the enclosing locations, as JSON: they tell two equal directives apart over a reload.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct LocationPath(Vec<String>);

impl LocationPath {
    /// Enters a location.
    pub(crate) fn enter<R>(&mut self, location: &LocationConfig<R>) {
        self.0.push(serde_json::to_string(&location.conditions()).unwrap_or_default());
    }

    /// A text that no other path has, and that a restart does not change. Empty outside of all locations.
    pub(crate) fn identity(&self) -> Box<str> {
        match self.is_outermost() {
            true => "".into(),
            false => format!("{:032x}", xxh3_128(self.0.join("\n").as_bytes())).into(),
        }
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

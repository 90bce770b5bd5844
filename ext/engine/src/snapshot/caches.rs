//! The memory of the caches in a configuration.

use super::Snapshot;
use crate::cache::zones::{WrittenZone, Zones};
use crate::configuration::Directive;
use crate::filter::FilterConfig;

/// The zones that `cache` directives outside of every location define.
pub(super) fn written(routes: &[Directive]) -> impl Iterator<Item = WrittenZone<'_>> {
    routes.iter().filter_map(|route| match route {
        Directive::Filter(FilterConfig::Cache(cache)) => cache.zone(),
        _ => None,
    })
}

impl Snapshot {
    /// The memory of the caches.
    pub(crate) fn zones(&self) -> &Zones {
        &self.carried_over.zones
    }
}

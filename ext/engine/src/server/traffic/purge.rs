//! Purges of stored responses, as JSON.

use serde::Deserialize;
use serde_json::Value;

use super::calls::{mistake, read};
use super::TrafficError;
use crate::cache::purge::Purge;
use crate::server::Server;

/// Body of `purge`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PurgeCall {
    /// A URL, or a pattern with `*`; one that begins with `/` is a path, for every host.
    url: Option<String>,
    /// A tag of `Surrogate-Key` or `Cache-Tag`.
    tag: Option<String>,
    /// Whether all is purged.
    all: bool,
    /// Whether the responses are removed. They are else stale.
    hard: bool,
    /// Name of one cache. `None`: all.
    cache: Option<String>,
}

impl Server {
    /// Purges stored responses, and returns their number.
    ///
    /// # Errors
    /// If the body does not fit, or if no cache has that name.
    pub(super) fn purge(&self, body: Value) -> Result<u64, TrafficError> {
        let PurgeCall { url, tag, all, hard, cache } = read(body)?;
        let purge = match (url, tag, all) {
            (Some(url), None, false) => Purge::url(&url).map_err(mistake)?,
            (None, Some(tag), false) if !tag.is_empty() => Purge::Tag(tag.into()),
            (None, None, true) => Purge::All,
            _ => return Err(mistake("send one of `url`, `tag` and `all`")),
        };
        let snapshot = self.snapshot.load();
        let zones = snapshot.zones();
        if let Some(name) = cache.as_deref().filter(|name| zones.of_name(Some(name)).is_none()) {
            let known = zones.names().collect::<Vec<_>>().join(", ");
            return Err(mistake(format!("there is no cache {name:?}: there is {known}")));
        }
        let wanted = zones.all().filter(|zone| cache.as_deref().is_none_or(|name| name == zone.name()));
        let count = wanted.map(|zone| zone.purge(&purge, hard)).sum();
        let what = if hard { "removed" } else { "outdated" };
        self.log.info(format_args!("cache: purge of {purge}: {count} {what}"));
        Ok(count)
    }
}

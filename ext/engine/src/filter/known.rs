//! What filters know that lives on when a configuration takes another's place.

use std::sync::Arc;

use super::auth_basic::Passwords;
use super::rate_limit::Counts;
use crate::config::{LimitKey, RateLimit};
use crate::compile::Place;

/// What the filters of one configuration know, in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Known {
    counts: Vec<Counted>,
    passwords: Vec<Arc<Passwords>>,
}

/// What a `rate_limit` counted.
#[derive(Debug)]
struct Counted {
    place: Place,
    limit: Limit,
    counts: Arc<Counts>,
}

/// Requests, seconds, key and number of keys.
type Limit = (Option<i64>, Option<f64>, LimitKey, i64);

impl Known {
    /// The counts of a limit: those of `before`, if it stands in the same place there and says the same. Of several that do, each
    /// has its own.
    pub(super) fn counts(
        &mut self,
        before: Option<&Self>,
        place: &Place,
        limit: &RateLimit,
        make: impl FnOnce() -> Counts,
    ) -> Arc<Counts> {
        let limit = (limit.requests, limit.seconds, limit.key.clone(), limit.max_keys);
        let is_same = |counted: &&Counted| counted.limit == limit && counted.place == *place;
        let nth = self.counts.iter().filter(is_same).count();
        let same = before.and_then(|before| before.counts.iter().filter(is_same).nth(nth));
        let counts = same.map_or_else(|| Arc::new(make()), |same| Arc::clone(&same.counts));
        self.counts.push(Counted { place: place.clone(), limit, counts: Arc::clone(&counts) });
        counts
    }

    /// What verifies passwords: the one of `before`, with the credentials that it found to be right, if it has the same accounts.
    pub(super) fn passwords(&mut self, before: Option<&Self>, new: Passwords) -> Arc<Passwords> {
        let same = before.and_then(|before| before.passwords.iter().find(|same| same.has_the_accounts_of(&new)));
        let passwords = same.map_or_else(|| Arc::new(new), Arc::clone);
        self.passwords.push(Arc::clone(&passwords));
        passwords
    }
}

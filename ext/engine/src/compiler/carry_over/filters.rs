//! The state of filters, carried over a reload.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::Value;

type FilterState = Arc<dyn Any + Send + Sync>;

/// A state that another process can take over.
pub(crate) trait Passing: fmt::Debug + Send + Sync {
    /// What the other process is told.
    fn pass(&self) -> Value;

    /// Takes over what another process has told. What cannot be read is left out.
    fn take(&self, passed: &Value);
}

/// The states of the filters of one configuration.
#[derive(Debug, Default)]
pub(crate) struct CarriedFilters {
    /// Fingerprint and state of each filter, in the order of the file.
    made: Vec<(Box<dyn Any + Send + Sync>, FilterState)>,
    /// States that all filters of a kind share, kept as long as the server runs.
    single: Vec<FilterState>,
    /// States that another process can take over, by what identifies the filter.
    passing: BTreeMap<String, Arc<dyn Passing>>,
}

impl CarriedFilters {
    /// An empty list, except for the states that all configurations of a server share.
    pub(crate) fn carry_over(before: Option<&Self>) -> Self {
        let passing = BTreeMap::new();
        Self { passing, made: Vec::new(), single: before.map(|before| before.single.clone()).unwrap_or_default() }
    }

    /// The state of the filter with this fingerprint: carried over from `before`, or else a new one. Filters with equal
    /// fingerprints each have their own state.
    pub(crate) fn own<R, S>(&mut self, before: Option<&Self>, fingerprint: R, make: impl FnOnce() -> S) -> Arc<S>
    where
        R: PartialEq + Send + Sync + 'static,
        S: Send + Sync + 'static,
    {
        let is_same = |made: &&(Box<dyn Any + Send + Sync>, FilterState)| made.0.downcast_ref() == Some(&fingerprint);
        let nth = self.made.iter().filter(is_same).count();
        let same = before.and_then(|before| before.made.iter().filter(is_same).nth(nth));
        let state = same.and_then(|(_, state)| Arc::clone(state).downcast().ok()).unwrap_or_else(|| Arc::new(make()));
        self.made.push((Box::new(fingerprint), Arc::clone(&state) as FilterState));
        state
    }

    /// Lets another process take the state of a filter over. Filters whose `fingerprint` is written alike are told
    /// apart by their order.
    pub(crate) fn may_pass(&mut self, fingerprint: &impl fmt::Debug, state: Arc<dyn Passing>) {
        let text = format!("{fingerprint:?}");
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, text.as_bytes()));
        let nth = (0..).map(|nth| format!("{digest} {nth}")).find(|name| !self.passing.contains_key(name));
        self.passing.extend(nth.map(|name| (name, state)));
    }

    /// What another process is told.
    pub(crate) fn pass(&self) -> BTreeMap<String, Value> {
        self.passing.iter().map(|(name, state)| (name.clone(), state.pass())).collect()
    }

    /// Takes over what another process has told.
    pub(crate) fn take(&self, passed: &BTreeMap<String, Value>) {
        for (name, state) in &self.passing {
            if let Some(passed) = passed.get(name) {
                state.take(passed);
            }
        }
    }

    /// The state of a filter: the first of `before` that `is_alike`, or else `new`.
    pub(crate) fn alike<S>(&mut self, before: Option<&Self>, new: S, is_alike: impl Fn(&S, &S) -> bool) -> Arc<S>
    where
        S: Send + Sync + 'static,
    {
        let states = before.into_iter().flat_map(|before| &before.made);
        let mut states = states.filter_map(|(_, state)| Arc::clone(state).downcast::<S>().ok());
        let state = states.find(|state| is_alike(state, &new)).unwrap_or_else(|| Arc::new(new));
        self.made.push((Box::new(()), Arc::clone(&state) as FilterState));
        state
    }

    /// The state that all filters of a kind share, over all configurations of a server.
    pub(crate) fn single<S: Default + Send + Sync + 'static>(&mut self) -> Arc<S> {
        if let Some(state) = self.single.iter().find_map(|state| Arc::clone(state).downcast().ok()) {
            return state;
        }
        let state = Arc::new(S::default());
        self.single.push(Arc::clone(&state) as FilterState);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_passes_to_the_filter_that_reads_the_same() {
        let mut first = CarriedFilters::default();
        let (a, b, other) = (first.own(None, "x", || 1), first.own(None, "x", || 2), first.own(None, "y", || 3));
        let mut second = CarriedFilters::carry_over(Some(&first));
        let states = [second.own(Some(&first), "y", || 4), second.own(Some(&first), "x", || 5)];
        assert!(Arc::ptr_eq(&states[0], &other) && Arc::ptr_eq(&states[1], &a));
        assert!(Arc::ptr_eq(&second.own(Some(&first), "x", || 6), &b), "the second of two that are equal");
        assert_eq!(*second.own(Some(&first), "x", || 7), 7, "there were only two");
        assert_eq!(*second.own(Some(&first), 8, || 8), 8, "another type");
    }

    #[test]
    fn what_all_share_outlives_a_configuration_without_a_filter_that_uses_it() {
        let mut first = CarriedFilters::default();
        let shared = first.single::<String>();
        let second = CarriedFilters::carry_over(Some(&first));
        assert!(Arc::ptr_eq(&CarriedFilters::carry_over(Some(&second)).single::<String>(), &shared));
    }

    #[test]
    fn one_that_is_alike_stands_in() {
        let mut first = CarriedFilters::default();
        let state = first.alike(None, vec![1], |_, _| true);
        let mut second = CarriedFilters::carry_over(Some(&first));
        assert!(Arc::ptr_eq(&second.alike(Some(&first), vec![2], |a: &Vec<i32>, b| a.len() == b.len()), &state));
        assert_eq!(*second.alike(Some(&first), vec![1, 2], |a: &Vec<i32>, b| a.len() == b.len()), [1, 2]);
    }
}

//! What filters count and find out, kept while a configuration takes another's place.

use std::any::Any;
use std::sync::Arc;

type State = Arc<dyn Any + Send + Sync>;

/// The states of one configuration's filters.
#[derive(Debug, Default)]
pub(crate) struct FilterStates {
    /// With what each was made from, in the order of the file.
    made: Vec<(Box<dyn Any + Send + Sync>, State)>,
    /// Those of which there is one for all filters. They are kept as long as the server runs.
    single: Vec<State>,
}

impl FilterStates {
    /// None yet, but for what all configurations of a server share.
    pub(crate) fn after(before: Option<&Self>) -> Self {
        Self { made: Vec::new(), single: before.map(|before| before.single.clone()).unwrap_or_default() }
    }

    /// The state of a filter that is made from `recipe`: that of `before`, if one was made there from the same; or else a new one. Of
    /// several filters with equal recipes each has its own.
    pub(crate) fn own<R, S>(&mut self, before: Option<&Self>, recipe: R, make: impl FnOnce() -> S) -> Arc<S>
    where
        R: PartialEq + Send + Sync + 'static,
        S: Send + Sync + 'static,
    {
        let is_same = |made: &&(Box<dyn Any + Send + Sync>, State)| made.0.downcast_ref() == Some(&recipe);
        let nth = self.made.iter().filter(is_same).count();
        let same = before.and_then(|before| before.made.iter().filter(is_same).nth(nth));
        let state = same.and_then(|(_, state)| Arc::clone(state).downcast().ok()).unwrap_or_else(|| Arc::new(make()));
        self.made.push((Box::new(recipe), Arc::clone(&state) as State));
        state
    }

    /// The state of a filter, which knows by itself whether one of `before` can stand in for it.
    pub(crate) fn alike<S>(&mut self, before: Option<&Self>, new: S, is_alike: impl Fn(&S, &S) -> bool) -> Arc<S>
    where
        S: Send + Sync + 'static,
    {
        let states = before.into_iter().flat_map(|before| &before.made);
        let mut states = states.filter_map(|(_, state)| Arc::clone(state).downcast::<S>().ok());
        let state = states.find(|state| is_alike(state, &new)).unwrap_or_else(|| Arc::new(new));
        self.made.push((Box::new(()), Arc::clone(&state) as State));
        state
    }

    /// What all filters of a kind share, over all configurations of a server.
    pub(crate) fn single<S: Default + Send + Sync + 'static>(&mut self) -> Arc<S> {
        if let Some(state) = self.single.iter().find_map(|state| Arc::clone(state).downcast().ok()) {
            return state;
        }
        let state = Arc::new(S::default());
        self.single.push(Arc::clone(&state) as State);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_passes_to_the_filter_that_reads_the_same() {
        let mut first = FilterStates::default();
        let (a, b, other) = (first.own(None, "x", || 1), first.own(None, "x", || 2), first.own(None, "y", || 3));
        let mut second = FilterStates::after(Some(&first));
        let states = [second.own(Some(&first), "y", || 4), second.own(Some(&first), "x", || 5)];
        assert!(Arc::ptr_eq(&states[0], &other) && Arc::ptr_eq(&states[1], &a));
        assert!(Arc::ptr_eq(&second.own(Some(&first), "x", || 6), &b), "the second of two that are equal");
        assert_eq!(*second.own(Some(&first), "x", || 7), 7, "there were only two");
        assert_eq!(*second.own(Some(&first), 8, || 8), 8, "another type");
    }

    #[test]
    fn what_all_share_outlives_a_configuration_without_a_filter_that_uses_it() {
        let mut first = FilterStates::default();
        let shared = first.single::<String>();
        let second = FilterStates::after(Some(&first));
        assert!(Arc::ptr_eq(&FilterStates::after(Some(&second)).single::<String>(), &shared));
    }

    #[test]
    fn one_that_is_alike_stands_in() {
        let mut first = FilterStates::default();
        let state = first.alike(None, vec![1], |_, _| true);
        let mut second = FilterStates::after(Some(&first));
        assert!(Arc::ptr_eq(&second.alike(Some(&first), vec![2], |a: &Vec<i32>, b| a.len() == b.len()), &state));
        assert_eq!(*second.alike(Some(&first), vec![1, 2], |a: &Vec<i32>, b| a.len() == b.len()), [1, 2]);
    }
}

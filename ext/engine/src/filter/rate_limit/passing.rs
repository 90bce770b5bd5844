//! Counts that another process takes over.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::counts::Counts;
use super::window::{PassedGroupOfRequests, Window};
use crate::compiler::Passing;

/// Keys that are told, at most.
const MOST: usize = 20_000;

#[derive(Debug, Deserialize, Serialize)]
struct PassedCounts {
    /// What the keys are hashed with.
    secret: (u64, u64),
    windows: Vec<(u64, Vec<PassedGroupOfRequests>)>,
}

impl Passing for Counts {
    fn pass(&self) -> Value {
        let now = self.now();
        let mut windows = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let all = shard.young.iter().chain(&shard.old);
            let told = all.map(|(key, window)| (*key, window.pass(self.limit, now)));
            windows.extend(told.filter(|(_, groups)| !groups.is_empty()).take(MOST - windows.len()));
        }
        serde_json::to_value(PassedCounts { secret: *self.secret(), windows }).unwrap_or_default()
    }

    fn take(&self, passed: &Value) {
        let Ok(passed) = PassedCounts::deserialize(passed) else { return };
        // A request was counted already: the keys of the other process would be numbers of nothing.
        if self.secret.set(passed.secret).is_err() {
            return;
        }
        let now = self.now();
        let mut shards: Vec<HashMap<u64, Window>> = self.shards.iter().map(|_| HashMap::new()).collect();
        for (key, groups) in passed.windows.into_iter().take(MOST) {
            let index = key as usize % shards.len();
            let shard = &mut shards[index];
            if shard.len() < self.half() {
                shard.insert(key, Window::taken(&groups, now));
            }
        }
        for (shard, young) in self.shards.iter().zip(shards) {
            let mut shard = shard.lock();
            shard.turned = now;
            shard.young = young;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::window::Limit;
    use super::*;

    fn counts(requests: u64, keys: usize) -> Counts {
        Counts::new(Limit { requests, span: 3_600_000_000_000 }, keys)
    }

    #[test]
    fn what_another_process_has_counted_counts_here() {
        for keys in [100, 10_000] {
            let (old, new) = (counts(3, keys), counts(3, keys));
            for _ in 0..2 {
                assert!(old.take("a").passed && old.take("b").passed);
            }
            new.take_passed(&old);
            for key in ["a", "b"] {
                assert_eq!([new.take(key), new.take(key)].map(|taken| taken.passed), [true, false], "{key}");
            }
            assert!(new.take("c").passed);
        }
    }

    #[test]
    fn nonsense_changes_nothing_and_too_much_is_left_out() {
        let counts = counts(1, 10);
        for wrong in ["null", "[]", r#"{"secret":[1]}"#, r#"{"secret":[1,2],"windows":[[1,[[1]]]]}"#] {
            Passing::take(&counts, &serde_json::from_str(wrong).expect("JSON"));
        }
        let most = u64::MAX;
        let many: Vec<_> = (0..100).map(|key| (key, vec![(most, most, most); 50])).collect();
        Passing::take(&counts, &serde_json::to_value(PassedCounts { secret: (1, 2), windows: many }).expect("JSON"));
        assert!(counts.shards[0].lock().young.len() <= 5);
        assert!(counts.take("a").passed);
    }

    impl Counts {
        fn take_passed(&self, other: &Self) {
            let text = other.pass().to_string();
            Passing::take(self, &serde_json::from_str(&text).expect("JSON"));
        }
    }
}

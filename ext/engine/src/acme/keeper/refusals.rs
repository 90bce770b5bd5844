//! Names that were refused a moment ago.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// Names that are remembered, at most.
const MOST: usize = 10_000;

/// Names that are refused without another question, each until a moment.
#[derive(Debug, Default)]
pub(super) struct Refusals(HashMap<Box<str>, Instant>);

impl Refusals {
    /// Whether the name is refused.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|until| Instant::now() < *until)
    }

    /// Refuses a name for that time. If there are too many, another one is forgotten: it is asked about again.
    pub(super) fn add(&mut self, name: &str, time: Duration) {
        if time.is_zero() {
            return;
        }
        let now = Instant::now();
        if self.0.len() >= MOST {
            self.0.retain(|_, until| now < *until);
        }
        if self.0.len() >= MOST {
            if let Some(other) = self.0.keys().next().cloned() {
                self.0.remove(&other);
            }
        }
        self.0.insert(name.into(), now + time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_by_itself_and_their_number_is_bounded() {
        let mut refusals = Refusals::default();
        refusals.add("a.example", Duration::from_secs(60));
        refusals.add("never.example", Duration::ZERO);
        assert!(refusals.has("a.example") && !refusals.has("never.example"));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!refusals.has("a.example"));
        for number in 0..2 * MOST {
            refusals.add(&format!("{number}.example"), Duration::from_secs(60));
        }
        assert_eq!(refusals.0.len(), MOST);
        assert!(refusals.has(&format!("{}.example", 2 * MOST - 1)));
    }
}

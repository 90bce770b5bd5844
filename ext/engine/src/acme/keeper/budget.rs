//! How many orders an authority gets at once, however many certificates are wanted.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::time::{sleep_until, Instant};

/// Orders within [`PERIOD`], at most. Let's Encrypt takes 300 in three hours of one account, and twice as many requests
/// in a second as these orders make.
const ORDERS: usize = 10;
const PERIOD: Duration = Duration::from_secs(10);

/// Orders of late, by the authority's URL.
#[derive(Debug, Default)]
pub(super) struct OrderBudget(Mutex<FxHashMap<Box<str>, VecDeque<Instant>>>);

impl OrderBudget {
    /// Waits until another order may be placed there, and counts it.
    pub(super) async fn take(&self, authority: &str) {
        let turn = {
            let mut all = self.0.lock();
            let orders = all.entry(authority.into()).or_default();
            let now = Instant::now();
            while orders.len() > ORDERS && orders.front().is_some_and(|oldest| *oldest + PERIOD <= now) {
                orders.pop_front();
            }
            let turn = match orders.len().checked_sub(ORDERS) {
                Some(index) => (orders[index] + PERIOD).max(now),
                None => now,
            };
            orders.push_back(turn);
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_orders_go_at_once_and_ten_more_in_each_ten_seconds() {
        let budget = OrderBudget::default();
        let begun = Instant::now();
        let mut turns = Vec::new();
        for _ in 0..35 {
            budget.take("https://ca.example").await;
            turns.push(begun.elapsed().as_secs());
        }
        let expected = [[0; 10], [10; 10], [20; 10]].concat();
        assert_eq!(turns[..30], expected);
        assert_eq!(turns[30..], [30; 5]);
        budget.take("https://other.example").await;
        assert_eq!(begun.elapsed().as_secs(), 30, "another authority has a budget of its own");
    }

    #[tokio::test(start_paused = true)]
    async fn orders_that_wait_together_have_a_turn_each() {
        let budget = OrderBudget::default();
        let begun = Instant::now();
        let all = (0..25).map(|_| budget.take("https://ca.example"));
        let all: Vec<_> = all.map(Box::pin).collect();
        for one in all {
            one.await;
        }
        assert_eq!(begun.elapsed().as_secs(), 20);
    }
}

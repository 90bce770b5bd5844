//! Lowest rate at which a client sends or takes a body: `min_rate`.
//!
//! Pauses have a limit of their own. A client that moves a byte every few seconds stays within that limit for ever, and
//! occupies a backend meanwhile. So each body has an allowance: time spent waiting for the client uses it up, and bytes
//! that the client moves add to it. A slow backend costs the client nothing.

use std::time::Duration;

use tokio::time::Instant;

/// First value of the allowance.
const GRACE: Duration = Duration::from_secs(10);

/// The lowest rate of clients, and the upper limit of the allowance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Bytes per second; 0: no lowest rate.
    pub(crate) least: u64,
    /// Largest allowance: a longer pause than this ends the exchange anyway.
    pub(crate) most: Duration,
}

impl Rate {
    /// No lowest rate.
    pub(crate) const ANY: Self = Self { least: 0, most: GRACE };
}

/// The allowance for one body. It takes no memory until the client is waited for.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Bytes moved before this body.
    start: u64,
    account: Option<Box<Account>>,
}

#[derive(Debug)]
struct Account {
    left: Duration,
    /// Time since which the client is waited for.
    since: Option<Instant>,
    /// Bytes moved at the last update.
    moved: u64,
}

impl Pace {
    /// The allowance for a body, before which `start` bytes had moved. Bytes that move before the client is waited for
    /// count too: the system buffers much of a response at once, and then takes nothing until a slow client has caught
    /// up.
    pub(super) fn from(start: u64) -> Self {
        Self { start, account: None }
    }

    /// Records the bytes moved so far, and whether the client is waited for now. If it is, returns the time at which
    /// its allowance ends.
    pub(crate) fn note(&mut self, rate: Rate, waits: bool, moved: u64) -> Option<Instant> {
        if rate.least == 0 || !waits && self.account.is_none() {
            return None;
        }
        self.look(rate, waits, moved, Instant::now())
    }

    #[cold]
    fn look(&mut self, rate: Rate, waits: bool, moved: u64, now: Instant) -> Option<Instant> {
        let begin = || Box::new(Account { left: GRACE, since: None, moved: self.start });
        let account = self.account.get_or_insert_with(begin);
        if let Some(since) = account.since.take() {
            account.left = account.left.saturating_sub(now.saturating_duration_since(since));
        }
        let came = moved.saturating_sub(std::mem::replace(&mut account.moved, moved));
        let earned = Duration::from_secs_f64(came as f64 / rate.least as f64);
        account.left = account.left.saturating_add(earned).min(rate.most.max(GRACE));
        account.since = waits.then_some(now);
        account.since.and_then(|now| now.checked_add(account.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { least: 100, most: Duration::from_secs(60) };

    fn left(pace: &mut Pace, waits: bool, moved: u64, now: Instant) -> Option<Duration> {
        pace.look(RATE, waits, moved, now).map(|until| until.saturating_duration_since(now))
    }

    #[test]
    fn a_trickle_uses_the_allowance_up() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        let over = (0..60u64).find(|second| {
            let now = begun + Duration::from_secs(*second);
            left(&mut pace, true, second * 10, now) < Some(Duration::from_secs(1))
        });
        assert_eq!(over, Some(11), "ten seconds, and a tenth of a second for each that passes");
    }

    #[test]
    fn a_client_that_is_just_fast_enough_may_go_on() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        for second in 0..1_000u64 {
            let now = begun + Duration::from_secs(second);
            assert_eq!(left(&mut pace, true, second * 100, now), Some(GRACE));
        }
    }

    #[test]
    fn time_that_a_backend_takes_is_not_the_clients() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        assert_eq!(left(&mut pace, true, 0, now), Some(GRACE));
        now += Duration::from_secs(1);
        assert_eq!(left(&mut pace, false, 0, now), None);
        now += Duration::from_secs(1_000);
        assert_eq!(left(&mut pace, true, 0, now), Some(Duration::from_secs(9)));
    }

    #[test]
    fn nothing_is_noted_where_any_rate_will_do_or_nobody_waits() {
        let mut pace = Pace::default();
        assert_eq!(pace.note(Rate::ANY, true, 0), None);
        assert_eq!(pace.note(RATE, false, 0), None);
        assert!(pace.account.is_none());
        assert!(pace.note(RATE, true, 0).is_some());
    }

    #[test]
    fn what_the_system_took_before_it_stopped_is_to_the_clients_credit() {
        let (mut pace, now) = (Pace::from(1_000), Instant::now());
        assert_eq!(left(&mut pace, true, 3_000, now), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_burst_buys_no_more_than_the_longest_pause() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        left(&mut pace, true, 0, now);
        assert_eq!(left(&mut pace, true, 1_000_000_000, now), Some(RATE.most));
    }
}

//! Health of a backend, decided by consecutive results of active checks.

use std::time::SystemTime;

/// Options `rise` and `fall`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) struct RiseFall {
    /// Successes in a row that make a backend healthy. At least 1.
    pub(in crate::upstream) rise: u32,
    /// Failures in a row that make a backend unhealthy. At least 1.
    pub(in crate::upstream) fall: u32,
}

/// Results of the checks of one backend. Before the first check it counts as healthy.
#[derive(Debug, Default)]
pub(in crate::upstream) struct CheckRecord {
    unhealthy: bool,
    /// Consecutive results that contradict the current health.
    streak: u32,
    /// When its health changed last. `None` before the first check.
    since: Option<SystemTime>,
    /// Reason of the latest failure.
    error: Option<String>,
}

/// A change of health.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::upstream) enum HealthTransition {
    /// The backend has become unhealthy, and why.
    Unhealthy(String),
    /// The backend has become healthy.
    Healthy,
}

impl CheckRecord {
    /// The record of a backend whose health another process has told.
    pub(in crate::upstream) fn passed(healthy: bool, since: SystemTime, error: Option<String>) -> Self {
        Self { unhealthy: !healthy, streak: 0, since: Some(since), error }
    }

    /// Notes the result of a check. An error is the reason of the failure.
    pub(in crate::upstream) fn note(
        &mut self,
        result: Result<(), String>,
        rules: RiseFall,
    ) -> Option<HealthTransition> {
        self.since.get_or_insert_with(SystemTime::now);
        let speaks_for_change = result.is_ok() == self.unhealthy;
        self.streak = if speaks_for_change { self.streak.saturating_add(1) } else { 0 };
        if let Err(error) = result {
            self.error = Some(error);
        }
        if self.streak < if self.unhealthy { rules.rise } else { rules.fall } || !speaks_for_change {
            return None;
        }
        self.streak = 0;
        self.unhealthy = !self.unhealthy;
        self.since = Some(SystemTime::now());
        Some(match self.unhealthy {
            true => HealthTransition::Unhealthy(self.error.clone().unwrap_or_default()),
            false => HealthTransition::Healthy,
        })
    }

    /// Current health, time of its last change, and reason of the latest failure. `None` before the first check.
    pub(in crate::upstream) fn result(&self) -> Option<(bool, SystemTime, Option<&str>)> {
        self.since.map(|since| (!self.unhealthy, since, self.error.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RiseFall = RiseFall { rise: 2, fall: 3 };

    /// The changes of health after a row of results: `+` success, `-` failure.
    fn turns(record: &mut CheckRecord, results: &str, rules: RiseFall) -> String {
        let turn = |sign| {
            let result = if sign == '+' { Ok(()) } else { Err("refused".to_owned()) };
            match record.note(result, rules) {
                None => '.',
                Some(HealthTransition::Unhealthy(why)) => {
                    assert_eq!(why, "refused");
                    'L'
                }
                Some(HealthTransition::Healthy) => 'R',
            }
        };
        results.chars().map(turn).collect()
    }

    #[test]
    fn it_leaves_after_fall_failures_in_a_row_and_returns_after_rise_successes() {
        let mut record = CheckRecord::default();
        assert_eq!(turns(&mut record, "--+---", RULES), ".....L");
        assert_eq!(turns(&mut record, "-+-++-", RULES), "....R.");
    }

    #[test]
    fn one_of_each_is_enough_if_the_rules_say_so() {
        let mut record = CheckRecord::default();
        assert_eq!(turns(&mut record, "+-+-", RiseFall { rise: 1, fall: 1 }), ".LRL");
    }

    #[test]
    fn nothing_is_known_before_the_first_check_and_the_latest_failure_stays_known() {
        let mut record = CheckRecord::default();
        assert!(record.result().is_none());
        turns(&mut record, "---", RULES);
        assert!(matches!(record.result(), Some((false, _, Some("refused")))));
        turns(&mut record, "++", RULES);
        assert!(matches!(record.result(), Some((true, _, Some("refused")))));
    }
}

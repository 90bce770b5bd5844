//! What checks say of an endpoint, and how that is forgotten.

use super::{counted, Endpoint};
use crate::log::Level;
use crate::upstream::health::passive;
use crate::upstream::health::rise_fall::{self, RiseFall, Turn};

impl Endpoint {
    /// Takes in the result of an active check.
    pub(in crate::upstream) fn checked(&self, result: Result<(), String>) {
        let Some(check) = &self.fleet.rules().check else { return };
        let rules = check.rules;
        // Held until the state is set: results come one after the other, and so do changes.
        let mut record = self.history.checks.lock();
        if self.fleet.is_retired() {
            return;
        }
        // The first good one is enough for one that has never served.
        let first = result.is_ok() && self.history.status.accept_check();
        if result.is_ok() && check.port.is_none() {
            self.trust();
        }
        let turn = record.note(result, if first { RiseFall { rise: 1, ..rules } } else { rules });
        if let Some(turn) = &turn {
            self.history.status.set_healthy(*turn == Turn::Returned);
        }
        drop(record);
        if first {
            self.fleet.is_checked();
        }
        let Some(turn) = turn else { return };
        match turn {
            Turn::Returned => {
                self.rise();
                let rise = if first { 1 } else { rules.rise as usize };
                self.fleet.note(Level::Info, self, format_args!("is healthy: {} succeeded", counted(rise, "check")));
            }
            Turn::Left(why) => {
                self.fleet.note(
                    Level::Warn,
                    self,
                    format_args!("is unhealthy: {} failed ({why})", counted(rules.fall as usize, "check")),
                );
            }
        }
        self.fleet.queue().wake();
    }

    /// Forgets what active checks said: others begin, or none.
    pub(in crate::upstream) fn forget_checks(&self) {
        let mut record = self.history.checks.lock();
        *record = rise_fall::Record::default();
        self.history.status.set_healthy(true);
        if self.fleet.rules().check.is_none() {
            self.history.status.accept_check();
        }
    }

    /// Forgets what passive checks said: they are no more.
    pub(in crate::upstream) fn forget_conduct(&self) {
        let mut conduct = self.history.conduct.lock();
        *conduct = passive::Record::default();
        self.history.status.restore();
    }
}

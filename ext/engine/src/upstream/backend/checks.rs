//! Results of health checks and connection probes at a backend, and how they are forgotten.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::Arc;

use tokio::sync::Notify;

use super::{counted, Backend};
use crate::clock;
use crate::log::Level;
use crate::upstream::backend::outlier::OutlierRecord;
use crate::upstream::backend::rise_fall::{CheckRecord, HealthTransition, RiseFall};

impl Backend {
    /// Notes the result of an active check.
    pub(in crate::upstream) fn checked(&self, result: Result<(), String>) {
        let Some(check) = &self.group.rules().check else { return };
        let rules = check.rules;
        // Held until the state is set: results come one after the other, and so do changes.
        let mut record = self.history.checks.lock();
        if self.group.is_retired() {
            return;
        }
        // One good check is enough for a backend that has never served.
        let first = result.is_ok() && self.history.status.accept_check();
        let connects = result.is_ok() && check.port.is_none();
        let turn = record.note(result, if first { RiseFall { rise: 1, ..rules } } else { rules });
        if let Some(turn) = &turn {
            self.history.status.set_healthy(*turn == HealthTransition::Healthy);
        }
        drop(record);
        if connects {
            // It may ask for the members of the group, whose lock comes before that of the record.
            self.trust();
        }
        if first {
            self.group.is_checked();
        }
        let Some(turn) = turn else { return };
        match turn {
            HealthTransition::Healthy => {
                self.rise();
                let rise = if first { 1 } else { rules.rise as usize };
                self.group.note_state(
                    Level::Info,
                    self,
                    format_args!("is healthy: {} succeeded", counted(rise, "check")),
                );
            }
            HealthTransition::Unhealthy(why) => {
                self.group.note_state(
                    Level::Warn,
                    self,
                    format_args!("is unhealthy: {} failed ({why})", counted(rules.fall as usize, "check")),
                );
            }
        }
        self.group.queue().wake();
    }

    /// Forgets the results of active checks: the next configuration has others, or none.
    pub(in crate::upstream) fn forget_checks(&self) {
        let mut record = self.history.checks.lock();
        *record = CheckRecord::default();
        self.history.status.set_healthy(true);
        if self.group.rules().check.is_none() {
            self.history.status.accept_check();
        }
    }

    /// Takes it for healthy, whatever checks have found until now: somebody else has checked it.
    pub(in crate::upstream) fn vouch_for(&self) {
        let mut record = self.history.checks.lock();
        *record = CheckRecord::default();
        self.history.status.set_healthy(true);
        self.history.status.accept_check();
        drop(record);
        self.trust();
    }

    /// Whether requests or tunnels are there.
    pub(in crate::upstream) fn is_busy(&self) -> bool {
        self.in_flight() > 0 || self.tunnels() > 0
    }

    /// Tunnels that are open there.
    pub(crate) fn tunnels(&self) -> u64 {
        self.history.tunnels.load(Relaxed)
    }

    /// Forgets failures and ejections: the next configuration ejects no outliers.
    pub(in crate::upstream) fn forget_outliers(&self) {
        let mut outlier = self.history.outlier.lock();
        *outlier = OutlierRecord::default();
        self.history.status.restore();
    }

    /// Whether a connection could show that it takes requests again: nothing else keeps them from it but that it could
    /// not be connected to, or health checks, which it would be worth to repeat.
    pub(in crate::upstream) fn needs_probe(&self) -> bool {
        let status = &self.history.status;
        status.is_wanted() && (status.is_doubted() || status.is_unhealthy())
    }

    /// Begins its connection probe. `false` if one runs.
    pub(in crate::upstream) fn begin_probe(&self) -> bool {
        !self.history.probed.swap(true, SeqCst)
    }

    /// Ends its connection probe.
    pub(in crate::upstream) fn end_probe(&self) {
        self.history.probed.store(false, SeqCst);
    }

    /// A probe was refused: it gets no requests for a while longer.
    pub(in crate::upstream) fn doubt_longer(&self) {
        self.history.status.doubt_longer(clock::now());
    }

    /// A probe could connect: requests go on, or another health check is made at once.
    pub(in crate::upstream) fn accepts_connections(&self) {
        self.history.failing.store(false, Relaxed);
        self.trust();
        if self.history.status.is_unhealthy() {
            self.history.check_now.notify_one();
        }
    }

    /// Notified when a health check is wanted at once.
    pub(in crate::upstream) fn check_now(&self) -> &Arc<Notify> {
        &self.history.check_now
    }
}

//! The certificates that are kept, and when to look after which.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustc_hash::FxHashMap;
use tokio::time::Instant;

use crate::certificates::record::CertificateState;

/// Time between two looks at the state of a certificate, which another process may have renewed, at least.
const LOOK: Duration = Duration::from_secs(60);
/// Looks in a second, at most, of all certificates together.
const LOOKS: u32 = 5;

/// What is remembered of a certificate; the rest is in storage.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptCertificate {
    pub(super) names: Arc<[String]>,
    /// Whether the configuration names it. Others are there on demand.
    pub(super) is_written: bool,
    pub(super) validity: Option<(SystemTime, SystemTime)>,
    /// When it is ordered or renewed. `None` before the first look.
    pub(super) next_attempt: Option<SystemTime>,
    /// Failures of storage in a row, and what the last one said.
    pub(super) troubles: u32,
    pub(super) trouble: Option<String>,
    /// When it was last told that it ends and is not renewed.
    pub(super) told_at: Option<Instant>,
    /// Whether a person wants it renewed now.
    pub(super) is_wished: bool,
    /// When to look after it.
    due: Option<SystemTime>,
    is_running: bool,
}

/// All of them, by subject.
#[derive(Debug, Default)]
pub(super) struct KeptTable {
    all: FxHashMap<Arc<str>, KeptCertificate>,
    queue: BTreeSet<(SystemTime, Arc<str>)>,
    running: usize,
}

impl KeptTable {
    /// Keeps the certificates of another configuration. What is known of those that stay stays known; all are looked
    /// after at once.
    pub(super) fn set_written(&mut self, wanted: &[(Arc<str>, Arc<[String]>)], keeps_others: bool) {
        let written: FxHashMap<_, _> = wanted.iter().cloned().collect();
        self.all.retain(|subject, kept| {
            kept.is_written = written.contains_key(subject);
            kept.is_written || keeps_others || kept.is_running
        });
        for (subject, names) in wanted {
            let kept = self.all.entry(Arc::clone(subject)).or_default();
            (kept.names, kept.is_written) = (Arc::clone(names), true);
        }
        self.queue.clear();
        for (subject, kept) in &mut self.all {
            kept.due = (!kept.is_running).then_some(SystemTime::UNIX_EPOCH);
            self.queue.extend(kept.due.map(|due| (due, Arc::clone(subject))));
        }
    }

    /// Forgets all that does not run.
    pub(super) fn clear(&mut self) {
        self.set_written(&[], false);
        self.queue.clear();
    }

    /// Keeps a certificate that is there on demand, from this moment on.
    pub(super) fn add_other(&mut self, subject: &str, due: SystemTime) -> Arc<str> {
        if let Some((subject, _)) = self.all.get_key_value(subject) {
            return Arc::clone(subject);
        }
        let subject: Arc<str> = subject.into();
        let names = [subject.to_string()].into();
        let kept = KeptCertificate { names, due: Some(due), ..KeptCertificate::default() };
        self.all.insert(Arc::clone(&subject), kept);
        self.queue.insert((due, Arc::clone(&subject)));
        subject
    }

    pub(super) fn get(&self, subject: &str) -> Option<&KeptCertificate> {
        self.all.get(subject)
    }

    /// Takes a certificate whose time has come: it runs until [`KeptTable::ended`].
    pub(super) fn take_due(&mut self, now: SystemTime) -> Option<Arc<str>> {
        if self.queue.first()?.0 > now {
            return None;
        }
        let (_, subject) = self.queue.pop_first()?;
        self.begin(&subject);
        Some(subject)
    }

    /// Takes this certificate, unless it runs already.
    pub(super) fn take(&mut self, subject: &str) -> bool {
        let Some((subject, kept)) = self.all.get_key_value(subject).filter(|(_, kept)| !kept.is_running) else {
            return false;
        };
        if let Some(due) = kept.due {
            self.queue.remove(&(due, Arc::clone(subject)));
        }
        let subject = Arc::clone(subject);
        self.begin(&subject);
        true
    }

    fn begin(&mut self, subject: &str) {
        if let Some(kept) = self.all.get_mut(subject) {
            (kept.due, kept.is_running) = (None, true);
            self.running += 1;
        }
    }

    /// Number of certificates that are looked after at this moment.
    pub(super) fn running(&self) -> usize {
        self.running
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<SystemTime> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// Notes what a look has come to, and when the next one is due.
    pub(super) fn ended(&mut self, subject: &Arc<str>, due: SystemTime, note: impl FnOnce(&mut KeptCertificate)) {
        self.running = self.running.saturating_sub(1);
        let Some(kept) = self.all.get_mut(subject) else { return };
        note(kept);
        kept.is_running = false;
        kept.due = Some(if kept.is_wished { SystemTime::UNIX_EPOCH } else { due });
        self.queue.extend(kept.due.map(|due| (due, Arc::clone(subject))));
    }

    /// No longer looks after a certificate that is not written.
    pub(super) fn drop_other(&mut self, subject: &str) {
        let Some(kept) = self.all.get(subject).filter(|kept| !kept.is_written && !kept.is_running) else { return };
        let entry = kept.due.map(|due| (due, Arc::from(subject)));
        if let Some(entry) = entry {
            self.queue.remove(&entry);
        }
        self.all.remove(subject);
    }

    /// Wants a certificate renewed now. `false` if there is none of that subject.
    pub(super) fn wish(&mut self, subject: &str) -> bool {
        let Some((subject, kept)) = self.all.get_key_value(subject) else { return false };
        let (subject, before, is_running) = (Arc::clone(subject), kept.due, kept.is_running);
        if let Some(kept) = self.all.get_mut(&subject) {
            kept.is_wished = true;
            if !is_running {
                kept.due = Some(SystemTime::UNIX_EPOCH);
            }
        }
        if !is_running {
            self.queue.extend([(SystemTime::UNIX_EPOCH, Arc::clone(&subject))]);
            if let Some(before) = before.filter(|before| *before != SystemTime::UNIX_EPOCH) {
                self.queue.remove(&(before, subject));
            }
        }
        true
    }

    /// Time between two looks at the state of one certificate, so that all of them together are not too many.
    pub(super) fn look(&self) -> Duration {
        let all = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        LOOK.max(Duration::from_secs(u64::from(all / LOOKS)))
    }
}

impl KeptCertificate {
    /// Takes over what storage says.
    pub(super) fn take_over(&mut self, state: &CertificateState) {
        self.validity = state.not_before.zip(state.not_after);
        (self.troubles, self.trouble) = (0, None);
    }
}

#[cfg(test)]
mod tests;

//! The state of a certificate, and of the order that is under way for it.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{order_key, state_key, CertificateRecord, STATES};
use crate::storage::{Storage, StorageError};

/// Time from 1970 to the year 10,000.
const YEAR_10_000: Duration = Duration::from_secs(253_402_300_800);

/// The state of one certificate: everything that must outlive a process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct CertificateState {
    /// Names of the certificate; the first is its subject, under which it is kept.
    pub(crate) names: Vec<String>,
    /// URL of the directory of the authority that issued it.
    pub(crate) authority: Option<String>,
    /// Beginning and end of its validity.
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) not_after: Option<SystemTime>,
    /// Window for its renewal that the authority suggests (RFC 9773), and when to ask for it again.
    pub(crate) window: Option<(SystemTime, SystemTime)>,
    pub(crate) window_until: Option<SystemTime>,
    /// Moment in the window at which it is renewed, chosen once.
    pub(crate) chosen_at: Option<SystemTime>,
    /// Failures in a row, when the next attempt may be, and what went wrong.
    pub(crate) failures: u32,
    pub(crate) next_attempt: Option<SystemTime>,
    pub(crate) last_error: Option<String>,
    /// When the last attempt began, and how many have begun since one last ended: those were cut off.
    pub(crate) attempted_at: Option<SystemTime>,
    pub(crate) begun: u32,
    /// Whether an authority refused the last order, so that the next is tried at its staging first.
    pub(crate) rehearse: bool,
    /// Authorities that want no order of this certificate before a moment, by the URLs of their directories.
    pub(crate) holds: BTreeMap<String, SystemTime>,
    /// What was found damaged in storage when this was loaded, unless it was told before.
    #[serde(skip)]
    pub(crate) damage: Option<String>,
}

impl CertificateState {
    /// The state of a certificate, with what the stored certificate says of itself. If there is none, or it is damaged,
    /// it is that of a name for which nothing was tried.
    ///
    /// A process may have ended after it stored a certificate and before it stored the state. The certificate counts:
    /// otherwise it would be ordered again.
    pub(crate) async fn load(storage: &Storage, subject: &str) -> Result<Self, StorageError> {
        let (mut state, mut damage) = match read::<Self>(storage, &state_key(subject)).await? {
            None => (Self::default(), None),
            Some(Ok(state)) if !state.is_possible() => {
                (Self::default(), Some("its state in storage has impossible times, and is made anew".into()))
            }
            Some(Ok(state)) => (state, None),
            Some(Err(error)) => {
                (Self::default(), Some(format!("its state in storage was damaged, and is made anew: {error}")))
            }
        };
        let record = match CertificateRecord::load(storage, subject).await? {
            None => None,
            Some(Ok(record)) => Some(record),
            Some(Err(error)) => {
                damage = Some(format!("the stored certificate {error}, and is ordered anew"));
                None
            }
        };
        state.agree_with(subject, record.as_ref());
        // After a failure, what went wrong then says more.
        state.damage = damage.filter(|damage| state.failures == 0 && state.last_error.as_ref() != Some(damage));
        state.last_error = state.damage.clone().or(state.last_error);
        Ok(state)
    }

    /// Whether all times are before the year 10,000: others cannot be written, nor added to.
    fn is_possible(&self) -> bool {
        let Self { not_before, not_after, window, window_until, chosen_at, next_attempt, attempted_at, .. } = self;
        let single = [not_before, not_after, window_until, chosen_at, next_attempt, attempted_at];
        let window = window.iter().flat_map(|(from, until)| [from, until]);
        let mut all = single.into_iter().flatten().chain(window).chain(self.holds.values());
        all.all(|time| *time < UNIX_EPOCH + YEAR_10_000)
    }

    /// Takes over the validity of the certificate. What was decided about another certificate is void.
    fn agree_with(&mut self, subject: &str, record: Option<&CertificateRecord>) {
        let validity = record.map(|record| (record.not_before, record.not_after)).unzip();
        if validity != (self.not_before, self.not_after) {
            (self.not_before, self.not_after) = validity;
            (self.window, self.window_until, self.chosen_at) = (None, None, None);
            if record.is_some() {
                (self.failures, self.next_attempt, self.last_error) = (0, None, None);
                (self.begun, self.rehearse, self.holds) = (0, false, BTreeMap::new());
            }
        }
        if self.names.first().is_none_or(|first| first != subject) {
            let others = record.iter().flat_map(|record| &record.names).filter(|name| *name != subject).cloned();
            self.names = std::iter::once(subject.to_owned()).chain(others).collect();
        }
    }

    /// Writes the state under its subject.
    pub(crate) async fn store(&self, storage: &Storage) -> Result<(), StorageError> {
        let subject = self.names.first().map_or("", String::as_str);
        write(storage, &state_key(subject), self).await
    }

    /// The subject of the state at a key. A damaged state has none.
    pub(crate) async fn subject_at(storage: &Storage, key: &str) -> Result<Option<String>, StorageError> {
        let state = read::<Self>(storage, key).await?.and_then(Result::ok);
        Ok(state.and_then(|state| state.names.into_iter().next()))
    }

    /// The states of all certificates but those of `known` subjects, in the order of their subjects. Damaged ones are
    /// left out.
    pub(crate) async fn others(storage: &Storage, known: &[&str]) -> Result<Vec<Self>, StorageError> {
        let known: HashSet<_> = known.iter().map(|subject| state_key(subject)).collect();
        let mut states = Vec::new();
        for key in storage.list(STATES).await? {
            if known.contains(&key) {
                continue;
            }
            if let Some(Ok(state)) = read::<Self>(storage, &key).await? {
                states.extend(state.is_possible().then_some(state));
            }
        }
        states.retain(|state| !state.names.is_empty());
        states.sort_by(|a, b| a.names.cmp(&b.names));
        Ok(states)
    }
}

/// An order that an authority has taken and that has not ended. A process that starts after a crash goes on with it,
/// in place of another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PendingOrder {
    /// URL of the directory of the authority.
    pub(crate) authority: String,
    /// URL of the order (RFC 8555, section 7.1.3).
    pub(crate) url: String,
    /// Names of the certificate; the first is its subject.
    pub(crate) names: Vec<String>,
    /// Private key of the certificate in PEM.
    pub(crate) key: String,
    /// Times in a row that the authority could not say what has become of it.
    #[serde(default)]
    pub(crate) misses: u32,
}

impl PendingOrder {
    /// The order under way for a subject. A damaged one is none.
    pub(crate) async fn load(storage: &Storage, subject: &str) -> Result<Option<Self>, StorageError> {
        Ok(read(storage, &order_key(subject)).await?.and_then(Result::ok))
    }

    /// Writes the order. Must be done before its challenges begin.
    pub(crate) async fn store(&self, storage: &Storage) -> Result<(), StorageError> {
        let subject = self.names.first().map_or("", String::as_str);
        write(storage, &order_key(subject), self).await
    }

    /// Forgets the order: it has ended, well or not.
    pub(crate) async fn delete(storage: &Storage, subject: &str) -> Result<(), StorageError> {
        storage.delete(&order_key(subject)).await
    }
}

async fn read<T: DeserializeOwned>(storage: &Storage, key: &str) -> Result<Option<Result<T, String>>, StorageError> {
    let Some(text) = storage.load(key).await? else { return Ok(None) };
    Ok(Some(serde_json::from_slice(&text).map_err(|error| error.to_string())))
}

async fn write<T: Serialize>(storage: &Storage, key: &str, value: &T) -> Result<(), StorageError> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| StorageError(error.to_string()))?;
    storage.store(key, &text).await
}

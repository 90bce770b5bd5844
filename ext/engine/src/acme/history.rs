//! What is remembered of the challenges of a certificate, in storage.

use serde::{Deserialize, Serialize};

use super::authority::own;
use super::failure::{FailureKind, OrderFailure};
use super::solver::ChallengeKind;
use crate::certificates::record::challenge_history_key;
use crate::storage::Storage;

/// What the next order of a certificate must know of the challenges before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ChallengeHistory {
    /// TXT records that were added and may still be there: name and value. A process that crashes leaves them to the
    /// next one.
    pub(super) records: Vec<(String, String)>,
    /// Challenges that have failed, the latest at the end.
    pub(super) failed: Vec<ChallengeKind>,
}

impl ChallengeHistory {
    /// What is stored; nothing if it is damaged.
    pub(super) async fn load(storage: &Storage, subject: &str) -> Result<Self, OrderFailure> {
        let stored = storage.load(&challenge_history_key(subject)).await.map_err(own)?;
        Ok(stored.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    pub(super) async fn store(&self, storage: &Storage, subject: &str) -> Result<(), OrderFailure> {
        let key = challenge_history_key(subject);
        if *self == Self::default() {
            return storage.delete(&key).await.map_err(own);
        }
        let json = serde_json::to_vec(self).map_err(|error| OrderFailure::new(FailureKind::Own, error.to_string()))?;
        storage.store(&key, &json).await.map_err(own)
    }

    /// Keeps in mind that a challenge has failed.
    pub(super) fn has_failed(&mut self, kind: ChallengeKind) {
        self.failed.retain(|failed| *failed != kind);
        self.failed.push(kind);
    }
}

//! Orders that are under way, in storage: a process that starts after a crash goes on with them.

use serde::{Deserialize, Serialize};

use super::authority::{own, Authority};
use super::failure::{FailureKind, OrderFailure};
use super::solver::ChallengeKind;

/// An order under way, and what is left of the one before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PendingOrder {
    /// URL of the order. `None`: there is none.
    pub(super) url: Option<String>,
    /// URL of the account that has ordered.
    pub(super) account: String,
    /// Names of the certificate.
    pub(super) names: Vec<String>,
    /// Private key of the certificate, in PEM.
    pub(super) key: String,
    /// TXT records that were written and not removed: name and value.
    pub(super) records: Vec<(String, String)>,
    /// Challenges that have failed, the latest at the end.
    pub(super) failed: Vec<ChallengeKind>,
}

impl PendingOrder {
    /// What is stored; nothing if it is damaged.
    pub(super) async fn load(authority: &Authority, subject: &str) -> Result<Self, OrderFailure> {
        let stored = authority.storage.load(&key(authority, subject)).await.map_err(own)?;
        Ok(stored.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default())
    }

    pub(super) async fn store(&self, authority: &Authority, subject: &str) -> Result<(), OrderFailure> {
        let key = key(authority, subject);
        if *self == Self::default() {
            return authority.storage.delete(&key).await.map_err(own);
        }
        let json = serde_json::to_vec(self).map_err(|error| OrderFailure::new(FailureKind::Own, error.to_string()))?;
        authority.storage.store(&key, &json).await.map_err(own)
    }

    /// What is left once the order has ended.
    pub(super) fn ended(self) -> Self {
        Self { records: self.records, failed: self.failed, ..Self::default() }
    }

    /// Keeps in mind that a challenge has failed.
    pub(super) fn has_failed(&mut self, kind: ChallengeKind) {
        self.failed.retain(|failed| *failed != kind);
        self.failed.push(kind);
    }
}

fn key(authority: &Authority, subject: &str) -> String {
    format!("orders/{}/{}.json", authority.file(), subject.replace('*', "_"))
}

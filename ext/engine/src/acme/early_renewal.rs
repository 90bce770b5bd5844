//! Renewals before their time, because a person wants them.
//!
//! The wish stands in storage. A proxy that works with this storage takes it within seconds, and whoever asked sees in
//! storage what became of it.

use std::time::Duration;

use serde::Serialize;
use tokio::time::{sleep, timeout};

use crate::certificates::record::{certificate_key, order_lock, request_key, CertificateState};
use crate::storage::{Storage, StorageError};

/// Time between two looks at storage.
const PAUSE: Duration = Duration::from_millis(250);
/// Time within which a running proxy takes a wish.
const TAKEN_WITHIN: Duration = Duration::from_secs(15);
/// Time for an order. Records of DNS may take minutes to be seen.
const ORDERED_WITHIN: Duration = Duration::from_secs(10 * 60);

/// What became of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyRenewal {
    /// There is a new certificate.
    Done,
    /// The attempt failed.
    Failed {
        /// What went wrong.
        error: String,
    },
    /// No proxy works with this storage. The wish is taken back.
    NobodyThere,
    /// It is still under way after a long time.
    UnderWay,
}

/// Writes down that the certificate of this subject is wanted anew.
pub(crate) async fn wish(storage: &Storage, subject: &str) -> Result<(), StorageError> {
    storage.store(&request_key(subject), subject.as_bytes()).await
}

/// Takes back a wish that nobody has taken yet.
pub(crate) async fn take_back(storage: &Storage, subject: &str) -> Result<(), StorageError> {
    storage.delete(&request_key(subject)).await
}

/// Writes down a wish, and waits for what becomes of it.
pub(crate) async fn wish_and_wait(storage: &Storage, subject: &str) -> Result<EarlyRenewal, StorageError> {
    let before = BeforeWish::of(storage, subject).await?;
    wish(storage, subject).await?;
    if let Ok(outcome) = timeout(TAKEN_WITHIN, before.outcome(storage, subject)).await {
        return outcome;
    }
    if is_left_alone(storage, subject).await? {
        take_back(storage, subject).await?;
        return Ok(EarlyRenewal::NobodyThere);
    }
    timeout(ORDERED_WITHIN, before.outcome(storage, subject)).await.unwrap_or(Ok(EarlyRenewal::UnderWay))
}

/// Whether nobody has taken the wish or works at the certificate.
async fn is_left_alone(storage: &Storage, subject: &str) -> Result<bool, StorageError> {
    let is_there = storage.load(&request_key(subject)).await?.is_some();
    Ok(is_there && storage.lock(&order_lock(subject)).await?.is_some())
}

/// What storage has before a wish, to see what changes.
struct BeforeWish {
    certificate: Option<Vec<u8>>,
    state: CertificateState,
}

impl BeforeWish {
    async fn of(storage: &Storage, subject: &str) -> Result<Self, StorageError> {
        let certificate = storage.load(&certificate_key(subject)).await?;
        Ok(Self { certificate, state: CertificateState::load(storage, subject).await? })
    }

    /// Waits for a change.
    async fn outcome(&self, storage: &Storage, subject: &str) -> Result<EarlyRenewal, StorageError> {
        loop {
            let now = Self::of(storage, subject).await?;
            if now.certificate.is_some() && now.certificate != self.certificate {
                return Ok(EarlyRenewal::Done);
            }
            if now.state.failures > self.state.failures {
                let error = now.state.last_error.unwrap_or_else(|| "the attempt failed".into());
                return Ok(EarlyRenewal::Failed { error });
            }
            sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests;

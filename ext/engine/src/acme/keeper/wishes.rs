//! Renewals that a person asks for, from another process too: the wish stands in storage.

use std::sync::Arc;
use std::time::Duration;

use super::KeeperState;
use crate::acme::directive::Acme;
use crate::certificates::record::REQUESTS;
use crate::storage::StorageError;

/// Time between two looks for wishes.
const LOOK: Duration = Duration::from_secs(2);

/// Looks for wishes as long as the configuration is in use. Storage that fails is told of by others.
pub(super) async fn follow(acme: Arc<Acme>, keeper: Arc<KeeperState>) {
    loop {
        let _: Result<(), StorageError> = look(&acme, &keeper).await;
        tokio::time::sleep(LOOK).await;
    }
}

async fn look(acme: &Acme, keeper: &KeeperState) -> Result<(), StorageError> {
    for key in acme.storage.list(REQUESTS).await? {
        let Some(subject) = acme.storage.load(&key).await? else { continue };
        let subject = String::from_utf8_lossy(&subject);
        // One that nobody here knows is for another proxy on the same storage.
        if keeper.table.lock().wish(subject.trim()) {
            keeper.changed.notify_one();
        }
    }
    Ok(())
}

//! Names that storage has a certificate for.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use tokio::sync::watch;

use super::record::{certificate_key, CERTIFICATES};
use crate::log::Log;
use crate::storage::Storage;

/// Names that storage may have a certificate for, as hashes, so that a flood of other names does not reach storage and
/// a million customers fit into memory. A hash that two names share costs a look into storage and nothing else.
#[derive(Debug, Default)]
pub(super) struct StoredNames {
    hasher: RandomState,
    hashes: Mutex<HashSet<u64, FxBuildHasher>>,
    /// Whether storage was read.
    is_read: watch::Sender<bool>,
}

impl StoredNames {
    /// Whether storage may have a certificate for the name. As long as storage is being read, it may have any.
    pub(super) fn may_have(&self, name: &str) -> bool {
        !*self.is_read.borrow() || self.hashes.lock().contains(&self.hash(&certificate_key(name)))
    }

    pub(super) fn add(&self, name: &str) {
        self.add_key(&certificate_key(name));
    }

    fn add_key(&self, key: &str) {
        let hash = self.hash(key);
        self.hashes.lock().insert(hash);
    }

    fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Waits until storage was read once.
    pub(super) async fn wait_until_read(&self) {
        if *self.is_read.borrow() {
            return;
        }
        let _ = self.is_read.subscribe().wait_for(|is_read| *is_read).await;
    }

    /// Adds the names of all certificates in storage. If that fails, names that are not known count as not stored.
    pub(super) async fn read(&self, storage: &Storage, log: &Log) {
        match storage.list(CERTIFICATES).await {
            Ok(keys) => keys.iter().for_each(|key| self.add_key(key)),
            Err(error) => log.warn(format_args!("the certificates in storage cannot be listed: {error}")),
        }
        self.is_read.send_replace(true);
    }
}

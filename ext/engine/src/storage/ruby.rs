//! A Ruby object as storage. It is called with a Hash: `op` (`load`, `store`, `delete`, `list` or `lock`), `key`, and
//! `value`, or `owner` and `seconds`.

use std::fmt;
use std::time::Duration;

use serde_json::{json, Value};
use tokio::task::AbortHandle;

use super::StorageError;
use crate::blocks::{Block, BlockArgument, BlockIndex, BlockLimits, BlockSet, BlockValue};
use crate::config::At;

/// Calls at once, as many as handshakes that load a certificate should wait for each other, and calls that wait.
const LIMITS: BlockLimits = BlockLimits { threads: 4, queue: 1_000 };
/// Time for one call.
const LIMIT: Duration = Duration::from_secs(10);
/// Time for which a lock is taken. It outlives two renewals that fail.
const LEASE: Duration = Duration::from_secs(30);
/// Time between renewals.
const RENEWAL: Duration = Duration::from_secs(10);

/// A Ruby object with values.
#[derive(Debug, Clone)]
pub(crate) struct RubyStorage(Block);

impl RubyStorage {
    pub(super) fn new(blocks: &BlockSet, index: BlockIndex, at: Option<&At>) -> Self {
        Self(blocks.block(index, LIMITS, "storage", at))
    }

    pub(super) async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        match self.ask("load", key, json!({})).await? {
            BlockValue::Null => Ok(None),
            BlockValue::String(value) => Ok(Some(value.into_bytes())),
            other => Err(self.wrong("load", key, &other)),
        }
    }

    pub(super) async fn store(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        let value = std::str::from_utf8(value)
            .map_err(|error| StorageError(format!("{self}: store({key:?}) is given what is no text: {error}")))?;
        self.ask("store", key, json!({ "value": value })).await.map(drop)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        self.ask("delete", key, json!({})).await.map(drop)
    }

    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        let keys = self.ask("list", prefix, json!({})).await?;
        let keys: Vec<String> = serde_json::from_value(keys.clone()).map_err(|_| self.wrong("list", prefix, &keys))?;
        // A prefix of a store such as Redis is a pattern, which may find more.
        Ok(keys.into_iter().filter(|key| key.starts_with(prefix) && super::key::check(key).is_ok()).collect())
    }

    pub(super) async fn lock(&self, key: &str) -> Result<Option<Lease>, StorageError> {
        let owner: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
        if !self.take(key, &owner).await? {
            return Ok(None);
        }
        let (storage, kept, holder) = (self.clone(), key.to_owned(), owner.clone());
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEWAL).await;
                // The log has a line about a failure. The next renewal may come in time.
                let _ = storage.take(&kept, &holder).await;
            }
        });
        Ok(Some(Lease { storage: self.clone(), key: key.to_owned(), owner, renewal: renewal.abort_handle() }))
    }

    /// Takes or renews a lock.
    async fn take(&self, key: &str, owner: &str) -> Result<bool, StorageError> {
        match self.ask("lock", key, json!({ "owner": owner, "seconds": LEASE.as_secs() })).await? {
            BlockValue::Bool(is_taken) => Ok(is_taken),
            other => Err(self.wrong("lock", key, &other)),
        }
    }

    async fn ask(&self, op: &str, key: &str, more: Value) -> Result<BlockValue, StorageError> {
        let failed = |why: &dyn fmt::Display| StorageError(format!("{self}: {op}({key:?}) has no answer: {why}"));
        match self.0.call(question(op, key, more), LIMIT).await {
            // What the object has raised.
            Ok(BlockValue::Object(told)) if told.contains_key("error") => {
                Err(failed(&told["error"].as_str().unwrap_or("the object has failed")))
            }
            answer => answer.map_err(|why| failed(&why)),
        }
    }

    /// The wrapper in Ruby has checked the answer, so this is a mistake between the two.
    fn wrong(&self, op: &str, key: &str, answer: &BlockValue) -> StorageError {
        let kind = match answer {
            BlockValue::Null => "nil",
            BlockValue::Bool(_) => "true or false",
            BlockValue::Number(_) => "a number",
            BlockValue::String(_) => "a String",
            BlockValue::Array(_) => "an Array",
            BlockValue::Object(_) => "a Hash",
        };
        StorageError(format!("{self}: {op}({key:?}) has answered with {kind}"))
    }
}

impl fmt::Display for RubyStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.name())
    }
}

fn question(op: &str, key: &str, mut more: Value) -> BlockArgument {
    more["op"] = op.into();
    more["key"] = key.into();
    BlockArgument::Value(more)
}

/// A lock of a Ruby object, which is renewed until this is dropped, and given back then. If the process ends before,
/// it runs out.
#[derive(Debug)]
pub(crate) struct Lease {
    storage: RubyStorage,
    key: String,
    owner: String,
    renewal: AbortHandle,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
        let end = json!({ "owner": self.owner, "seconds": 0 });
        self.storage.0.notify(question("lock", &self.key, end), None);
    }
}

#[cfg(test)]
mod tests;

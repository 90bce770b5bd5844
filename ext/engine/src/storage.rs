//! Storage: state that outlives the process and is shared by several, such as accounts, certificates and their keys.
//!
//! A key is a path of names with `/` between them, such as `certificates/example.com.pem`. A value is a text. Values are
//! written whole or not at all. Nothing here is called on an engine thread.

#![allow(dead_code, reason = "not used yet")]

use crate::blocks::BlockSet;
use crate::config::{Problem, StorageConfig};

/// Where state is kept.
#[derive(Debug)]
pub(crate) struct Storage;

/// Why the storage did not do what it was asked for. The text names the place, and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageError(pub(crate) String);

impl std::fmt::Display for StorageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lock that is held, across processes. It is given back when it is dropped, and when the process ends.
#[derive(Debug)]
pub(crate) struct StorageLock;

impl Storage {
    /// The storage of a configuration. `word` is the directive that it belongs to, as in `acme`.
    pub(crate) fn compile(
        _config: Option<&StorageConfig>,
        _word: &'static str,
        _blocks: &BlockSet,
        _problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        todo!("storage")
    }

    /// The value at `key`; `None` if there is none.
    pub(crate) async fn load(&self, _key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        todo!("storage")
    }

    /// Writes the value at `key`, in place of one that is there.
    pub(crate) async fn store(&self, _key: &str, _value: &[u8]) -> Result<(), StorageError> {
        todo!("storage")
    }

    /// Removes the value at `key`, if there is one.
    pub(crate) async fn delete(&self, _key: &str) -> Result<(), StorageError> {
        todo!("storage")
    }

    /// The keys that begin with `prefix`, which ends with `/`, in any order.
    pub(crate) async fn list(&self, _prefix: &str) -> Result<Vec<String>, StorageError> {
        todo!("storage")
    }

    /// Takes the lock `key`, without waiting. `None` if somebody holds it, in this process or another.
    pub(crate) async fn lock(&self, _key: &str) -> Result<Option<StorageLock>, StorageError> {
        todo!("storage")
    }
}

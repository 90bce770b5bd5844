//! Storage: state that outlives the process and is shared by several, such as accounts, certificates and their keys.
//!
//! A key is a path of names with `/` between them, such as `certificates/example.com.pem`. A value is a text. Values
//! are written whole or not at all. Nothing here is called on an engine thread: the futures belong to the background
//! runtime.

mod folder;
mod key;
mod ruby;

use std::fmt;
use std::sync::Arc;

use crate::blocks::BlockSet;
use crate::compile::Report;
use crate::config::StorageConfig;
use folder::{Folder, FolderLock};
use ruby::{Lease, RubyStorage};

/// Where state is kept.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A folder, for one machine or a shared file system.
    Folder(Arc<Folder>),
    /// A Ruby object of the user.
    Ruby(RubyStorage),
}

/// Why the storage did not do what it was asked for. The text names the place, and says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StorageError(pub(crate) String);

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lock that is held, across processes. It is given back when it is dropped, and when the process ends.
#[derive(Debug)]
#[expect(dead_code, reason = "it is held, and nobody looks into it")]
pub(crate) enum StorageLock {
    /// A locked file.
    Folder(FolderLock),
    /// A lease that is renewed.
    Ruby(Lease),
}

impl Storage {
    /// The storage of a configuration. `report` is that of the directive, without the option's name. Nothing is written
    /// before the first [`Self::store`].
    pub(crate) fn compile(config: Option<&StorageConfig>, blocks: &BlockSet, report: &mut Report<'_>) -> Option<Self> {
        let at = report.at();
        let mut report = report.within("storage");
        match config {
            None => Folder::default(&mut report).map(Self::of),
            Some(StorageConfig::Folder(path)) => Folder::written(path, &mut report).map(Self::of),
            Some(StorageConfig::Block(index)) => Some(Self::Ruby(RubyStorage::new(blocks, *index, at))),
        }
    }

    /// A storage in this folder, which is made if its parent is there.
    #[cfg(test)]
    pub(crate) fn in_folder(path: impl AsRef<std::path::Path>) -> Self {
        Self::of(Folder::new(path.as_ref()))
    }

    fn of(folder: Folder) -> Self {
        Self::Folder(Arc::new(folder))
    }

    /// The kind of the file system, such as `tmpfs`, if it is one that forgets all when the container or the machine
    /// ends.
    pub(crate) fn in_memory(&self) -> Option<&'static str> {
        match self {
            Self::Folder(folder) => folder.in_memory(),
            Self::Ruby(_) => None,
        }
    }

    /// Why nothing can be written, if that can be seen beforehand.
    pub(crate) fn unwritable(&self) -> Option<StorageError> {
        match self {
            Self::Folder(folder) => folder.unwritable(),
            Self::Ruby(_) => None,
        }
    }

    /// The value at `key`; `None` if there is none.
    pub(crate) async fn load(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        key::check(key)?;
        match self {
            Self::Folder(folder) => Folder::run(folder, key, Folder::load).await,
            Self::Ruby(ruby) => ruby.load(key).await,
        }
    }

    /// Writes the value at `key`, in place of one that is there.
    pub(crate) async fn store(&self, key: &str, value: &[u8]) -> Result<(), StorageError> {
        key::check(key)?;
        match self {
            Self::Folder(folder) => {
                let value = value.to_vec();
                Folder::run(folder, key, move |folder, key| folder.store(key, &value)).await
            }
            Self::Ruby(ruby) => ruby.store(key, value).await,
        }
    }

    /// Removes the value at `key`, if there is one.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), StorageError> {
        key::check(key)?;
        match self {
            Self::Folder(folder) => Folder::run(folder, key, Folder::delete).await,
            Self::Ruby(ruby) => ruby.delete(key).await,
        }
    }

    /// The keys that begin with `prefix`, which ends with `/`, in any order.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<String>, StorageError> {
        key::check(prefix.strip_suffix('/').unwrap_or(prefix))?;
        match self {
            Self::Folder(folder) => Folder::run(folder, prefix, Folder::list).await,
            Self::Ruby(ruby) => ruby.list(prefix).await,
        }
    }

    /// Takes the lock `key`, without waiting. `None` if somebody holds it, in this process or another.
    pub(crate) async fn lock(&self, key: &str) -> Result<Option<StorageLock>, StorageError> {
        key::check(key)?;
        match self {
            Self::Folder(folder) => Ok(Folder::run(folder, key, Folder::lock).await?.map(StorageLock::Folder)),
            Self::Ruby(ruby) => Ok(ruby.lock(key).await?.map(StorageLock::Ruby)),
        }
    }
}

impl fmt::Display for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "{}", folder.path().display()),
            Self::Ruby(ruby) => write!(f, "{ruby}"),
        }
    }
}

#[cfg(test)]
mod tests;

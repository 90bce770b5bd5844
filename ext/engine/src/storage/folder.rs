//! A folder as storage: each value is a file, which only its owner can read.

mod lock;
mod place;
mod trouble;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use super::StorageError;
use crate::clock::time_of_day;
use crate::files;
pub(crate) use lock::FolderLock;

/// Age from which on a temporary file is one that a process left behind when it ended within a write.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);
/// End of the names of temporary files, which begin with a dot.
const TEMPORARY: &str = ".tmp";
/// Largest value, in bytes: far more than a chain of certificates has. A file of another kind is not read into memory.
const LARGEST: u64 = 1 << 20;

/// A folder with values.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Whether folders above it are made too.
    is_default: bool,
    /// Whether remains of ended processes were removed.
    is_swept: AtomicBool,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), is_default: false, is_swept: AtomicBool::new(false) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs work with files on a thread that may wait.
    pub(super) async fn run<T: Send + 'static>(
        folder: &Arc<Self>,
        key: &str,
        work: impl FnOnce(&Self, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (own, key) = (Arc::clone(folder), key.to_owned());
        let done = tokio::task::spawn_blocking(move || work(&own, &key).map_err(|error| own.trouble(&error))).await;
        done.unwrap_or_else(|error| Err(StorageError(format!("storage {}: {error}", folder.path.display()))))
    }

    pub(super) fn load(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        match files::read_at_most(self.path.join(key), LARGEST) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a temporary file, then gives it the name of the key: a reader, or a process that starts after a crash,
    /// sees the old value or the new one, whole.
    pub(super) fn store(&self, key: &str, value: &[u8]) -> io::Result<()> {
        let path = self.path.join(key);
        let parent = path.parent().unwrap_or(&self.path);
        self.make(parent)?;
        if !self.is_swept.swap(true, Relaxed) {
            sweep(&self.path);
        }
        let temporary = Temporary::new(parent);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary.0)?;
        file.write_all(value)?;
        file.sync_all()?;
        fs::rename(&temporary.0, &path)?;
        // The new name is on the disk, too.
        File::open(parent)?.sync_all()
    }

    pub(super) fn delete(&self, key: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(key)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    pub(super) fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut keys = Vec::new();
        let mut folders = vec![prefix.trim_end_matches('/').to_owned()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(self.path.join(&folder)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                // Other names cannot be keys.
                let Ok(name) = entry.file_name().into_string() else { continue };
                let key = format!("{folder}/{name}");
                if super::key::check(&key).is_err() {
                    continue;
                }
                match entry.file_type()?.is_dir() {
                    true => folders.push(key),
                    false => keys.push(key),
                }
            }
        }
        Ok(keys)
    }

    /// Makes the folder for a value. Those above a folder that was written are not made: if they are not there, a
    /// volume is missing, or the path has a typing error.
    fn make(&self, parent: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.mode(0o700).recursive(true);
        if !self.is_default && !self.path.exists() {
            match DirBuilder::new().mode(0o700).create(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made?,
            }
        }
        builder.create(parent)
    }
}

/// A file that is not a value yet. It is removed if it never becomes one.
struct Temporary(PathBuf);

impl Temporary {
    fn new(parent: &Path) -> Self {
        // Processes in two containers may have one number, but not one random number.
        Self(parent.join(format!(".{:016x}{TEMPORARY}", fastrand::u64(..))))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It has another name by now, or was never made; what cannot be removed is swept later.
        let _ = fs::remove_file(&self.0);
    }
}

/// Removes temporary files of processes that have ended within a write. What cannot be removed stays.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(facts) = entry.metadata() else { continue };
        if facts.is_dir() {
            sweep(&entry.path());
            continue;
        }
        let name = entry.file_name();
        let is_temporary = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(TEMPORARY));
        let age = facts.modified().ok().and_then(|then| time_of_day().duration_since(then).ok());
        if is_temporary && age.is_some_and(|age| age > LEFT_BEHIND) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;

//! Locks between processes: a file with an advisory lock, which the system gives back when its process ends.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use super::Folder;
use crate::fork::OnItsWay;

/// A locked file. It is removed and unlocked when this is dropped.
#[derive(Debug)]
pub(crate) struct FolderLock {
    path: PathBuf,
    /// A child of a fork closes the file. Otherwise it would hold the lock for as long as it lives. Dropped before the
    /// file, whose number is free after that.
    _closed_by_children: OnItsWay,
    file: Flock<File>,
}

impl Folder {
    /// Locks the file of a key. The lock belongs to one opening of the file: it keeps out other threads, too.
    pub(in crate::storage) fn lock(&self, key: &str) -> io::Result<Option<FolderLock>> {
        let path = self.path.join(key);
        self.make(path.parent().unwrap_or(&self.path))?;
        loop {
            let file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            let closed_by_children = OnItsWay::new(&file);
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, Errno::EINTR)) => continue,
                Err((_, error)) => return Err(error.into()),
            };
            // Whoever held the lock before has removed the file, after it was opened here.
            if !is_at(&file, &path) {
                continue;
            }
            return Ok(Some(FolderLock { path, _closed_by_children: closed_by_children, file }));
        }
    }
}

/// Whether the path still names this file.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(own), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Removed while it is locked, so that nobody can lock a file that is about to vanish.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

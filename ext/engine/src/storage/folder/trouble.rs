//! What went wrong with a folder, and what to do.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{geteuid, Uid, User};

use super::Folder;
use crate::storage::StorageError;

impl Folder {
    /// The text for an error of the system.
    pub(super) fn trouble(&self, error: &io::Error) -> StorageError {
        let what = match error.kind() {
            ErrorKind::NotFound => self.missing(),
            ErrorKind::ReadOnlyFilesystem => {
                "is on a file system that is read-only: mount it so that it can be written, or write storage: with \
                 another folder"
                    .into()
            }
            ErrorKind::StorageFull => "is on a file system that is full: make room there".into(),
            ErrorKind::QuotaExceeded => "has used up the quota of its owner: make room there, or raise it".into(),
            ErrorKind::PermissionDenied => self.forbidden(),
            ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
                format!("has a file where a folder belongs, or a folder where a file does ({error}): move it away")
            }
            ErrorKind::Unsupported => {
                format!("is on a file system without locks ({error}): write storage: with a folder elsewhere")
            }
            _ => format!("cannot be used: {error}"),
        };
        StorageError(format!("storage {} {what}", self.path.display()))
    }

    fn missing(&self) -> String {
        let below = self.path.ancestors().skip(1).take_while(|path| !path.exists()).last();
        let missing = below.or(self.path.parent()).unwrap_or(Path::new("/"));
        format!("cannot be made, since {} does not exist: mount its volume, or make that folder", missing.display())
    }

    fn forbidden(&self) -> String {
        let own = name(geteuid());
        let first = self.nearest().unwrap_or(&self.path);
        match fs::metadata(first) {
            Ok(facts) if facts.uid() != geteuid().as_raw() => {
                let owner = name(Uid::from_raw(facts.uid()));
                let path = first.display();
                format!(
                    "cannot be used: {path} belongs to {owner}, and this process runs as {own}: chown -R {own} {path}, \
                     or write storage: with another folder"
                )
            }
            _ => format!(
                "cannot be used by {own}: chmod -R u+rwX {}, or write storage: with another folder",
                first.display()
            ),
        }
    }
}

/// The name of a user, or its number.
fn name(user: Uid) -> String {
    User::from_uid(user).ok().flatten().map_or_else(|| user.to_string(), |user| user.name)
}

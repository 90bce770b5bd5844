//! Where the folder is, and whether it lasts.

use std::env;
use std::path::{Path, PathBuf};

use nix::unistd::{access, geteuid, AccessFlags, User};

use super::Folder;
use crate::compile::Report;
use crate::storage::StorageError;

/// The folder for root.
const OF_ROOT: &str = "/var/lib/proxy/acme";
/// The folder of another user, below the one for such data.
const OF_USER: &str = "proxy/acme";

impl Folder {
    /// The folder that is used if none is written.
    pub(in crate::storage) fn default(report: &mut Report<'_>) -> Option<Self> {
        let Some(path) = default_path() else {
            report.error("this user has no home folder to keep certificates in: write storage: \"/path/of/a/folder\"");
            return None;
        };
        let folder = Self { is_default: true, ..Self::new(&path) };
        folder.warn(report);
        Some(folder)
    }

    /// The folder that is written.
    pub(in crate::storage) fn written(path: &str, report: &mut Report<'_>) -> Option<Self> {
        if !path.starts_with('/') {
            report.error(format!("{path:?} is not an absolute path: write one, such as \"{OF_ROOT}\""));
            return None;
        }
        let folder = Self::new(Path::new(path));
        if folder.path.exists() && !folder.path.is_dir() {
            report.error(format!("{path:?} is a file: write the path of a folder"));
            return None;
        }
        folder.warn(report);
        Some(folder)
    }

    /// Warns of a folder that nothing can be written to. The server starts all the same, since it has other work.
    fn warn(&self, report: &mut Report<'_>) {
        report.warnings(self.unwritable().map(|trouble| trouble.0));
    }

    /// Why nothing can be written, if that can be seen beforehand.
    pub(in crate::storage) fn unwritable(&self) -> Option<StorageError> {
        let nearest = self.nearest()?;
        let is_missing = !self.is_default && nearest != self.path && Some(nearest) != self.path.parent();
        let error = match access(nearest, AccessFlags::W_OK | AccessFlags::X_OK) {
            _ if !nearest.is_dir() => std::io::ErrorKind::NotADirectory.into(),
            _ if is_missing => std::io::ErrorKind::NotFound.into(),
            result => result.err()?.into(),
        };
        Some(self.trouble(&error))
    }

    /// The nearest folder that is there.
    pub(super) fn nearest(&self) -> Option<&Path> {
        self.path.ancestors().find(|path| path.exists())
    }

    /// The kind of its file system, if that forgets all when the container or the machine ends.
    #[cfg(target_os = "linux")]
    pub(in crate::storage) fn in_memory(&self) -> Option<&'static str> {
        use nix::sys::statfs::{statfs, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC};
        match statfs(self.nearest()?).ok()?.filesystem_type() {
            OVERLAYFS_SUPER_MAGIC => Some("overlay"),
            TMPFS_MAGIC => Some("tmpfs"),
            _ => None,
        }
    }

    /// Elsewhere no file system is known to forget.
    #[cfg(not(target_os = "linux"))]
    pub(in crate::storage) fn in_memory(&self) -> Option<&'static str> {
        None
    }
}

/// The XDG base directory for data; that of root is not in its home, which an image or a rescue shell may replace.
fn default_path() -> Option<PathBuf> {
    if geteuid().is_root() {
        return Some(OF_ROOT.into());
    }
    let set = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || set("HOME").or_else(|| User::from_uid(geteuid()).ok().flatten().map(|user| user.dir));
    let data = set("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))?;
    Some(data.join(OF_USER))
}

//! The folder of a disk tier, which several processes may share: a new one begins while an old one still serves.
//!
//! Each has a folder of its own for files that are being written, below `writing`, and holds a lock as long as it
//! lives. What is found without a holder was left behind.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rustix::fs::{flock, FlockOperation};

use super::name::{leaf_path, StoredName};
use crate::fork::OnItsWay;

/// End of the names of locks.
const LOCK: &str = ".lock";

/// The folder.
#[derive(Debug)]
pub(super) struct TierFolder {
    root: PathBuf,
    /// Name of what belongs to this process.
    own: String,
    number: AtomicU64,
    /// Children of a fork would else hold the lock as long as they live. Dropped before the file.
    _closed_by_children: OnItsWay,
    /// Held as long as this lives.
    _lock: File,
}

impl TierFolder {
    /// Makes the folder if it is not there, and takes a place in it.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        make(root)?;
        let writing = root.join("writing");
        make(&writing)?;
        let own = format!("{:016x}", fastrand::u64(..));
        make(&writing.join(&own))?;
        // Nobody may see it before it is locked.
        let (new, lock_path) = (writing.join(format!("{own}.new")), writing.join(format!("{own}{LOCK}")));
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let closed_by_children = OnItsWay::new(&lock);
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(&new, &lock_path)?;
        let number = AtomicU64::new(0);
        Ok(Self { root: root.into(), own, number, _closed_by_children: closed_by_children, _lock: lock })
    }

    /// The path.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn writing(&self) -> PathBuf {
        self.root.join("writing")
    }

    /// A path for a file that is being written.
    pub(super) fn new_path(&self) -> PathBuf {
        let number = self.number.fetch_add(1, Relaxed);
        self.writing().join(&self.own).join(number.to_string())
    }

    /// Makes a file that is being written.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        let create = || OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        match create() {
            // Somebody has emptied the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path.parent().unwrap_or(&self.root))?;
                create()
            }
            created => created,
        }
    }

    /// Gives a whole file its name.
    pub(super) fn name(&self, path: &Path, name: StoredName) -> io::Result<()> {
        let to = name.path(&self.root);
        match fs::rename(path, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(to.parent().unwrap_or(&self.root))?;
                fs::rename(path, &to)
            }
            renamed => renamed,
        }
    }

    /// Opens a file. `None` if it is not there.
    pub(super) fn open_file(&self, name: StoredName, write: bool) -> io::Result<Option<File>> {
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
        match OpenOptions::new().read(true).write(write).custom_flags(flags).open(name.path(&self.root)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Removes a file. What is not there is removed already.
    pub(super) fn remove(&self, name: StoredName) -> io::Result<()> {
        match fs::remove_file(name.path(&self.root)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// The folders for files that are there.
    pub(super) fn leaves(&self) -> Vec<u16> {
        let numbers = |path: &Path, digits: usize| {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            let names = entries.filter_map(move |entry| {
                let name = entry.file_name();
                let name = name.to_str().filter(|name| name.len() == digits)?;
                u16::from_str_radix(name, 16).ok()
            });
            names.collect::<Vec<_>>()
        };
        let branches = numbers(&self.root, 1).into_iter();
        branches
            .flat_map(|branch| {
                let path = self.root.join(format!("{branch:x}"));
                numbers(&path, 2).into_iter().map(move |leaf| branch << 8 | leaf)
            })
            .collect()
    }

    /// The names of the files in one of the folders.
    pub(super) fn names_in(&self, leaf: u16) -> Vec<StoredName> {
        let Ok(entries) = fs::read_dir(leaf_path(&self.root, leaf)) else { return Vec::new() };
        let names = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        let names = names.filter_map(|entry| StoredName::read(&entry.file_name()));
        names.filter(|name| super::name::leaf(name.key) == leaf).collect()
    }

    /// Removes what ended processes have left behind, and returns the number of others that are alive.
    pub(super) fn others(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.writing()) else { return 0 };
        let mut alive = 0;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(LOCK)) else { continue };
            if id == self.own || id.len() != 16 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            let Ok(lock) = File::open(entry.path()) else { continue };
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                alive += 1;
                continue;
            }
            self.sweep(&self.writing().join(id));
            let _ = fs::remove_file(entry.path());
        }
        alive
    }

    /// Removes files that were being written, and their folder.
    fn sweep(&self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let own = entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
            if own {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_dir(folder);
    }
}

impl Drop for TierFolder {
    fn drop(&mut self) {
        self.sweep(&self.writing().join(&self.own));
        let _ = fs::remove_file(self.writing().join(format!("{}{LOCK}", self.own)));
    }
}

/// Makes a folder that only its owner can read, unless it is there.
fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).recursive(true).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(io::ErrorKind::NotADirectory.into()),
        made => made,
    }
}

/// Why files cannot be kept at a path, as far as that can be seen without making anything there.
pub(super) fn trouble(path: &Path) -> Option<io::Error> {
    let Some(nearest) = path.ancestors().find(|path| path.exists()) else {
        return Some(io::ErrorKind::NotFound.into());
    };
    if !nearest.is_dir() {
        return Some(io::ErrorKind::NotADirectory.into());
    }
    let wanted = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(nearest, wanted).err().map(io::Error::from)
}

/// The path without links, as far as it is there.
pub(super) fn settled(path: &Path) -> PathBuf {
    for nearest in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (nearest.canonicalize(), path.strip_prefix(nearest)) {
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_is_removed_and_what_the_living_write_is_not() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("made/here");
        let first = TierFolder::open(&root).expect("a folder");
        let second = TierFolder::open(&root).expect("a second one");
        let written = [first.new_path(), second.new_path()];
        first.create(&written[0]).expect("a file");
        second.create(&written[1]).expect("a file");
        fs::write(root.join("writing/notes.txt"), "foreign").expect("a file");
        assert_eq!((first.others(), second.others()), (1, 1));
        assert!(written.iter().all(|path| path.exists()));
        // As if the process had been killed: its lock is gone, and nothing else.
        let own = second.own.clone();
        let dead = root.join("writing").join("0123456789abcdef");
        fs::create_dir(&dead).expect("a folder");
        fs::write(dead.join("0"), "left behind").expect("a file");
        fs::write(root.join("writing/0123456789abcdef.lock"), "").expect("a file");
        assert_eq!(first.others(), 1);
        assert!(!dead.exists() && written[1].exists());
        drop(second);
        assert!(!root.join("writing").join(own).exists());
        assert_eq!(first.others(), 0);
        assert!(root.join("writing/notes.txt").exists() && written[0].exists());
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).expect("it").permissions().mode() & 0o777;
        assert_eq!((mode(&root), mode(&written[0])), (0o700, 0o600));
    }

    #[test]
    fn trouble_is_seen_before_anything_is_made() {
        let place = tempfile::tempdir().expect("a folder");
        assert!(trouble(&place.path().join("a/b")).is_none());
        fs::write(place.path().join("file"), "").expect("a file");
        assert!(trouble(&place.path().join("file/b")).is_some());
        assert!(!place.path().join("a").exists());
        let real = place.path().canonicalize().expect("a path");
        std::os::unix::fs::symlink(place.path(), place.path().join("link")).expect("a link");
        assert_eq!(settled(&place.path().join("link/x/y")), real.join("x/y"));
    }
}

//! A folder whose files are served.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rustix::fs::{fstat, Dev, FileType};

use super::open;
use super::speed::Speed;
use super::OpenFile;
use crate::disk_threads::DiskThreads;

/// What becomes of symbolic links inside of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    /// They are followed, wherever they lead.
    Follow,
    /// They are followed if they lead to a place inside of the folder.
    Inside,
    /// There are none, as far as clients can see.
    Refuse,
}

/// What stands at a name.
#[derive(Debug)]
pub(crate) enum AtName {
    File(OpenFile),
    Folder,
    /// A pipe, a socket or a device.
    Other,
}

/// A folder whose files are served. It is found by its path for each file, so that a link which a deployment turns to
/// another release takes effect at once.
#[derive(Debug)]
pub(crate) struct ServedFolder {
    path: PathBuf,
    links: Links,
    /// Number of its file system, and that one's speed, when the configuration was loaded.
    device: Dev,
    speed: Speed,
    /// Whether a link has led to a slow file system: from then on no file is opened on an engine thread.
    leads_far: AtomicBool,
    threads: DiskThreads,
}

impl ServedFolder {
    /// The folder at an absolute path.
    pub(crate) fn new(path: &Path, links: Links) -> io::Result<Self> {
        let folder = File::open(path)?;
        let facts = fstat(&folder)?;
        if FileType::from_raw_mode(facts.st_mode) != FileType::Directory {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let speed = Speed::of(&folder)?;
        let leads_far = AtomicBool::new(false);
        Ok(Self { path: path.into(), links, device: facts.st_dev, speed, leads_far, threads: DiskThreads::default() })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The threads on which it may be waited for.
    pub(crate) fn threads(&self) -> &DiskThreads {
        &self.threads
    }

    /// Opens what stands at `name`, parts separated by slashes, none of them `..`. Unless `may_wait`, this fails with
    /// `WouldBlock` if the answer is not in memory.
    pub(crate) fn open(&self, name: &[u8], may_wait: bool) -> io::Result<AtName> {
        if !may_wait && (self.speed == Speed::Remote || self.leads_far.load(Relaxed)) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let name = OsStr::from_bytes(if name.is_empty() { b"." } else { name });
        let file = match open::inside(&self.path, name.as_ref(), self.links, open::READ, may_wait) {
            Ok(file) => File::from(file),
            // The names in a folder may be open to us though the folder is not.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return match open::inside(&self.path, name.as_ref(), self.links, open::FOLDER, may_wait) {
                    Ok(_) => Ok(AtName::Folder),
                    Err(blocks) if blocks.kind() == io::ErrorKind::WouldBlock => Err(blocks),
                    Err(_) => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let facts = fstat(&file)?;
        match FileType::from_raw_mode(facts.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Ok(AtName::Folder),
            _ => return Ok(AtName::Other),
        }
        let speed = match facts.st_dev == self.device {
            true => self.speed,
            false => Speed::of(&file)?,
        };
        if speed == Speed::Remote {
            self.leads_far.store(true, Relaxed);
        }
        Ok(AtName::File(OpenFile::new(file, &facts, speed, self.threads.clone())))
    }
}

/// Whether an error means that there is nothing at a name, or nothing that may be served: a link that leads out, a
/// folder that is none.
pub(crate) fn is_absence(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(
        errno,
        Some(
            Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP | Errno::XDEV | Errno::NXIO | Errno::INVAL
        )
    )
}

/// Whether an error means that a link leads out of the folder.
pub(crate) fn leads_out(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::XDEV.raw_os_error())
}

//! Opening a file inside of a folder.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{openat, Mode, OFlags, CWD};
use rustix::io::Errno;

use super::Links;

/// A pipe without a writer must not hold the thread, and a terminal must not become ours.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
#[cfg(target_os = "linux")]
pub(super) const FOLDER: OFlags = OFlags::PATH.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);
#[cfg(not(target_os = "linux"))]
pub(super) const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);

/// Opens `name` inside of `folder`, with the flags `how`.
pub(super) fn inside(folder: &Path, name: &Path, links: Links, how: OFlags, may_wait: bool) -> io::Result<OwnedFd> {
    debug_assert!(name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)));
    #[cfg(target_os = "linux")]
    if let Some(opened) = linux::inside(folder, name, links, how, may_wait) {
        return opened;
    }
    if !may_wait {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    match links {
        Links::Follow => Ok(openat(CWD, folder.join(name), how, Mode::empty())?),
        Links::Inside => resolved(folder, name, how),
        Links::Refuse => part_by_part(folder, name, how),
    }
}

/// Opens a file whose links are followed first. Between both steps somebody may put a link in its place, so the second
/// step follows none.
fn resolved(folder: &Path, name: &Path, how: OFlags) -> io::Result<OwnedFd> {
    let folder = folder.canonicalize()?;
    let file = folder.join(name).canonicalize()?;
    match file.strip_prefix(&folder) {
        Ok(name) if name.as_os_str().is_empty() => part_by_part(&folder, Path::new("."), how),
        Ok(name) => part_by_part(&folder, name, how),
        Err(_) => Err(Errno::XDEV.into()),
    }
}

/// Opens a file, and each folder before it, without following a link below `folder`.
fn part_by_part(folder: &Path, name: &Path, how: OFlags) -> io::Result<OwnedFd> {
    let mut place = openat(CWD, folder, FOLDER, Mode::empty())?;
    let mut parts = name.components().peekable();
    while let Some(part) = parts.next() {
        let flags = if parts.peek().is_some() { FOLDER } else { how };
        place = openat(&place, part.as_os_str(), flags | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(place)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::ffi::CStr;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use rustix::fs::{openat2, ResolveFlags};

    use super::*;

    /// Whether the system lacks openat2, which is of Linux 5.6, or its flag for names in memory, of 5.12. Some
    /// sandboxes forbid the call.
    static LACKING: AtomicBool = AtomicBool::new(false);
    /// Attempts while others rename folders.
    const ATTEMPTS: usize = 8;

    /// Opens `name` inside of `folder`. `None` if the system cannot do it in one step.
    pub(super) fn inside(
        folder: &Path,
        name: &Path,
        links: Links,
        how: OFlags,
        may_wait: bool,
    ) -> Option<io::Result<OwnedFd>> {
        if LACKING.load(Relaxed) {
            return None;
        }
        let cached = if may_wait { ResolveFlags::empty() } else { ResolveFlags::CACHED };
        let opened = match links {
            Links::Follow => anywhere(folder, name, how, cached | ResolveFlags::NO_MAGICLINKS),
            Links::Inside => beneath(folder, name, how, cached | ResolveFlags::NO_MAGICLINKS),
            Links::Refuse => beneath(folder, name, how, cached | ResolveFlags::NO_SYMLINKS),
        };
        match opened {
            Ok(file) => Some(Ok(file)),
            Err(error) if means_lack(error) && is_lacking() => {
                LACKING.store(true, Relaxed);
                None
            }
            // An absolute link may lead inside too, which the system does not find out.
            Err(Errno::XDEV) if links == Links::Inside => Some(match may_wait {
                true => resolved(folder, name, how),
                false => Err(io::ErrorKind::WouldBlock.into()),
            }),
            Err(error) => Some(Err(error.into())),
        }
    }

    /// Whether an error may mean that the system lacks the call. A file system may refuse a file in the same words.
    fn means_lack(error: Errno) -> bool {
        matches!(error, Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::TOOBIG)
    }

    /// Whether the system lacks the call for what can always be opened.
    fn is_lacking() -> bool {
        openat2(CWD, "/", FOLDER, Mode::empty(), ResolveFlags::CACHED).is_err_and(means_lack)
    }

    /// Opens a file wherever links of its name lead. The name is relative, and so it can be put behind the folder as it
    /// is.
    fn anywhere(folder: &Path, name: &Path, how: OFlags, resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
        let (folder, name) = (folder.as_os_str().as_bytes(), name.as_os_str().as_bytes());
        let length = folder.len() + 1 + name.len();
        // Most paths need no allocation.
        let (mut short, mut long) = ([0; 256], Vec::new());
        let path = match short.get_mut(..=length) {
            Some(path) => path,
            None => {
                long.resize(length + 1, 0);
                &mut long[..]
            }
        };
        path[..folder.len()].copy_from_slice(folder);
        path[folder.len()] = b'/';
        path[folder.len() + 1..length].copy_from_slice(name);
        let path = CStr::from_bytes_with_nul(path).map_err(|_| Errno::INVAL)?;
        if cfg!(feature = "valgrind") {
            return openat(CWD, path, how, Mode::empty());
        }
        openat2(CWD, path, how, Mode::empty(), resolve)
    }

    fn beneath(folder: &Path, name: &Path, how: OFlags, resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
        let cached = resolve & ResolveFlags::CACHED;
        let folder = openat2(CWD, folder, FOLDER, Mode::empty(), cached)?;
        let mut opened = Err(Errno::AGAIN);
        for _ in 0..ATTEMPTS {
            opened = openat2(&folder, name, how, Mode::empty(), resolve | ResolveFlags::BENEATH);
            if !matches!(opened, Err(Errno::AGAIN)) || !cached.is_empty() {
                break;
            }
        }
        opened
    }
}

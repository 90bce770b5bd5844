//! The file with the state of run time: it is written whole or not at all, and by one process at a time.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use super::{RuntimeState, SCHEMA};
use crate::compile::Report;
use crate::config::{Problem, Setting};
use crate::files;
use crate::fork::OnItsWay;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 16 << 20;

/// Why there is nothing to read.
#[derive(Debug)]
pub(crate) enum NoState {
    /// There is no file yet.
    Missing,
    /// The system does not let it be read.
    Failed(io::Error),
    /// It is none of this version, and why.
    Foreign(String),
}

/// Checks the directive `state`.
pub(crate) fn compile(written: Option<&Setting<String>>, problems: &mut Vec<Problem>) -> Option<PathBuf> {
    let Setting { value, at } = written?;
    let path = Path::new(value);
    let mut report = Report::new("state", at.as_ref(), problems);
    if path.file_name().is_none() || is_other(path) {
        report.error(format!("{value:?} is no file: write one, such as \"tmp/proxy.state\""));
        return None;
    }
    Some(path.to_owned())
}

/// Whether something else than a file stands at a path: it must not be replaced.
fn is_other(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| !there.is_file())
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<RuntimeState, NoState> {
    let bytes = match files::read_at_most(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(NoState::Missing),
        Err(error) if error.kind() == ErrorKind::InvalidData => return Err(NoState::Foreign(error.to_string())),
        Err(error) => return Err(NoState::Failed(error)),
    };
    let version = serde_json::from_slice::<serde_json::Value>(&bytes)
        .map_err(|error| NoState::Foreign(format!("it is no JSON: {error}")))?
        .get("schema")
        .and_then(serde_json::Value::as_u64);
    match version {
        Some(version) if version == u64::from(SCHEMA) => {}
        Some(version) if version > u64::from(SCHEMA) => {
            return Err(NoState::Foreign(format!("a later version of proxy has written it (schema {version})")))
        }
        _ => return Err(NoState::Foreign("it is no state of a proxy".into())),
    }
    serde_json::from_slice(&bytes).map_err(|error| NoState::Foreign(error.to_string()))
}

/// Gives the file another name, under which it stays for a person to look at. The new path.
pub(crate) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = beside(path, "broken");
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// Writes a temporary file, then gives it its name: a reader, or a process that starts after a crash, sees the old
/// state or the new one, whole. The caller holds the lock.
pub(crate) fn write(path: &Path, state: &RuntimeState) -> io::Result<()> {
    if is_other(path) {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it is no file"));
    }
    let mut text = serde_json::to_vec_pretty(state)?;
    text.push(b'\n');
    let temporary = beside(path, "new");
    // One that a killed process has left behind.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write_new(&temporary, &text).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written?;
    // The new name is on the disk, too.
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// The path with another ending: `tmp/proxy.state.lock`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

/// The right to write the file, which one process has. The system gives it back when the process ends.
#[derive(Debug)]
pub(crate) struct StateLock {
    path: PathBuf,
    /// A child of a fork closes the file. Otherwise it would hold the lock for as long as it lives. Dropped before the
    /// file, whose number is free after that.
    _closed_by_children: OnItsWay,
    file: Flock<File>,
}

impl StateLock {
    /// Takes the lock of the file at `path`. The error has the number of the process that holds it, if it is known.
    pub(crate) fn take(path: &Path) -> io::Result<Result<Self, Option<u32>>> {
        let path = beside(path, "lock");
        loop {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false).mode(0o600);
            options.custom_flags(OFlag::O_NOFOLLOW.bits() | OFlag::O_NONBLOCK.bits());
            let (file, closed_by_children) = OnItsWay::open(|| options.open(&path))?;
            let file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    let mut text = String::new();
                    let read = (&mut file).take(32).read_to_string(&mut text);
                    return Ok(Err(read.ok().and_then(|_| text.trim().parse().ok())));
                }
                Err((_, Errno::EINTR)) => continue,
                Err((_, error)) => return Err(error.into()),
            };
            // Whoever held the lock before has removed the file, after it was opened here.
            if !is_at(&file, &path) {
                continue;
            }
            // Only for the message of the next process.
            let _ = file.set_len(0).and_then(|()| writeln!(&*file, "{}", std::process::id()));
            return Ok(Ok(Self { path, _closed_by_children: closed_by_children, file }));
        }
    }
}

/// Whether the path still names this file.
fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(own), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}

impl Drop for StateLock {
    fn drop(&mut self) {
        // Removed while it is locked, so that nobody can lock a file that is about to vanish.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;

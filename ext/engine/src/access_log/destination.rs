//! Where the lines of an access log go.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::queue::Output;
use super::syslog::{Syslog, SyslogAddress};
use crate::compile::{Purpose, Report};

/// Where the lines go. The thread of a log is carried over to a log with an equal destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Stdout,
    File(PathBuf),
    Syslog(SyslogAddress),
    /// A Ruby block.
    Block,
}

impl Destination {
    /// Reads a `to`. `None` after a mistake.
    pub(super) fn of(to: Option<&str>, report: &mut Report<'_>) -> Option<Self> {
        match to {
            None => Some(Self::Stdout),
            Some(to) => match to.strip_prefix("syslog:") {
                Some(address) => report.ok(SyslogAddress::parse(address)).map(Self::Syslog),
                None => Some(Self::File(to.into())),
            },
        }
    }

    /// Opens the destination. `None` after a mistake, and for a block.
    pub(super) fn open(&self, purpose: Purpose, report: &mut Report<'_>) -> Option<Output> {
        match self {
            Self::Stdout => Some(Output::Stdout),
            Self::Syslog(address) => {
                let (syslog, reached) = Syslog::connect(address.clone());
                if let Err(error) = reached {
                    report.warning(format!(
                        "{address} is not there ({error}): its lines are lost until it is, start the syslog daemon"
                    ));
                }
                Some(Output::Syslog(syslog))
            }
            Self::File(path) => match open_for(path, purpose) {
                Ok(file) => Some(Output::File(file)),
                Err(error) => {
                    report.error(cannot_append(path, &error));
                    None
                }
            },
            Self::Block => None,
        }
    }

    /// Opens the destination once more, after a rotation. `None` if there is nothing to open.
    pub(super) fn reopen(&self) -> Result<Option<Output>, String> {
        match self {
            Self::File(path) => {
                open(path).map(|file| Some(Output::File(file))).map_err(|error| cannot_append(path, &error))
            }
            Self::Stdout | Self::Syslog(_) | Self::Block => Ok(None),
        }
    }
}

fn open_for(path: &Path, purpose: Purpose) -> io::Result<File> {
    if purpose == Purpose::Check {
        match OpenOptions::new().append(true).create_new(true).open(path) {
            Ok(file) => {
                let _ = std::fs::remove_file(path);
                return Ok(file);
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
        }
    }
    open(path)
}

/// Opens a file to append to. A pipe is opened for reading too, so that opening does not wait for its reader: the
/// reader may come and go, and nothing is lost until the pipe is full.
fn open(path: &Path) -> io::Result<File> {
    let is_pipe = std::fs::metadata(path).is_ok_and(|kind| kind.file_type().is_fifo());
    OpenOptions::new().read(is_pipe).append(true).create(true).open(path)
}

fn cannot_append(path: &Path, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::NotFound => "create its folder first",
        io::ErrorKind::PermissionDenied => "let the user that runs the proxy write there",
        _ => "write the path of a file, or leave to: out for standard output",
    };
    format!("cannot append to {path:?} ({error}): {remedy}")
}

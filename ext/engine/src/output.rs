//! Standard output and standard error as a running server writes them: from threads of their own, and whatever becomes
//! of them.
//!
//! What is printed can fail or block at any time: the disk is full, the reader of a pipe has gone or stands still, a
//! terminal is stopped. None of that may be noticed by who is served.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg};
use nix::sys::signal::{SigSet, Signal};

/// How long a writer waits that was told "not now" by a descriptor which somebody has made non-blocking.
const NOT_NOW: Duration = Duration::from_millis(10);

/// A standard descriptor, written to without the standard library's lock and buffer: whoever is stuck in a write would
/// hold that lock, and a child of `fork` would inherit it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Standard {
    Out,
    Err,
}

impl Write for Standard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = |fd: BorrowedFd<'_>| loop {
            match nix::unistd::write(fd, bytes) {
                Err(Errno::EAGAIN) => std::thread::sleep(NOT_NOW),
                result => break Ok(result?),
            }
        };
        match self {
            Self::Out => write(io::stdout().as_fd()),
            Self::Err => write(io::stderr().as_fd()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens the standard descriptors that are closed on `/dev/null`, before a socket can get such a number and whatever is
/// printed goes to a client.
pub(crate) fn open_standard_descriptors() {
    let is_closed = |fd: BorrowedFd<'_>| fcntl(fd, FcntlArg::F_GETFD) == Err(Errno::EBADF);
    // In this order: the system gives the lowest number that is free.
    while is_closed(io::stdin().as_fd()) || is_closed(io::stdout().as_fd()) || is_closed(io::stderr().as_fd()) {
        match OpenOptions::new().read(true).write(true).open("/dev/null") {
            Ok(null) => drop(null.into_raw_fd()),
            Err(_) => return,
        }
    }
}

/// Keeps SIGPIPE from ending the process because of a write of this thread and of those that it starts. Not every write
/// to a socket can be told to do without that signal (`writev` cannot), a write to a pipe never can, and what the
/// program does about the signal is its own affair. To be called first in every thread of the engine.
pub fn block_sigpipe() {
    let mut set = SigSet::empty();
    set.add(Signal::SIGPIPE);
    let _ = set.thread_block();
}

#[cfg(test)]
mod tests;

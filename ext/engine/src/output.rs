//! Standard output and standard error of a running server. Separate threads write to them, so a failure cannot hold up
//! requests.
//!
//! Output can fail or block at any time: the disk is full, the reader of a pipe is gone or stalled, a terminal is
//! stopped. Clients must not notice any of that.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{fcntl, FcntlArg};
use nix::sys::signal::{SigSet, Signal};

/// Pause of a writer after EAGAIN, which occurs if another program has made the descriptor non-blocking.
const NOT_NOW: Duration = Duration::from_millis(10);

/// A standard descriptor, written to without the standard library's lock and buffer. A thread that is stuck in a write
/// would hold that lock, and a child of `fork` would inherit it.
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

/// Lines that could not be written, and why.
#[derive(Debug)]
pub(crate) struct LostLines {
    pub(crate) count: u64,
    pub(crate) why: io::Error,
}

/// Writes whole lines to what may be full for a while.
#[derive(Debug, Default)]
pub(crate) struct LineWriter {
    /// Whether the last write was cut off within a line. What follows must not be taken for its end.
    is_torn: bool,
}

impl LineWriter {
    /// Writes lines. Those that were not written whole are lost.
    pub(crate) fn write(&mut self, out: &mut (impl Write + ?Sized), lines: &[u8]) -> Result<(), LostLines> {
        let lost = |rest: &[u8], why| LostLines { count: memchr::memchr_iter(b'\n', rest).count() as u64, why };
        if self.is_torn {
            out.write_all(b"\n").map_err(|why| lost(lines, why))?;
            self.is_torn = false;
        }
        let mut rest = lines;
        while !rest.is_empty() {
            let error = match out.write(rest) {
                Ok(0) => io::ErrorKind::WriteZero.into(),
                Ok(written) => {
                    self.is_torn = rest[written - 1] != b'\n';
                    rest = &rest[written..];
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            return Err(lost(rest, error));
        }
        Ok(())
    }
}

/// Opens closed standard descriptors on `/dev/null`. Otherwise a socket could get such a number, and a client would
/// receive the program's output.
pub(crate) fn open_standard_descriptors() {
    let is_closed = |fd: BorrowedFd<'_>| fcntl(fd, FcntlArg::F_GETFD) == Err(Errno::EBADF);
    // In this order, because the system gives out the lowest free number.
    while is_closed(io::stdin().as_fd()) || is_closed(io::stdout().as_fd()) || is_closed(io::stderr().as_fd()) {
        match OpenOptions::new().read(true).write(true).open("/dev/null") {
            Ok(null) => drop(null.into_raw_fd()),
            Err(_) => return,
        }
    }
}

/// Blocks SIGPIPE in this thread and in the threads that it starts, so that a failed write does not end the process.
/// Not every write to a socket can suppress the signal (`writev` cannot), a write to a pipe never can, and the
/// process-wide handling of the signal belongs to the program. Must be called first in every thread of the engine.
pub fn block_sigpipe() {
    let mut set = SigSet::empty();
    set.add(Signal::SIGPIPE);
    let _ = set.thread_block();
}

#[cfg(test)]
mod tests;

//! Bytes that the system keeps for a peer that has not taken them.
//!
//! The system says that a socket has room again only once a large part of its buffer, which may have megabytes, is
//! free. A peer that reads slowly and steadily looks silent until then.

use std::os::fd::{AsRawFd, BorrowedFd};

use nix::libc::{c_int, ioctl, TIOCOUTQ};

use super::Stream;

impl Stream {
    /// Bytes that were written and that the peer's system has not acknowledged yet (`SIOCOUTQ`, of which `TIOCOUTQ` is
    /// the older name). 0 if the system does not say. One system call.
    pub(crate) fn queued(&self) -> u64 {
        let Some(socket) = self.socket() else { return 0 };
        let mut queued: c_int = 0;
        // SAFETY: the descriptor is open while it is borrowed, and the call writes one `int`, which is `queued`.
        #[allow(unsafe_code)]
        let done = unsafe { ioctl(BorrowedFd::as_raw_fd(&socket), TIOCOUTQ, &mut queued) };
        match done {
            0 => u64::try_from(queued).unwrap_or(0),
            _ => 0,
        }
    }
}

//! Files that the system itself sends as bodies.

#[cfg(target_os = "linux")]
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
#[cfg(target_os = "linux")]
use std::task::{ready, Context, Poll};

use super::Channel;

/// Most bytes of a file that leave in one packet with the head before them, so that the client is woken once: systems
/// send 64 KiB at a time. Before more bytes it is better woken early.
#[cfg(target_os = "linux")]
const TOGETHER: usize = 60 * 1024;

impl Channel {
    /// Whether the system itself can send files as bodies on this channel.
    pub(crate) fn takes_files(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Self::Http1(connection) = self {
            return connection.stream().takes_files();
        }
        false
    }

    /// Sends at most `most` bytes of a file from `offset` on as data of the body, whose length was announced. Returns
    /// how many were taken; 0 at the end of the file.
    #[cfg(target_os = "linux")]
    pub(crate) fn poll_send_file(
        &mut self,
        cx: &mut Context<'_>,
        file: BorrowedFd<'_>,
        offset: u64,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let Self::Http1(connection) = self else { return Poll::Ready(Err(io::ErrorKind::Unsupported.into())) };
        while !connection.is_flushed() {
            if most > TOGETHER {
                ready!(connection.poll_flush(cx))?;
                break;
            }
            match ready!(connection.stream().poll_send_before_file(cx, connection.unsent()))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => connection.note_sent(n),
            }
        }
        if !connection.may_bypass() {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        let sent = ready!(connection.stream().poll_send_file(cx, file, offset, most))?;
        connection.note_bypassed(sent as u64);
        Poll::Ready(Ok(sent))
    }
}

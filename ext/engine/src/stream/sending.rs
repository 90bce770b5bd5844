//! Sending a file, and the head before it, without copying the file through this process.

use std::io;
use std::os::fd::BorrowedFd;
use std::task::{ready, Context, Poll};

use nix::libc::{c_int, MSG_MORE, MSG_NOSIGNAL};
use rustix::fs::sendfile;
use socket2::SockRef;
use tokio::io::Interest;

use super::Stream;

/// Does `work` once the socket takes bytes, and again if it did not take one after all.
macro_rules! when_writable {
    ($cx:expr, $socket:expr, $work:expr) => {
        loop {
            ready!($socket.poll_write_ready($cx))?;
            match $socket.try_io(Interest::WRITABLE, || $work) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return Poll::Ready(done),
            }
        }
    };
}

impl Stream {
    /// Whether the system can send files on this connection: it is a plain socket.
    pub(crate) fn takes_files(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Unix(_) => true,
            Self::Adopted(adopted) => adopted.socket.takes_files(),
            Self::Application(_) | Self::Tls(_) | Self::TlsUnix(_) | Self::Gone(_) => false,
            #[cfg(test)]
            Self::Memory(_) | Self::TlsMemory(_) => false,
        }
    }

    /// Sends bytes that a file follows on a connection that takes files, and returns how many were taken. They leave
    /// together with the first bytes of the file, in one packet.
    pub(crate) fn poll_send_before_file(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        const FLAGS: c_int = MSG_MORE | MSG_NOSIGNAL;
        match self {
            Self::Tcp(socket) => when_writable!(cx, socket, SockRef::from(socket).send_with_flags(bytes, FLAGS)),
            Self::Unix(socket) => when_writable!(cx, socket, SockRef::from(socket).send_with_flags(bytes, FLAGS)),
            Self::Adopted(adopted) => adopted.socket.poll_send_before_file(cx, bytes),
            _ => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Sends at most `most` bytes of a file from `offset` on. Returns how many were taken; 0 at the end of the file.
    pub(crate) fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        file: BorrowedFd<'_>,
        offset: u64,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let mut at = offset;
        match self {
            Self::Tcp(socket) => when_writable!(cx, socket, Ok(sendfile(socket, file, Some(&mut at), most)?)),
            Self::Unix(socket) => when_writable!(cx, socket, Ok(sendfile(socket, file, Some(&mut at), most)?)),
            Self::Adopted(adopted) => adopted.socket.poll_send_file(cx, file, offset, most),
            _ => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}

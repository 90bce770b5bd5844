//! Sending a file without copying it through this process.

use std::io;
use std::os::fd::BorrowedFd;
use std::task::{ready, Context, Poll};

use rustix::fs::sendfile;
use tokio::io::Interest;

use super::Stream;

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

    /// Sends at most `most` bytes of a file from `offset` on. Returns how many were taken; 0 at the end of the file.
    pub(crate) fn poll_send_file(
        &self,
        cx: &mut Context<'_>,
        file: BorrowedFd<'_>,
        offset: u64,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        macro_rules! send {
            ($socket:expr) => {
                loop {
                    ready!($socket.poll_write_ready(cx))?;
                    let sent = $socket.try_io(Interest::WRITABLE, || {
                        let mut offset = offset;
                        Ok(sendfile(&$socket, file, Some(&mut offset), most)?)
                    });
                    match sent {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        sent => return Poll::Ready(sent),
                    }
                }
            };
        }
        match self {
            Self::Tcp(socket) => send!(socket),
            Self::Unix(socket) => send!(socket),
            Self::Adopted(adopted) => adopted.socket.poll_send_file(cx, file, offset, most),
            _ => Poll::Ready(Err(io::ErrorKind::Unsupported.into())),
        }
    }
}

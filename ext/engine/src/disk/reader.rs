//! Reading a file on an engine thread, which must not wait for a disk.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{ready, Context, Poll};

use super::speed::Speed;
use super::OpenFile;
use crate::disk_threads::DiskJob;

/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;
/// Bytes that another thread reads at a time, so that a disk is asked for much at once.
const AHEAD: usize = 256 * 1024;
/// Distance of the places that are asked about before a part of a file counts as being in memory. The system reads at
/// least this much ahead.
#[cfg(target_os = "linux")]
const STEP: u64 = 128 * 1024;
/// Bytes that another thread brings into memory at a time.
#[cfg(target_os = "linux")]
const WARM: u64 = 1024 * 1024;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Room for [`PIECE`] bytes. The readers of a thread use it in turn: it is not allocated and zeroed for each of them.
struct Room(Vec<u8>);

impl Room {
    /// The room of this thread.
    fn of_thread() -> Self {
        let mut room = ROOM.try_with(Cell::take).unwrap_or_default();
        room.resize(PIECE, 0);
        Self(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let room = std::mem::take(&mut self.0);
        let _ = ROOM.try_with(|free| free.set(room));
    }
}

/// A reader of an open file.
#[derive(Debug)]
pub(crate) struct FileReader {
    file: Arc<OpenFile>,
    /// A part of the file that was read and not taken at once, and where it begins.
    piece: Vec<u8>,
    start: u64,
    /// Where the part ends that is in memory, as far as is known.
    warm: u64,
    /// A read by another thread.
    reading: Option<DiskJob<Vec<u8>>>,
    /// Another thread that brings a part of the file into memory, and returns where that part ends.
    #[cfg(target_os = "linux")]
    warming: Option<DiskJob<u64>>,
}

impl FileReader {
    /// A reader of `file`.
    pub(crate) fn new(file: Arc<OpenFile>) -> Self {
        Self {
            file,
            piece: Vec::new(),
            start: 0,
            warm: 0,
            reading: None,
            #[cfg(target_os = "linux")]
            warming: None,
        }
    }

    /// The file.
    pub(crate) fn file(&self) -> &OpenFile {
        &self.file
    }

    /// Gives bytes from `offset` on to `take`, at most `most` and at least one, and returns how many of them it took.
    /// An error if the file has become shorter.
    pub(crate) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        offset: u64,
        most: u64,
        take: impl FnOnce(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let held = self.start..self.start + self.piece.len() as u64;
        if !held.contains(&offset) {
            if self.reading.is_none() {
                let mut room = Room::of_thread();
                match self.file.read_now(&mut room.0[..most.min(PIECE)], offset) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    Ok(n) => return self.pass_on(cx, offset, &room.0[..n], take),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            ready!(self.poll_reading(cx, offset))?;
        }
        let piece = &self.piece[(offset - self.start) as usize..];
        take(cx, &piece[..piece.len().min(most)])
    }

    /// Gives bytes that begin at `offset` to `take`, and keeps those that it does not take.
    fn pass_on(
        &mut self,
        cx: &mut Context<'_>,
        offset: u64,
        bytes: &[u8],
        take: impl FnOnce(&mut Context<'_>, &[u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let taken = take(cx, bytes);
        let n = match &taken {
            Poll::Ready(Ok(n)) => *n,
            Poll::Ready(Err(_)) => bytes.len(),
            Poll::Pending => 0,
        };
        self.piece.clear();
        self.piece.extend_from_slice(bytes.get(n..).unwrap_or_default());
        self.start = offset + n as u64;
        taken
    }

    /// Number of bytes from `offset` on, at most `most` and at least one, that the system has in memory.
    #[cfg(target_os = "linux")]
    pub(crate) fn poll_warm(&mut self, cx: &mut Context<'_>, offset: u64, most: u64) -> Poll<io::Result<u64>> {
        if offset >= self.warm {
            if self.warming.is_none() {
                self.look_ahead(offset, offset + most);
            }
            if offset >= self.warm {
                let file = &self.file;
                let warming = self.warming.get_or_insert_with(|| {
                    let own = Arc::clone(file);
                    file.threads.run(move || own.warm(offset))
                });
                let end = ready!(Pin::new(warming).poll(cx));
                self.warming = None;
                self.warm = end?;
                if offset >= self.warm {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
        Poll::Ready(Ok(most.min(self.warm - offset)))
    }

    /// Asks which part of the file from `offset` to `end` is in memory.
    #[cfg(target_os = "linux")]
    fn look_ahead(&mut self, offset: u64, end: u64) {
        if self.file.speed == Speed::Memory {
            self.warm = end;
            return;
        }
        let mut at = offset;
        while at < end && self.file.read_now(&mut [0], at).is_ok_and(|n| n > 0) {
            self.warm = end.min(at + STEP);
            at += STEP;
        }
        // The last byte of what is to be sent may stand on a page that nobody has read.
        if self.warm == end && self.file.read_now(&mut [0], end - 1).is_err() {
            self.warm = end.saturating_sub(STEP).max(offset);
        }
    }

    /// Waits for another thread that reads from `offset` on.
    fn poll_reading(&mut self, cx: &mut Context<'_>, offset: u64) -> Poll<io::Result<()>> {
        let file = &self.file;
        let reading = self.reading.get_or_insert_with(|| {
            let own = Arc::clone(file);
            file.threads.run(move || {
                let file = own;
                let mut bytes = vec![0; AHEAD.min(usize::try_from(file.length).unwrap_or(AHEAD)).max(1)];
                let n = file.file.read_at(&mut bytes, offset)?;
                bytes.truncate(n);
                #[cfg(target_os = "linux")]
                super::warm::note(file.number, offset..offset + n as u64, file.length);
                Ok(bytes)
            })
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        self.piece = read?;
        self.start = offset;
        Poll::Ready(match self.piece.is_empty() {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(()),
        })
    }
}

impl OpenFile {
    /// Brings a part of the file from `offset` on into memory, and returns where it ends.
    #[cfg(target_os = "linux")]
    fn warm(&self, offset: u64) -> io::Result<u64> {
        let end = self.length.min(offset + WARM);
        let length = std::num::NonZeroU64::new(end.saturating_sub(offset));
        // The disk is asked for all of it at once; then each place is waited for.
        let _ = rustix::fs::fadvise(&self.file, offset, length, rustix::fs::Advice::WillNeed);
        let mut at = offset;
        while at < end && self.file.read_at(&mut [0], at)? > 0 {
            at = end.min(at + STEP);
        }
        if at > offset {
            self.file.read_at(&mut [0], at - 1)?;
            super::warm::note(self.number, offset..at, self.length);
        }
        Ok(at)
    }

    /// Reads what is in memory. `WouldBlock` if the first byte is not, or if the system does not say.
    #[cfg(target_os = "linux")]
    fn read_now(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        use rustix::io::{preadv2, Errno, ReadWriteFlags};
        match self.speed {
            Speed::Memory => self.file.read_at(bytes, offset),
            Speed::Remote => Err(io::ErrorKind::WouldBlock.into()),
            Speed::Disk => {
                let slices = &mut [io::IoSliceMut::new(bytes)];
                match preadv2(&self.file, slices, offset, ReadWriteFlags::NOWAIT) {
                    // Some file systems have no such reads, overlayfs for one.
                    Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                        let end = super::warm::end(self.number, offset).ok_or(io::ErrorKind::WouldBlock)?;
                        let most = bytes.len().min((end - offset) as usize);
                        self.file.read_at(&mut bytes[..most], offset)
                    }
                    read => Ok(read?),
                }
            }
        }
    }

    /// `WouldBlock`: the system does not say what is in memory.
    #[cfg(not(target_os = "linux"))]
    fn read_now(&self, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.speed {
            Speed::Memory => self.file.read_at(bytes, offset),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

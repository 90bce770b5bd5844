//! A response that a backend sends faster than its client takes it. It waits in memory, and then in an unnamed file.

mod spill;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use proxy_http::message::Fields;

use self::spill::Spill;
use super::memory_budget::{MemoryBudget, MemoryShare};
use crate::channel::Channel;
use crate::disk_threads::DiskThreads;
use crate::error::{Error, Kind};

/// Room of a piece in memory at the least, so that many small ones share it.
const PIECE: usize = 4 * 1024;

/// How much of a response may wait for its client.
#[derive(Debug, Clone)]
pub(crate) struct HoldRules {
    /// Bytes in memory.
    pub(crate) memory: usize,
    /// What is longer goes to the disk. `None`: it stays at the backend.
    pub(crate) disk: Option<DiskRules>,
}

/// How much of a body may wait on the disk.
#[derive(Debug, Clone)]
pub(crate) struct DiskRules {
    /// Folder of the unnamed files.
    pub(crate) folder: Arc<Path>,
    /// Bytes of one file.
    pub(crate) most: u64,
    /// The threads that write and read the files.
    pub(crate) threads: DiskThreads,
}

/// The part of a response that its client has not taken.
#[derive(Debug)]
pub(crate) struct Held {
    pieces: VecDeque<Vec<u8>>,
    /// Bytes of the first piece that the client has.
    sent: usize,
    /// Bytes of all pieces.
    len: usize,
    most: usize,
    share: MemoryShare,
    spill: Option<Box<Spill>>,
    /// `None`: the backend has more to say.
    pub(super) end: Option<HeldEnd>,
}

/// How the backend has ended its response.
#[derive(Debug)]
pub(super) enum HeldEnd {
    /// The response is whole. It may have trailers.
    Whole(Option<Fields>),
    /// The rest of it will not come.
    Cut(Error),
}

impl Held {
    /// A response of which nothing waits.
    pub(crate) fn new(rules: &HoldRules, budget: &Rc<MemoryBudget>) -> Self {
        Self {
            pieces: VecDeque::new(),
            sent: 0,
            len: 0,
            most: rules.memory,
            share: MemoryShare::of(budget),
            spill: rules.disk.clone().map(|disk| Box::new(Spill::new(disk))),
            end: None,
        }
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.spill.as_ref().is_none_or(|spill| spill.is_empty())
    }

    /// Whether bytes in memory wait for the client. Else those that wait are on the disk.
    pub(super) fn has_next(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// Bytes that may be added now.
    pub(super) fn room(&self) -> usize {
        match &self.spill {
            Some(spill) if !spill.is_empty() || self.memory() == 0 => spill.room(self.share.block()),
            _ => self.memory(),
        }
    }

    fn memory(&self) -> usize {
        self.most.saturating_sub(self.len).min(self.share.left())
    }

    /// Adds bytes, no more than there is room for.
    pub(super) fn keep(&mut self, data: &[u8]) {
        let memory = self.memory();
        match (&mut self.spill, self.pieces.back_mut()) {
            (Some(spill), _) if !spill.is_empty() || memory == 0 => return spill.keep(data),
            (_, Some(last)) if last.capacity() - last.len() >= data.len() => last.extend_from_slice(data),
            _ => {
                let mut piece = Vec::with_capacity(data.len().max(PIECE));
                piece.extend_from_slice(data);
                self.pieces.push_back(piece);
            }
        }
        self.len += data.len();
        self.share.take(data.len());
    }

    /// Moves bytes between memory and the disk. An error if bytes of the response are lost.
    pub(super) fn poll_disk(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Self { pieces, len, most, share, spill: Some(spill), .. } = self else { return Ok(()) };
        while !spill.is_empty() {
            let hungry = pieces.is_empty() || *len <= *most / 4;
            let Some(piece) = spill.poll(cx, hungry, share.block()).map_err(lost)? else { break };
            *len += piece.len();
            share.take(piece.len());
            pieces.push_back(piece);
        }
        Ok(())
    }

    /// Sends what waits. Ready once all of it was taken; it may still have to be flushed.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, client: &mut Channel) -> Poll<Result<(), Error>> {
        loop {
            self.poll_disk(cx)?;
            let Some(piece) = self.pieces.front() else { break };
            match client.poll_send(cx, &piece[self.sent..]) {
                Poll::Ready(Ok(n)) => self.sent += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                Poll::Pending => return Poll::Pending,
            }
            if self.sent >= piece.len() {
                self.len -= piece.len();
                self.share.give_back(piece.len());
                self.pieces.pop_front();
                self.sent = 0;
            }
        }
        match self.is_empty() {
            true => Poll::Ready(Ok(())),
            false => Poll::Pending,
        }
    }

    /// Why nothing more was written to the disk. Only the first call says it.
    pub(crate) fn take_trouble(&mut self) -> Option<io::Error> {
        self.spill.as_mut()?.take_trouble()
    }

    /// Why the rest of the response will not come, if that is so.
    pub(crate) fn failure(&self) -> Option<&Error> {
        match &self.end {
            Some(HeldEnd::Cut(error)) => Some(error),
            Some(HeldEnd::Whole(_)) | None => None,
        }
    }
}

fn lost(error: io::Error) -> Error {
    Error::ours(Kind::Disk(error))
}

#[cfg(test)]
mod tests;

//! Frames on their way to `h2`, which is spared small DATA frames.
//!
//! `h2` holds each piece of a body on its own until it is taken, and ends a connection with all that it carries when
//! too many small ones wait, or when a hundred empty ones have come in its whole life. A sender of small messages, or
//! one that flushes nothing, is no attacker: what it costs is to be bounded by its stream's window. So empty frames are
//! left out here, and where a stream has small pieces that nobody has taken yet, further ones are put together.
//! Everything else passes as it came, without being copied.
//!
//! What is left out of a frame, such as its padding, has been taken out of the sender's windows without `h2` having
//! seen it: [`Sieve::poll_repay`] gives it back.

mod tally;

pub use tally::{Pieces, Tally};

use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Buf, BytesMut};
use rustc_hash::FxHashMap;
use tokio::io::{AsyncWrite, ReadBuf};

use super::frame::{kind, FrameHeader, FrameScanner, PartialHeader, END_HEADERS, END_STREAM, HEADER, PADDED, PRIORITY};
use tally::{GONE, KNOWN, SMALL};

/// Small pieces of one stream that may wait in `h2`.
const WAITING: u32 = 16;
/// As large a piece is made of further ones: no small one.
const TOGETHER: usize = 1024;
/// The largest payload that a frame may have: `h2` allows for no more than a peer may send from the start.
const LARGEST: usize = 16 * 1024;
/// What is given back to a window at once.
const CREDIT: u32 = 16 * 1024;
/// An empty `host` of the static table of HPACK. A pseudo-field behind it is malformed, and the field itself is
/// nobody's.
const EMPTY_HOST: u8 = 0x80 | 38;

/// What comes on one connection.
#[derive(Debug)]
pub struct Sieve {
    /// Bytes that pass before the next header.
    pass: usize,
    header: PartialHeader,
    /// The kind of the last frame.
    kind: u8,
    /// The frame that is looked at as a whole, and how much of it is still to come.
    whole: Option<(FrameHeader, usize)>,
    payload: Vec<u8>,
    /// The newest stream that the peer has opened; the largest number there is for a peer that opens none.
    newest: u32,
    /// Whether the head of a message has begun and is not complete.
    head_is_open: bool,
    /// Pieces that are put together.
    held: FxHashMap<u32, BytesMut>,
    /// What has taken the place of what came.
    ready: BytesMut,
    /// What is to be given back to windows.
    owed: Vec<(u32, u32)>,
    /// The frames that say so.
    repaying: BytesMut,
    tally: Tally,
    is_server: bool,
}

impl Sieve {
    /// What a client sends. Its first frame begins behind `preface` bytes.
    pub fn of_client(preface: usize, tally: Tally) -> Self {
        Self { pass: preface, newest: 0, is_server: true, ..Self::of_backend(tally) }
    }

    /// What a backend sends.
    pub fn of_backend(tally: Tally) -> Self {
        Self {
            pass: 0,
            header: PartialHeader::default(),
            kind: u8::MAX,
            whole: None,
            payload: Vec::new(),
            newest: u32::MAX,
            head_is_open: false,
            held: FxHashMap::default(),
            ready: BytesMut::new(),
            owed: Vec::new(),
            repaying: BytesMut::new(),
            tally,
            is_server: false,
        }
    }

    /// Sees to what stands in `buffer` behind its first `before` bytes: what may pass remains, and the rest is changed.
    /// `see` gets every header as it came.
    pub fn sift(&mut self, buffer: &mut ReadBuf<'_>, before: usize, mut see: impl FnMut(FrameHeader)) {
        let fresh = &buffer.filled()[before..];
        let passing = self.skim(fresh, &mut see);
        if passing < fresh.len() {
            self.rewrite(&fresh[passing..], &mut see);
            buffer.set_filled(before + passing);
            self.give(buffer);
        }
    }

    /// The kind of the last frame, if its payload is not complete.
    pub fn incomplete(&self) -> Option<u8> {
        (self.pass > 0 || self.whole.is_some()).then_some(self.kind)
    }

    /// Puts into `buffer` what has taken the place of what came, as far as there is room.
    pub fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let n = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..n]);
        self.ready.advance(n);
    }

    /// Lets pieces go that were held back and need be no more: whether there is something to [`Sieve::give`].
    pub fn release(&mut self, cx: &mut Context<'_>) -> bool {
        // Between two frames alone.
        if !self.held.is_empty() && self.pass == 0 && self.whole.is_none() && !self.head_is_open {
            let free = self.tally.free(self.held.keys(), WAITING, cx.waker());
            for stream in free {
                let data = self.held.remove(&stream).unwrap_or_default();
                self.absorb(stream, 0, &data);
            }
        }
        !self.ready.is_empty()
    }

    /// Gives back to the peer's windows what has come and `h2` has not seen, as far as that can be written between two
    /// frames of its own.
    pub fn poll_repay(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
        outgoing: &FrameScanner,
    ) -> Poll<io::Result<()>> {
        if self.owed.is_empty() && self.repaying.is_empty() || !outgoing.is_between() {
            return Poll::Ready(Ok(()));
        }
        while let Some(index) = self.owed.iter().position(|(_, owed)| *owed >= CREDIT) {
            let (stream, owed) = self.owed.swap_remove(index);
            let frame = FrameHeader { kind: kind::WINDOW_UPDATE, flags: 0, len: 4, stream };
            self.repaying.extend_from_slice(&frame.bytes());
            self.repaying.extend_from_slice(&owed.to_be_bytes());
        }
        while !self.repaying.is_empty() {
            let n = ready!(Pin::new(&mut *to).poll_write(cx, &self.repaying))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.repaying.advance(n);
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes may pass as they are.
    fn skim(&mut self, bytes: &[u8], see: &mut impl FnMut(FrameHeader)) -> usize {
        if !self.header.is_empty() || self.whole.is_some() || !self.ready.is_empty() {
            return 0;
        }
        let mut at = self.pass.min(bytes.len());
        self.pass -= at;
        while let (0, Some(header)) = (self.pass, bytes[at..].first_chunk()) {
            let frame = FrameHeader::read(header);
            if self.minds(frame) {
                return at;
            }
            see(frame);
            self.kind = frame.kind;
            self.note(frame);
            let here = (HEADER + frame.len).min(bytes.len() - at);
            self.pass = HEADER + frame.len - here;
            at += here;
        }
        at
    }

    fn rewrite(&mut self, mut bytes: &[u8], see: &mut impl FnMut(FrameHeader)) {
        while !bytes.is_empty() {
            if self.pass > 0 {
                let (passing, rest) = bytes.split_at(self.pass.min(bytes.len()));
                self.pass -= passing.len();
                self.ready.extend_from_slice(passing);
                bytes = rest;
            } else if let Some((frame, left)) = self.whole {
                let (part, rest) = bytes.split_at(left.min(bytes.len()));
                self.payload.extend_from_slice(part);
                self.whole = Some((frame, left - part.len())).filter(|(_, left)| *left > 0);
                bytes = rest;
                if self.whole.is_none() {
                    self.finish(frame);
                }
            } else if let Some(frame) = self.header.take(&mut bytes) {
                see(frame);
                self.kind = frame.kind;
                self.begin(frame);
            }
        }
    }

    /// Whether a frame cannot pass as it is.
    fn minds(&self, frame: FrameHeader) -> bool {
        // What is out of place is an error that `h2` knows.
        if frame.stream == 0 || frame.stream > self.newest || self.head_is_open {
            return false;
        }
        let holds = !self.held.is_empty() && self.held.contains_key(&frame.stream);
        match frame.kind {
            kind::DATA if frame.has(END_STREAM) => holds,
            kind::DATA if frame.has(PADDED) => holds || frame.len < SMALL * 2,
            kind::DATA => holds || frame.len == 0 || frame.len < SMALL && self.tally.waiting(frame.stream) >= WAITING,
            kind::HEADERS => holds || self.is_server,
            kind::RST_STREAM => holds,
            _ => false,
        }
    }

    /// Takes note of a frame that passes.
    fn note(&mut self, frame: FrameHeader) {
        match frame.kind {
            kind::DATA if frame.has(END_STREAM) => self.tally.forget(frame.stream),
            kind::DATA if frame.len < SMALL => self.tally.passed(frame.stream),
            kind::HEADERS => {
                self.head_is_open = !frame.has(END_HEADERS);
                self.newest = self.newest.max(frame.stream);
            }
            kind::CONTINUATION => self.head_is_open = !frame.has(END_HEADERS),
            kind::RST_STREAM => self.tally.forget(frame.stream),
            _ => {}
        }
    }

    /// Sees to a frame whose header is there.
    fn begin(&mut self, frame: FrameHeader) {
        if !self.minds(frame) {
            self.note(frame);
            return self.let_pass(frame);
        }
        let is_data = frame.kind == kind::DATA;
        let is_small = is_data && frame.len < SMALL && !frame.has(END_STREAM);
        // Trailers are looked at, padding is taken off, and small pieces are put together.
        if frame.kind == kind::HEADERS && frame.len < LARGEST || is_data && frame.has(PADDED) || is_small {
            self.payload.clear();
            self.whole = Some((frame, frame.len)).filter(|(_, left)| *left > 0);
            if self.whole.is_none() {
                self.finish(frame);
            }
            return;
        }
        let held = self.held.remove(&frame.stream).unwrap_or_default();
        self.note(frame);
        if is_data && held.len() + frame.len <= LARGEST {
            self.write_header(FrameHeader { len: held.len() + frame.len, ..frame });
            self.ready.extend_from_slice(&held);
            self.pass = frame.len;
        } else {
            self.write_data(frame.stream, 0, &held);
            self.let_pass(frame);
        }
    }

    fn let_pass(&mut self, frame: FrameHeader) {
        self.write_header(frame);
        self.pass = frame.len;
    }

    /// Sees to a frame that is there as a whole.
    fn finish(&mut self, frame: FrameHeader) {
        let mut payload = std::mem::take(&mut self.payload);
        let padding = match payload.first() {
            Some(padding) if frame.has(PADDED) => usize::from(*padding) + 1,
            _ => 0,
        };
        if frame.kind == kind::HEADERS {
            let held = self.held.remove(&frame.stream).unwrap_or_default();
            self.write_data(frame.stream, 0, &held);
            if let Some(at) = self.is_server.then(|| fields_begin(frame, &payload)).flatten() {
                payload.insert(at, EMPTY_HOST);
            }
            self.note(frame);
            self.write_header(FrameHeader { len: payload.len(), ..frame });
            self.ready.extend_from_slice(&payload);
        } else if padding > payload.len() || frame.has(PADDED) && padding == 0 {
            // `h2` knows what to say of it.
            self.write_header(frame);
            self.ready.extend_from_slice(&payload);
        } else {
            let data = match padding {
                0 => &payload[..],
                padding => &payload[1..=payload.len() - padding],
            };
            self.owe(frame.stream, padding);
            self.owe(0, padding);
            self.absorb(frame.stream, frame.flags & END_STREAM, data);
        }
        payload.clear();
        self.payload = payload;
    }

    /// Puts a piece of a body where it belongs: behind others that wait, or on its way with them.
    fn absorb(&mut self, stream: u32, end: u8, data: &[u8]) {
        let waiting = self.tally.waiting(stream);
        if waiting == GONE && end == 0 {
            let held = self.held.remove(&stream).unwrap_or_default();
            return self.owe(0, held.len() + data.len());
        }
        let mut held = self.held.remove(&stream).unwrap_or_default();
        if held.len() + data.len() > LARGEST {
            self.write_data(stream, 0, &held);
            held.clear();
        }
        held.extend_from_slice(data);
        if end != 0 || waiting < WAITING || held.len() >= TOGETHER {
            self.write_data(stream, end, &held);
        } else if !held.is_empty() {
            self.held.insert(stream, held);
        }
    }

    fn write_data(&mut self, stream: u32, flags: u8, data: &[u8]) {
        if flags == 0 && data.is_empty() {
            return;
        }
        let frame = FrameHeader { kind: kind::DATA, flags, len: data.len(), stream };
        self.note(frame);
        self.write_header(frame);
        self.ready.extend_from_slice(data);
    }

    fn write_header(&mut self, frame: FrameHeader) {
        self.ready.extend_from_slice(&frame.bytes());
    }

    fn owe(&mut self, stream: u32, bytes: usize) {
        if bytes == 0 {
            return;
        }
        match self.owed.iter_mut().find(|(window, _)| *window == stream) {
            Some((_, owed)) => *owed += bytes as u32,
            None => {
                if self.owed.len() > KNOWN {
                    self.owed.retain(|(window, _)| *window == 0);
                }
                self.owed.push((stream, bytes as u32));
            }
        }
    }
}

/// Where in a frame that begins a head the first field stands: behind the padding's length, a priority, and changes of
/// the size of HPACK's table, which come first (RFC 7541, section 4.2).
fn fields_begin(frame: FrameHeader, payload: &[u8]) -> Option<usize> {
    let mut at = usize::from(frame.has(PADDED)) + if frame.has(PRIORITY) { 5 } else { 0 };
    while let Some(0x20..=0x3f) = payload.get(at) {
        let is_long = payload[at] & 0x1f == 0x1f;
        at += 1;
        if is_long {
            while payload.get(at).is_some_and(|byte| byte & 0x80 != 0) {
                at += 1;
            }
            at += 1;
        }
    }
    (at <= payload.len()).then_some(at)
}

#[cfg(test)]
mod tests;

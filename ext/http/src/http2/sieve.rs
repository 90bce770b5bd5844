//! Filter between the socket and `h2`: spares `h2` small DATA frames.
//!
//! `h2` holds each piece of a body on its own until it is taken. It ends a connection, with all its streams, when too
//! many small pieces wait, or when 100 empty ones have come in its lifetime. A sender of small messages, or one that
//! does not buffer, is no attacker: the stream's window is the right limit for it. So the sieve drops empty frames, and
//! joins further small pieces of a stream whose earlier ones still wait. All other bytes pass unchanged, without a
//! copy.
//!
//! Bytes that are dropped from a frame, such as padding, have used up the sender's windows, and `h2` has not seen them:
//! [`Sieve::poll_repay`] gives them back.

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

/// Small pieces of one stream that may wait in `h2` before further ones are joined.
const WAITING: u32 = 16;
/// Size at which joined pieces are sent on: `h2` does not count a piece of this size as small.
const TOGETHER: usize = 1024;
/// The largest payload of a frame: `h2` keeps to the limit that a peer has before any settings (16 KiB).
const LARGEST: usize = 16 * 1024;
/// Bytes of a window that are given back in one frame.
const CREDIT: u32 = 16 * 1024;
/// An empty `host` of the static table of HPACK, in front of the fields. A pseudo-field behind it is malformed; this
/// field itself is ignored.
const EMPTY_HOST: u8 = 0x80 | 38;

/// Frames of one direction of a connection.
#[derive(Debug)]
pub struct Sieve {
    /// Bytes that pass before the next frame header.
    pass: usize,
    header: PartialHeader,
    /// The kind of the last frame.
    kind: u8,
    /// A frame that is read whole, and how many of its bytes are still to come.
    whole: Option<(FrameHeader, usize)>,
    payload: Vec<u8>,
    /// The newest stream that the peer has opened; `u32::MAX` for a peer that opens none.
    newest: u32,
    /// Whether the head of a message has begun and is not complete.
    head_is_open: bool,
    /// Joined pieces that wait, by stream.
    held: FxHashMap<u32, BytesMut>,
    /// Bytes that replace what came.
    ready: BytesMut,
    /// Streams, and the bytes to give back to their windows; stream 0 is the connection.
    owed: Vec<(u32, u32)>,
    /// WINDOW_UPDATE frames for `owed`.
    repaying: BytesMut,
    tally: Tally,
    is_server: bool,
}

impl Sieve {
    /// A sieve for the frames of a client. The first frame begins after `preface` bytes.
    pub fn of_client(preface: usize, tally: Tally) -> Self {
        Self { pass: preface, newest: 0, is_server: true, ..Self::of_backend(tally) }
    }

    /// A sieve for the frames of a backend.
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

    /// Filters the bytes of `buffer` after its first `before`: what may pass unchanged stays, the rest is taken out and
    /// replaced (see [`Sieve::give`]). `see` gets every frame header as it came.
    pub fn sift(&mut self, buffer: &mut ReadBuf<'_>, before: usize, mut see: impl FnMut(FrameHeader)) {
        let fresh = &buffer.filled()[before..];
        let passing = self.skim(fresh, &mut see);
        if passing < fresh.len() {
            self.rewrite(&fresh[passing..], &mut see);
            buffer.set_filled(before + passing);
            self.give(buffer);
        }
    }

    /// The kind of the last frame if its payload is not complete.
    pub fn incomplete(&self) -> Option<u8> {
        (self.pass > 0 || self.whole.is_some()).then_some(self.kind)
    }

    /// Writes the replaced bytes into `buffer`, as far as there is room.
    pub fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let n = self.ready.len().min(buffer.remaining());
        buffer.put_slice(&self.ready[..n]);
        self.ready.advance(n);
    }

    /// Releases pieces that no longer need to be held back. Whether there is something to [`Sieve::give`].
    pub fn release(&mut self, cx: &mut Context<'_>) -> bool {
        // Only between two frames.
        if !self.held.is_empty() && self.pass == 0 && self.whole.is_none() && !self.head_is_open {
            let free = self.tally.free(self.held.keys(), WAITING, cx.waker());
            for stream in free {
                let data = self.held.remove(&stream).unwrap_or_default();
                self.absorb(stream, 0, &data);
            }
        }
        !self.ready.is_empty()
    }

    /// Gives bytes that `h2` has not seen back to the peer's windows, as far as that can be written between two frames
    /// of `h2`.
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

    /// How many bytes may pass unchanged.
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

    /// Whether a frame cannot pass unchanged.
    fn minds(&self, frame: FrameHeader) -> bool {
        // A frame out of place is an error: `h2` reports it.
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

    /// Records a frame that passes.
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

    /// Handles a frame whose header is complete.
    fn begin(&mut self, frame: FrameHeader) {
        if !self.minds(frame) {
            self.note(frame);
            return self.let_pass(frame);
        }
        let is_data = frame.kind == kind::DATA;
        let is_small = is_data && frame.len < SMALL && !frame.has(END_STREAM);
        // Trailers are checked, padding is removed, and small pieces are joined.
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

    /// Handles a frame that was read whole.
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
            // Malformed padding: `h2` reports it.
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

    /// Handles a piece of a body: it is sent on together with held pieces, or held back with them.
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

/// Offset of the first field in the payload of a frame that begins a head: after the padding's length, a priority, and
/// changes of the size of HPACK's table, which come first (RFC 7541, section 4.2).
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

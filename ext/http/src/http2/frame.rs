//! Frame headers (RFC 9113, section 4.1), seen as they pass.

/// Bytes of a frame header.
pub const HEADER: usize = 9;

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// One of [`kind`].
    pub kind: u8,
    /// What they mean depends on the kind.
    pub flags: u8,
    /// Bytes of the payload.
    pub len: usize,
    /// The stream identifier; 0 for the connection.
    pub stream: u32,
}

/// Kinds of frames.
pub mod kind {
    /// RFC 9113, section 6.1.
    pub const DATA: u8 = 0;
    /// RFC 9113, section 6.2.
    pub const HEADERS: u8 = 1;
    /// RFC 9113, section 6.4.
    pub const RST_STREAM: u8 = 3;
    /// RFC 9113, section 6.5.
    pub const SETTINGS: u8 = 4;
    /// RFC 9113, section 6.7.
    pub const PING: u8 = 6;
    /// RFC 9113, section 6.8.
    pub const GOAWAY: u8 = 7;
    /// RFC 9113, section 6.9.
    pub const WINDOW_UPDATE: u8 = 8;
    /// RFC 9113, section 6.10.
    pub const CONTINUATION: u8 = 9;
}

/// Of SETTINGS and PING: it answers one of ours.
pub const ACK: u8 = 1;
/// Of DATA and HEADERS: the sender is done with the stream.
pub const END_STREAM: u8 = 1;
/// Of HEADERS and CONTINUATION: the head is complete.
pub const END_HEADERS: u8 = 4;
/// Of DATA and HEADERS: there is padding.
pub const PADDED: u8 = 8;
/// Of HEADERS: there is a priority.
pub const PRIORITY: u8 = 0x20;

impl FrameHeader {
    /// Reads a header.
    pub fn read(header: &[u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, d, e, f, g] = *header;
        let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Self { kind, flags, len, stream: u32::from_be_bytes([d & 0x7f, e, f, g]) }
    }

    /// As it stands on the wire.
    pub fn bytes(self) -> [u8; HEADER] {
        let [_, a, b, c] = (self.len as u32).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    /// Whether it has a flag.
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A frame header that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct PartialHeader {
    bytes: [u8; HEADER],
    have: usize,
}

impl PartialHeader {
    /// Whether no byte of a header is there.
    pub(super) fn is_empty(&self) -> bool {
        self.have == 0
    }

    /// Takes bytes of a header from the beginning of `bytes`. The header, once it is complete.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Option<FrameHeader> {
        let (taken, rest) = bytes.split_at((HEADER - self.have).min(bytes.len()));
        self.bytes[self.have..self.have + taken.len()].copy_from_slice(taken);
        self.have += taken.len();
        *bytes = rest;
        if self.have < HEADER {
            return None;
        }
        self.have = 0;
        Some(FrameHeader::read(&self.bytes))
    }
}

/// The frames of one direction of a connection, seen as they pass.
#[derive(Debug)]
pub struct FrameScanner {
    /// Bytes before the next header.
    skip: usize,
    header: PartialHeader,
}

impl FrameScanner {
    /// The first frame begins behind `preface` bytes.
    pub fn behind(preface: usize) -> Self {
        Self { skip: preface, header: PartialHeader::default() }
    }

    /// Whether the next byte begins a frame.
    pub fn is_between(&self) -> bool {
        self.skip == 0 && self.header.is_empty()
    }

    /// Looks at the bytes that come next. `see` gets every header that is complete with them.
    pub fn pass(&mut self, mut bytes: &[u8], mut see: impl FnMut(FrameHeader)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            if let Some(frame) = self.header.take(&mut bytes) {
                self.skip = frame.len;
                see(frame);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_header_is_seen_however_the_bytes_arrive() {
        let frames = [(0u8, 1u8, 0usize), (1, 4, 300), (6, 0, 8), (0, 0, 20)];
        let mut bytes = b"preface".to_vec();
        for (kind, flags, len) in frames {
            bytes.extend([0, (len >> 8) as u8, len as u8, kind, flags, 0, 0, 0, 1]);
            bytes.extend(vec![0xff; len]);
        }
        for step in 1..bytes.len() {
            let mut passing = FrameScanner::behind(7);
            let mut seen = Vec::new();
            for piece in bytes.chunks(step) {
                passing.pass(piece, |frame| seen.push((frame.kind, frame.flags, frame.len)));
            }
            assert_eq!(seen, frames, "in pieces of {step}");
        }
    }
}

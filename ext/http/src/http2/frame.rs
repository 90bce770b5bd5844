//! Frame headers (RFC 9113, section 4.1), read as the bytes pass.

/// Bytes of a frame header.
pub const HEADER: usize = 9;

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Kind of the frame: one of [`kind`].
    pub kind: u8,
    /// Flags; their meaning depends on the kind.
    pub flags: u8,
    /// Length of the payload in bytes.
    pub len: usize,
    /// The stream identifier; 0 for the connection.
    pub stream: u32,
}

/// Kinds of frames.
pub mod kind {
    /// Data of a body (RFC 9113, section 6.1).
    pub const DATA: u8 = 0;
    /// Begins a head or trailers (RFC 9113, section 6.2).
    pub const HEADERS: u8 = 1;
    /// Resets a stream (RFC 9113, section 6.4).
    pub const RST_STREAM: u8 = 3;
    /// Settings of a connection (RFC 9113, section 6.5).
    pub const SETTINGS: u8 = 4;
    /// Ping, or its answer (RFC 9113, section 6.7).
    pub const PING: u8 = 6;
    /// Ends a connection gracefully (RFC 9113, section 6.8).
    pub const GOAWAY: u8 = 7;
    /// Enlarges a window (RFC 9113, section 6.9).
    pub const WINDOW_UPDATE: u8 = 8;
    /// Continues a head or trailers (RFC 9113, section 6.10).
    pub const CONTINUATION: u8 = 9;
}

/// Flag of SETTINGS and PING: an acknowledgement of ours.
pub const ACK: u8 = 1;
/// Flag of DATA and HEADERS: the sender is done with the stream.
pub const END_STREAM: u8 = 1;
/// Flag of HEADERS and CONTINUATION: the head is complete.
pub const END_HEADERS: u8 = 4;
/// Flag of DATA and HEADERS: the payload is padded.
pub const PADDED: u8 = 8;
/// Flag of HEADERS: a priority stands in front of the fields.
pub const PRIORITY: u8 = 0x20;

impl FrameHeader {
    /// Reads a header from the wire.
    pub fn read(header: &[u8; HEADER]) -> Self {
        let [a, b, c, kind, flags, d, e, f, g] = *header;
        let len = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        Self { kind, flags, len, stream: u32::from_be_bytes([d & 0x7f, e, f, g]) }
    }

    /// The header as it stands on the wire.
    pub fn bytes(self) -> [u8; HEADER] {
        let [_, a, b, c] = (self.len as u32).to_be_bytes();
        let [d, e, f, g] = self.stream.to_be_bytes();
        [a, b, c, self.kind, self.flags, d, e, f, g]
    }

    /// Whether `flag` is set.
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// A frame header that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct PartialHeader {
    bytes: [u8; HEADER],
    have: usize,
}

impl PartialHeader {
    /// Whether no byte of a header has come.
    pub(super) fn is_empty(&self) -> bool {
        self.have == 0
    }

    /// Takes bytes of a header from the front of `bytes`, and returns the header once it is complete.
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

/// Finds the frame headers in one direction of a connection while its bytes pass.
#[derive(Debug)]
pub struct FrameScanner {
    /// Bytes before the next frame header.
    skip: usize,
    header: PartialHeader,
}

impl FrameScanner {
    /// A scanner for a connection whose first frame begins after `preface` bytes.
    pub fn behind(preface: usize) -> Self {
        Self { skip: preface, header: PartialHeader::default() }
    }

    /// Whether the next byte begins a frame.
    pub fn is_between(&self) -> bool {
        self.skip == 0 && self.header.is_empty()
    }

    /// Scans the bytes that come next. `see` gets every header that they complete.
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

//! The frame headers in a stream of bytes (RFC 9113, section 4.1), looked at as they pass.

/// Bytes of a frame header.
const HEADER: usize = 9;

/// What a frame header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) len: usize,
}

/// Kinds of frames.
pub(super) mod kind {
    pub(in super::super) const DATA: u8 = 0;
    pub(in super::super) const HEADERS: u8 = 1;
    pub(in super::super) const RST_STREAM: u8 = 3;
    pub(in super::super) const CONTINUATION: u8 = 9;
}

/// Of DATA and HEADERS: the sender is done with the stream.
pub(super) const END_STREAM: u8 = 1;
/// Of HEADERS and CONTINUATION: the head is complete.
pub(super) const END_HEADERS: u8 = 4;

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Frames {
    /// Bytes before the next header.
    skip: usize,
    header: [u8; HEADER],
    /// How much of the header is there.
    have: usize,
    /// The kind of the last frame.
    kind: u8,
}

impl Frames {
    /// The first frame begins behind `preface` bytes.
    pub(super) fn behind(preface: usize) -> Self {
        Self { skip: preface, header: [0; HEADER], have: 0, kind: u8::MAX }
    }

    /// The kind of the last frame, if its payload is not complete.
    pub(super) fn incomplete(&self) -> Option<u8> {
        (self.skip > 0).then_some(self.kind)
    }

    /// Looks at the bytes that come next. `see` gets every header that is complete with them.
    pub(super) fn pass(&mut self, mut bytes: &[u8], mut see: impl FnMut(FrameHeader)) {
        loop {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (HEADER - self.have).min(bytes.len());
            self.header[self.have..self.have + taken].copy_from_slice(&bytes[..taken]);
            self.have += taken;
            bytes = &bytes[taken..];
            if self.have == HEADER {
                self.have = 0;
                let [a, b, c, kind, flags, ..] = self.header;
                self.kind = kind;
                self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                see(FrameHeader { kind, flags, len: self.skip });
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
            let mut passing = Frames::behind(7);
            let mut seen = Vec::new();
            for piece in bytes.chunks(step) {
                passing.pass(piece, |frame| seen.push((frame.kind, frame.flags, frame.len)));
            }
            assert_eq!(seen, frames, "in pieces of {step}");
        }
    }
}

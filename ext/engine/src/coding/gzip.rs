//! The coding gzip (RFC 1952).

use std::io;

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

/// Room for output that there is at least in each step.
const ROOM: usize = 4 * 1024;
/// Flag of a header with a comment.
const COMMENT: u8 = 0x10;

/// Encoder of one body.
pub(super) struct GzipEncoder {
    stream: Compress,
    level: u32,
    sum: Crc,
    /// What the header has as its comment, before the header is written.
    header: Option<Option<Vec<u8>>>,
}

/// The memory of an encoder for bodies of one level, to be used again.
pub(super) struct GzipContext {
    stream: Compress,
    level: u32,
}

impl GzipContext {
    /// Level that the memory is for.
    pub(super) fn level(&self) -> u32 {
        self.level
    }
}

impl GzipEncoder {
    /// An encoder which works in the memory of an earlier one.
    pub(super) fn new(kept: Option<GzipContext>, level: u32, padding: Option<Vec<u8>>) -> Self {
        let stream = match kept {
            Some(GzipContext { mut stream, .. }) => {
                stream.reset();
                stream
            }
            None => Compress::new(Compression::new(level), false),
        };
        Self { stream, level, sum: Crc::new(), header: Some(padding) }
    }

    pub(super) fn into_context(self) -> GzipContext {
        GzipContext { stream: self.stream, level: self.level }
    }

    pub(super) fn write(&mut self, mut data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out);
        self.sum.update(data);
        while !data.is_empty() {
            let before = self.stream.total_in();
            self.step(data, out, FlushCompress::None)?;
            data = &data[(self.stream.total_in() - before) as usize..];
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out);
        loop {
            self.step(&[], out, FlushCompress::Sync)?;
            // With a full buffer there may be more.
            if out.len() < out.capacity() {
                return Ok(());
            }
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.begin(out);
        while self.step(&[], out, FlushCompress::Finish)? != Status::StreamEnd {}
        out.extend_from_slice(&self.sum.sum().to_le_bytes());
        out.extend_from_slice(&(self.stream.total_in() as u32).to_le_bytes());
        Ok(())
    }

    fn step(&mut self, data: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> io::Result<Status> {
        out.reserve(ROOM);
        self.stream.compress_vec(data, out, flush).map_err(io::Error::other)
    }

    /// Writes the header, once: no time, an unknown system, and a comment as padding.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let Some(padding) = self.header.take() else { return };
        let flags = if padding.is_some() { COMMENT } else { 0 };
        out.extend_from_slice(&[0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 0xFF]);
        if let Some(padding) = padding {
            out.extend_from_slice(&padding);
            out.push(0);
        }
    }
}

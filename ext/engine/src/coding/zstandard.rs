//! The coding zstd (RFC 8878).

use std::io;

use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};

/// Logarithm of the largest window: 512 KiB. It bounds the memory of an encoder, and clients accept far larger ones
/// (RFC 9659).
const WINDOW: u32 = 19;
/// Room for output that there is at least in each step.
const ROOM: usize = 4 * 1024;
/// Magic number of a frame that decoders skip.
const SKIPPED: u32 = 0x184D_2A50;

/// Encoder of one body.
pub(super) struct ZstdEncoder {
    context: Encoder<'static>,
    padding: Option<Vec<u8>>,
}

/// The memory of an encoder, to be used again.
pub(super) type ZstdContext = Encoder<'static>;

impl ZstdEncoder {
    /// An encoder for a body of `length` bytes, if that is known, which works in the memory of an earlier one.
    pub(super) fn new(
        kept: Option<ZstdContext>,
        level: i32,
        length: Option<u64>,
        padding: Option<Vec<u8>>,
    ) -> io::Result<Self> {
        let mut context = match kept {
            Some(mut context) => {
                context.reinit()?;
                context.set_parameter(CParameter::CompressionLevel(level))?;
                context
            }
            None => Encoder::new(level)?,
        };
        context.set_parameter(CParameter::WindowLog(WINDOW))?;
        // It makes smaller tables for a short body.
        context.set_pledged_src_size(length)?;
        Ok(Self { context, padding })
    }

    pub(super) fn into_context(self) -> ZstdContext {
        self.context
    }

    pub(super) fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let mut input = InBuffer::around(data);
        while input.pos() < data.len() {
            step(out, |out| self.context.run(&mut input, out))?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while step(out, |out| self.context.flush(out))? > 0 {}
        Ok(())
    }

    /// Ends the frame. Padding stands behind it: some decoders stop at the end of the first frame.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        while step(out, |out| self.context.finish(out, true))? > 0 {}
        if let Some(padding) = self.padding.take() {
            out.extend_from_slice(&SKIPPED.to_le_bytes());
            out.extend_from_slice(&(padding.len() as u32).to_le_bytes());
            out.extend_from_slice(&padding);
        }
        Ok(())
    }
}

/// Lets `work` append to `out`, which gets room for that.
fn step(out: &mut Vec<u8>, work: impl FnOnce(&mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>) -> io::Result<usize> {
    out.reserve(ROOM);
    let end = out.len();
    work(&mut OutBuffer::around_pos(out, end))
}

//! The coding br (RFC 7932).

use std::io;

use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};
use brotli::enc::StandardAlloc;

/// Logarithms of the smallest and the largest window: 64 KiB, which a short body gets, and 512 KiB.
const WINDOWS: (u32, u32) = (16, 19);

/// Encoder of one body.
pub(super) struct BrEncoder {
    state: Box<BrotliEncoderStateStruct<StandardAlloc>>,
    padding: Option<Vec<u8>>,
}

impl BrEncoder {
    /// An encoder for a body of `length` bytes, if that is known.
    pub(super) fn new(level: u32, length: Option<u64>, padding: Option<Vec<u8>>) -> Self {
        let mut state = Box::new(BrotliEncoderStateStruct::new(StandardAlloc::default()));
        let window = length.map_or(WINDOWS.1, |length| u64::BITS - length.leading_zeros());
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, level);
        state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, window.clamp(WINDOWS.0, WINDOWS.1));
        if let Some(length) = length.and_then(|length| u32::try_from(length).ok()) {
            state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_SIZE_HINT, length);
        }
        Self { state, padding }
    }

    pub(super) fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.pad(out)?;
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_PROCESS, data, out)
    }

    pub(super) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.pad(out)?;
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_FLUSH, &[], out)
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        self.pad(out)?;
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_FINISH, &[], out)
    }

    /// Writes the padding, once, as a block that decoders skip (RFC 7932, section 9.2).
    fn pad(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(mut padding) = self.padding.take().filter(|padding| !padding.is_empty()) else { return Ok(()) };
        if padding.len() == 1 {
            // Of a block of one byte the encoder says that it has none.
            padding.push(b'x');
        }
        self.run(BrotliEncoderOperation::BROTLI_OPERATION_EMIT_METADATA, &padding, out)
    }

    fn run(&mut self, operation: BrotliEncoderOperation, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let (mut left, mut offset) = (data.len(), 0);
        loop {
            // All output is taken from the encoder's own buffer, so it gets no other.
            let ran = self.state.compress_stream(
                operation,
                &mut left,
                data,
                &mut offset,
                &mut 0,
                &mut [],
                &mut 0,
                &mut None,
                &mut |_, _, _, _| (),
            );
            if !ran {
                return Err(io::Error::other("the br encoder failed"));
            }
            while self.state.has_more_output() {
                // 0: all that there is.
                let mut n = 0;
                let coded = self.state.take_output(&mut n);
                out.extend_from_slice(&coded[..n]);
            }
            let done = match operation {
                BrotliEncoderOperation::BROTLI_OPERATION_PROCESS | BrotliEncoderOperation::BROTLI_OPERATION_FLUSH => {
                    left == 0
                }
                BrotliEncoderOperation::BROTLI_OPERATION_FINISH => self.state.is_finished(),
                // The encoder has a number there while it is in the block.
                BrotliEncoderOperation::BROTLI_OPERATION_EMIT_METADATA => {
                    self.state.remaining_metadata_bytes_ == u32::MAX
                }
            };
            if done {
                return Ok(());
            }
        }
    }
}

//! Encoders of bodies, and their number and memory on an engine thread.

use std::cell::RefCell;
use std::fmt;
use std::io;

use aws_lc_rs::rand;

use super::br::BrEncoder;
use super::gzip::{GzipContext, GzipEncoder};
use super::zstandard::{ZstdContext, ZstdEncoder};
use super::Coding;

/// Encoders that a thread has at once: each may hold more than 1 MiB. Further bodies are sent as they are.
const MOST: usize = 256;
/// Memories of encoders that a thread keeps for each coding.
const KEPT: usize = 4;
/// Most bytes of padding.
const PADDING: u16 = 32;

thread_local! {
    static THREAD: RefCell<EncoderMemory> = RefCell::default();
}

/// Encoders of a thread.
#[derive(Default)]
struct EncoderMemory {
    /// Number of encoders in use.
    live: usize,
    zstd: Vec<ZstdContext>,
    gzip: Vec<GzipContext>,
}

/// How a body is coded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncoderOptions {
    pub(crate) coding: Coding,
    /// Level of compression, in the numbers of the coding.
    pub(crate) level: u32,
    /// Whether a random number of bytes without meaning hides the exact length (BREACH).
    pub(crate) jitter: bool,
}

/// Encoder of one body.
pub(crate) struct Encoder {
    form: AnyEncoder,
    _place: EncoderPlace,
}

#[allow(clippy::large_enum_variant, reason = "an encoder stands in the box of its channel")]
enum AnyEncoder {
    Zstd(ZstdEncoder),
    Br(BrEncoder),
    Gzip(GzipEncoder),
}

/// One of the thread's encoders.
struct EncoderPlace;

impl EncoderPlace {
    fn take() -> Option<Self> {
        THREAD.with_borrow_mut(|thread| {
            let free = thread.live < MOST;
            thread.live += usize::from(free);
            free.then(|| Self)
        })
    }
}

impl Drop for EncoderPlace {
    fn drop(&mut self) {
        // When a thread ends, its values may be dropped before its last connection.
        let _ = THREAD.try_with(|thread| thread.borrow_mut().live -= 1);
    }
}

impl Encoder {
    /// An encoder for a body of `length` bytes, if that is known. `None`: the thread has too many, or no memory.
    pub(crate) fn begin(options: EncoderOptions, length: Option<u64>) -> Option<Self> {
        let place = EncoderPlace::take()?;
        let padding = if options.jitter { Some(padding()?) } else { None };
        let level = options.level;
        let form = match options.coding {
            Coding::Zstd => {
                let kept = THREAD.with_borrow_mut(|thread| thread.zstd.pop());
                AnyEncoder::Zstd(ZstdEncoder::new(kept, level as i32, length, padding).ok()?)
            }
            Coding::Br => AnyEncoder::Br(BrEncoder::new(level, length, padding)),
            Coding::Gzip => {
                let kept = THREAD.with_borrow_mut(|thread| {
                    let place = thread.gzip.iter().position(|kept| kept.level() == level);
                    place.map(|place| thread.gzip.swap_remove(place))
                });
                AnyEncoder::Gzip(GzipEncoder::new(kept, level, padding))
            }
        };
        Some(Self { form, _place: place })
    }

    /// Codes `data` and appends what is ready to `out`.
    pub(crate) fn write(&mut self, data: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.form {
            AnyEncoder::Zstd(encoder) => encoder.write(data, out),
            AnyEncoder::Br(encoder) => encoder.write(data, out),
            AnyEncoder::Gzip(encoder) => encoder.write(data, out),
        }
    }

    /// Appends all that is held back, so that a client can decode every byte that was written.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.form {
            AnyEncoder::Zstd(encoder) => encoder.flush(out),
            AnyEncoder::Br(encoder) => encoder.flush(out),
            AnyEncoder::Gzip(encoder) => encoder.flush(out),
        }
    }

    /// Ends the coded body.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.form {
            AnyEncoder::Zstd(encoder) => encoder.finish(out),
            AnyEncoder::Br(encoder) => encoder.finish(out),
            AnyEncoder::Gzip(encoder) => encoder.finish(out),
        }
    }

    /// Keeps the memory for another body.
    pub(crate) fn reuse(self) {
        let form = self.form;
        THREAD.with_borrow_mut(|thread| match form {
            AnyEncoder::Zstd(encoder) if thread.zstd.len() < KEPT => thread.zstd.push(encoder.into_context()),
            AnyEncoder::Gzip(encoder) => {
                if thread.gzip.len() >= KEPT {
                    // The oldest may be of a level that is not used any more.
                    thread.gzip.remove(0);
                }
                thread.gzip.push(encoder.into_context());
            }
            AnyEncoder::Zstd(_) | AnyEncoder::Br(_) => {}
        });
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            AnyEncoder::Zstd(_) => "zstd",
            AnyEncoder::Br(_) => "br",
            AnyEncoder::Gzip(_) => "gzip",
        };
        f.debug_tuple("Encoder").field(&form).finish()
    }
}

/// A random number of bytes, up to [`PADDING`]. The number must be a secret, or it could be subtracted.
fn padding() -> Option<Vec<u8>> {
    let mut random = [0; 2];
    rand::fill(&mut random).ok()?;
    Some(vec![b'x'; usize::from(u16::from_le_bytes(random) % (PADDING + 1))])
}

#[cfg(test)]
pub(super) fn live() -> usize {
    THREAD.with_borrow(|thread| thread.live)
}

#[cfg(test)]
pub(super) fn kept() -> (usize, usize) {
    THREAD.with_borrow(|thread| (thread.zstd.len(), thread.gzip.len()))
}

//! Buffers that bytes are read into.

use std::cell::RefCell;

/// First size of a buffer: an ordinary head and a small body fit.
const SMALL: usize = 16 * 1024;
/// Size for a long body.
const LARGE: usize = 64 * 1024;
/// Spare buffers that a thread keeps, per size: 8 MiB at the most.
const KEPT_SMALL: usize = 128;
const KEPT_LARGE: usize = 96;

#[derive(Default)]
struct Spare {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

fn take(size: usize) -> Box<[u8]> {
    let kept = SPARE.with_borrow_mut(|spare| match size {
        SMALL => spare.small.pop(),
        LARGE => spare.large.pop(),
        _ => None,
    });
    kept.unwrap_or_else(|| vec![0; size].into_boxed_slice())
}

fn put_back(memory: Box<[u8]>) {
    // When a thread ends, the spare list may be dropped before its last connection.
    let _ = SPARE.try_with(|spare| {
        let mut spare = spare.borrow_mut();
        match memory.len() {
            SMALL if spare.small.len() < KEPT_SMALL => spare.small.push(memory),
            LARGE if spare.large.len() < KEPT_LARGE => spare.large.push(memory),
            _ => {}
        }
    });
}

/// Bytes that were read and not yet used. It has memory only while there is something to read: an idle connection needs
/// none.
#[derive(Debug, Default)]
pub struct Buffer {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// The bytes that were read and not yet consumed.
    #[inline]
    pub fn filled(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Whether the buffer holds no bytes.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Number of bytes in the buffer.
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether reading more needs [`Buffer::grow`] or [`Buffer::consume`] first.
    pub fn is_full(&self) -> bool {
        self.len() == self.memory.len() && !self.memory.is_empty()
    }

    /// Drops the first `n` bytes.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// The room for the next read; empty only if the buffer is full.
    pub fn space(&mut self) -> &mut [u8] {
        if self.memory.is_empty() {
            self.memory = take(SMALL);
        }
        // Bytes are moved to the front only when the room behind them is nearly used up.
        if self.start > 0 && self.memory.len() - self.end < self.memory.len() / 4 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.memory[self.end..]
    }

    /// Records that `n` bytes of [`Buffer::space`] were filled.
    pub fn commit(&mut self, n: usize) {
        self.end = (self.end + n).min(self.memory.len());
    }

    /// Enlarges the buffer to at least `size` bytes in all.
    pub fn grow(&mut self, size: usize) {
        if self.memory.len() >= size {
            return;
        }
        let size = if size <= SMALL { SMALL } else { size.next_multiple_of(LARGE) };
        let mut memory = take(size);
        memory[..self.len()].copy_from_slice(self.filled());
        self.end -= self.start;
        self.start = 0;
        put_back(std::mem::replace(&mut self.memory, memory));
    }

    /// Enlarges the buffer for a long body: fewer, larger reads.
    pub fn grow_for_body(&mut self) {
        self.grow(LARGE);
    }

    /// Whether it has more memory than at first.
    #[inline]
    pub fn is_large(&self) -> bool {
        self.memory.len() > SMALL
    }

    /// Frees the memory if the buffer is empty.
    pub fn release(&mut self) {
        if self.is_empty() && !self.memory.is_empty() {
            put_back(std::mem::take(&mut self.memory));
        }
    }

    /// Appends bytes, as a read would.
    #[cfg(test)]
    pub fn extend(&mut self, bytes: &[u8]) {
        self.grow(self.len() + bytes.len());
        self.space()[..bytes.len()].copy_from_slice(bytes);
        self.commit(bytes.len());
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if !self.memory.is_empty() {
            put_back(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_growing_and_moving() {
        let mut buffer = Buffer::default();
        let bytes: Vec<u8> = (0..40_000u32).map(|i| i as u8).collect();
        buffer.extend(&bytes[..10_000]);
        buffer.consume(9_000);
        buffer.extend(&bytes[10_000..40_000]);
        assert_eq!(buffer.filled(), &bytes[9_000..]);
        buffer.consume(31_000);
        assert!(buffer.is_empty());
        buffer.release();
        assert_eq!(buffer.filled(), b"");
    }

    #[test]
    fn a_full_buffer_has_no_space() {
        let mut buffer = Buffer::default();
        let n = buffer.space().len();
        buffer.commit(n);
        assert!(buffer.is_full());
        assert!(buffer.space().is_empty());
        buffer.consume(1);
        assert_eq!(buffer.space().len(), 1);
    }
}

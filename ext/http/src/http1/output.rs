//! Buffers that messages are written into.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// Room for an ordinary head with a small body.
const ORDINARY: usize = 2 * 1024;
/// Larger buffers are freed, not kept.
const LARGEST: usize = 32 * 1024;
/// Spare buffers of a thread: 8 MiB at the most.
const KEPT: usize = 256;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that wait to be sent. The memory comes from the thread's spare buffers and returns to them, so that a
/// connection to a backend, which lives for one request in this form, allocates none.
#[derive(Debug, Default)]
pub(super) struct Output(Vec<u8>);

impl Output {
    /// The buffer, with memory to write into.
    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        if self.0.capacity() == 0 {
            let spare = SPARE.with_borrow_mut(Vec::pop);
            self.0 = spare.unwrap_or_else(|| Vec::with_capacity(ORDINARY));
        }
        &mut self.0
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let mut memory = std::mem::take(&mut self.0);
        if memory.capacity() == 0 || memory.capacity() > LARGEST {
            return;
        }
        memory.clear();
        // When a thread ends, the list may be dropped before its last connection.
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(memory);
            }
        });
    }
}

impl Deref for Output {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Output {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

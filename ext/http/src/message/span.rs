//! Ranges of bytes in a head.

/// A range of a head's bytes. Heads are far smaller than 4 GiB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The range of `part`, a slice of `text`, inside `text`.
    pub fn within(text: &[u8], part: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        debug_assert!(start + part.len() <= text.len(), "a slice of other memory");
        Self { start: start as u32, end: (start + part.len()) as u32 }
    }

    /// The bytes of `text` that the span covers; empty if it lies outside.
    pub fn of(self, text: &[u8]) -> &[u8] {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// Number of bytes that the span covers.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether the span covers no bytes.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

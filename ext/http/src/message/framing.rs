//! Where a body ends, and the pieces in which it is read.

/// How a message says where its body ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// A response that ends with its connection.
    UntilClose,
}

impl Framing {
    /// Whether there can be no byte of a body.
    pub fn is_empty(self) -> bool {
        matches!(self, Framing::None | Framing::Length(0))
    }
}

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// So many bytes of the body.
    Data(usize),
    /// Nothing yet: read more.
    More,
    /// The body is complete.
    End,
}

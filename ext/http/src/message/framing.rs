//! Framing of bodies, and the pieces in which they are read.

/// The framing of a body: how its end is found (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// `Content-Length`: the number of bytes.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection ends (responses only).
    UntilClose,
}

impl Framing {
    /// Whether the body is certainly empty.
    pub fn is_empty(self) -> bool {
        matches!(self, Framing::None | Framing::Length(0))
    }
}

/// What stands at the front of a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A number of bytes of the body.
    Data(usize),
    /// Nothing yet: more has to be read.
    More,
    /// The body is complete.
    End,
}

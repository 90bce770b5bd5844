//! How long a body is, and reading and writing it.

use super::{Buffer, Chunked};
use crate::message::{Fields, Framing, Malformed, Piece};

/// Finds the body in what was read.
#[derive(Debug, Default)]
pub enum BodyReader {
    /// The body is complete, or there never was one.
    #[default]
    Done,
    /// So many bytes are to come.
    Length(u64),
    /// Chunks are to come.
    Chunked(Chunked),
    /// Everything until the connection ends.
    UntilClose,
}

impl BodyReader {
    /// A reader for a body of this framing.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => BodyReader::Done,
            Framing::Length(n) => BodyReader::Length(n),
            Framing::Chunked => BodyReader::Chunked(Chunked::default()),
            Framing::UntilClose => BodyReader::UntilClose,
        }
    }

    /// What the front of `buffer` holds.
    pub fn next(&mut self, buffer: &mut Buffer) -> Result<Piece, Malformed> {
        Ok(match self {
            BodyReader::Done | BodyReader::Length(0) => Piece::End,
            BodyReader::Length(left) => match buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX)) {
                0 => Piece::More,
                n => Piece::Data(n),
            },
            BodyReader::Chunked(chunked) => return chunked.next(buffer),
            BodyReader::UntilClose => match buffer.len() {
                0 => Piece::More,
                n => Piece::Data(n),
            },
        })
    }

    /// Takes `n` bytes of data out of `buffer`.
    pub fn consume(&mut self, buffer: &mut Buffer, n: usize) {
        buffer.consume(n);
        match self {
            BodyReader::Length(left) => *left = left.saturating_sub(n as u64),
            BodyReader::Chunked(chunked) => chunked.consumed(n),
            BodyReader::Done | BodyReader::UntilClose => {}
        }
    }

    /// Whether the body was read to its end.
    pub fn is_done(&self) -> bool {
        match self {
            BodyReader::Done | BodyReader::Length(0) => true,
            BodyReader::Chunked(chunked) => chunked.is_done(),
            BodyReader::Length(_) | BodyReader::UntilClose => false,
        }
    }

    /// Says that the connection ended. An error if the body is not complete.
    pub fn ended(&mut self) -> Result<(), Malformed> {
        match self {
            BodyReader::UntilClose => *self = BodyReader::Done,
            _ if self.is_done() => {}
            _ => return Err(Malformed::BodyTooShort),
        }
        Ok(())
    }

    /// The trailer fields of a complete chunked body.
    pub fn trailers(&self) -> Option<&Fields> {
        match self {
            BodyReader::Chunked(chunked) => chunked.trailers(),
            _ => None,
        }
    }

    /// The trailer fields, for changing them.
    pub fn trailers_mut(&mut self) -> Option<&mut Fields> {
        match self {
            BodyReader::Chunked(chunked) => chunked.trailers_mut(),
            _ => None,
        }
    }
}

/// Frames a body that is sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum BodyWriter {
    /// Nothing may be sent.
    #[default]
    Done,
    /// So many bytes are still to be sent.
    Length(u64),
    /// Chunks. The number is what is left of the chunk that was begun.
    Chunked(usize),
    /// Bytes as they are, until the connection is closed.
    UntilClose,
}

impl BodyWriter {
    /// A writer for a body of this framing.
    pub fn new(framing: Framing) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => BodyWriter::Done,
            Framing::Length(n) => BodyWriter::Length(n),
            Framing::Chunked => BodyWriter::Chunked(0),
            Framing::UntilClose => BodyWriter::UntilClose,
        }
    }

    /// Whether the body may end here: no chunk is incomplete, and no byte is missing that was announced.
    pub fn may_end(&self) -> bool {
        matches!(self, Self::Done | Self::UntilClose | Self::Chunked(0) | Self::Length(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_of_a_length_takes_no_byte_more() {
        let mut buffer = Buffer::default();
        buffer.extend(b"helloGET");
        let mut reader = BodyReader::new(Framing::Length(5));
        assert_eq!(reader.next(&mut buffer), Ok(Piece::Data(5)));
        reader.consume(&mut buffer, 5);
        assert_eq!(reader.next(&mut buffer), Ok(Piece::End));
        assert_eq!(buffer.filled(), b"GET");
    }

    #[test]
    fn an_early_end_is_an_error_unless_the_end_is_the_framing() {
        assert!(BodyReader::new(Framing::Length(5)).ended().is_err());
        assert!(BodyReader::new(Framing::Chunked).ended().is_err());
        assert!(BodyReader::new(Framing::None).ended().is_ok());
        assert!(BodyReader::new(Framing::UntilClose).ended().is_ok());
    }
}

//! Framing of bodies: reading and writing them.

use super::{Buffer, Chunked};
use crate::message::{Fields, Framing, Malformed, Piece};

/// Reads a body from the bytes of a connection.
#[derive(Debug, Default)]
pub enum BodyReader {
    /// The body is complete, or there never was one.
    #[default]
    Done,
    /// A body of known length: bytes still to come.
    Length(u64),
    /// A chunked body.
    Chunked(Chunked),
    /// A body that ends with the connection.
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

    /// What stands at the front of `buffer`.
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

    /// Handles the end of the connection. An error if the body is not complete.
    pub fn ended(&mut self) -> Result<(), Malformed> {
        match self {
            BodyReader::UntilClose => *self = BodyReader::Done,
            _ if self.is_done() => {}
            _ => return Err(Malformed::BodyTooShort),
        }
        Ok(())
    }

    /// The trailer fields of a chunked body that was read to its end.
    pub fn trailers(&self) -> Option<&Fields> {
        match self {
            BodyReader::Chunked(chunked) => chunked.trailers(),
            _ => None,
        }
    }

    /// Mutable access to the trailer fields.
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
    /// No body, or one that is complete: nothing may be sent.
    #[default]
    Done,
    /// A body of known length: bytes still to be sent.
    Length(u64),
    /// A chunked body: bytes still missing from the chunk that was begun.
    Chunked(usize),
    /// A body that ends when the connection is closed; bytes are sent as they are.
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

    /// Whether the body may end here: no chunk is incomplete, and no announced byte is missing.
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

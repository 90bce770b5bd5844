//! Why a message could not be read.

use std::io;

use super::Malformed;

/// Why reading failed.
#[derive(Debug)]
pub enum ReadError {
    /// The peer went away, or the system gave an error.
    Io(io::Error),
    /// What came is not well formed.
    Malformed(Malformed),
    /// The head is larger than the limit.
    TooLarge,
    /// The body is longer than the limit.
    BodyTooLarge,
    /// The connection ended before the message did. The number of bytes of the message that had come is not zero.
    Truncated,
    /// The connection ended and nothing of a message had come.
    Ended,
    /// The peer refused to begin with the message (HTTP/2 alone).
    Refused,
    /// The peer ends the connection, and says that it did nothing with the message (HTTP/2 alone).
    Unserved,
    /// It speaks another protocol, and was told nothing that it could have understood.
    Foreign,
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::Io(error)
    }
}

impl From<Malformed> for ReadError {
    fn from(malformed: Malformed) -> Self {
        ReadError::Malformed(malformed)
    }
}

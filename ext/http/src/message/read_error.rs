//! Why a message could not be read.

use std::io;

use super::Malformed;

/// Why a message could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// The peer is gone, or the system reported an error.
    Io(io::Error),
    /// The message is malformed.
    Malformed(Malformed),
    /// The head is larger than the limit.
    TooLarge,
    /// The body is longer than the limit.
    BodyTooLarge,
    /// The connection ended in the middle of the message, after its first byte.
    Truncated,
    /// The connection ended before the first byte of a message.
    Ended,
    /// The peer refused to begin with the message (HTTP/2 only).
    Refused,
    /// The peer ends the connection, and says that it has not processed the message (HTTP/2 only).
    Unserved,
    /// The peer speaks another protocol. It was sent nothing that it could have understood.
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

//! Errors of `h2` as errors of this crate.

use std::io;

use h2::Reason;

use crate::message::{Malformed, ReadError};

/// Turns an error of `h2` into an I/O error.
pub fn into_io(error: h2::Error) -> io::Error {
    match error.is_io() {
        true => error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into()),
        false => io::Error::other(error),
    }
}

/// Why reading from a stream fails.
pub(super) fn read_error(error: h2::Error) -> ReadError {
    // `h2` reports GOAWAY only to streams above the last stream id, which the peer did not process (RFC 9113, section
    // 6.8).
    if error.is_remote() && error.is_go_away() {
        return ReadError::Unserved;
    }
    if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) {
        return ReadError::Refused;
    }
    if error.is_library() && error.is_reset() {
        return ReadError::Malformed(Malformed::Http2);
    }
    ReadError::Io(into_io(error))
}

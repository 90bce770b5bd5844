//! The byte stream under a connection.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connected byte stream: plain, TLS, or one of a test.
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Whether the stream may buffer written bytes until a flush, as TLS does.
    fn buffers_writes(&self) -> bool;
}

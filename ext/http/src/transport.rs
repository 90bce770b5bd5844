//! The byte stream under a connection.

use tokio::io::{AsyncRead, AsyncWrite};

/// A connected byte stream: plain, TLS, or a test's own.
pub trait Transport: AsyncRead + AsyncWrite + Unpin {
    /// Whether written bytes may stay in a buffer of the stream's own until a flush, as with TLS.
    fn buffers_writes(&self) -> bool;
}

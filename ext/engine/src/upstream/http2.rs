//! HTTP/2 to backends: connections that the requests of one engine thread share, each as a stream of its own.
//!
//! [`Http2Pool`] finds a connection with room for one more stream, or makes one for all requests that wait;
//! [`drive`](drive::drive) is the task of each connection; [`mod@alone`] is for a single request that shares nothing,
//! such as a health check.

mod alone;
mod pending_connect;
mod drive;
mod pool;
mod request;
mod watched;

pub(crate) use alone::alone;
pub(crate) use pending_connect::{Acquired, ConnectRequest};
pub(crate) use pool::Http2Pool;
use proxy_http::http2::Lease;
pub(crate) use request::write_request;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use rustls::pki_types::ServerName;

use crate::stream::Stream;
use proxy_http::http2::UNSAID;
use proxy_http::message::MAX_RESPONSE_FIELDS;
use watched::{Activity, Watched};

/// Receive window of a stream: bytes that its client has not taken yet. It bounds the memory that a slow client costs,
/// and the speed of a response to as much in a round trip (back-pressure).
const STREAM_WINDOW: u32 = 256 * 1024;
/// Most streams on one connection, whatever the backend allows.
const MOST_STREAMS: usize = 128;
/// Receive window of a connection: large enough that streams whose clients have stopped reading never use it up and
/// block the others (head-of-line blocking).
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS as u32;
/// Bytes of a request's body that are buffered before the socket takes them.
const SEND_BUFFER: usize = 64 * 1024;
/// What `h2` adds for each field when it measures a head (RFC 9113, section 6.5.2), for as many as a head of HTTP/1.1
/// may have. What is over the limit is then found by us, and called so.
const OVERHEAD: usize = 32 * MAX_RESPONSE_FIELDS;
/// Reset streams that `h2` remembers, since frames for them may be on their way. Enough for all clients of a
/// connection to go away at once, again and again.
const REMEMBERED_RESETS: usize = 4096;
/// Time that reset streams are remembered: longer than a backend takes to hear of the reset.
const RESET_MEMORY: Duration = Duration::from_secs(5);
/// Late frames for reset streams that `h2` tolerates in the life of a connection, before it ends the connection with
/// all its streams. Its default of 1,024 is used up quickly when clients abort.
const FRAMES_FOR_NOBODY: usize = 64 * 1024;
/// Dead connections that one attempt skips. HTTP/1.1 has one idle connection at most in an attempt; of shared
/// connections several may end at the same time.
pub(crate) const MOST_DEAD: u32 = 3;

/// A connection to a backend, which has to be polled to do anything.
type Connection = h2::client::Connection<Watched, Bytes>;

/// A new connection.
#[derive(Debug)]
struct Opened {
    /// The TLS server name that it was made for.
    name: Option<ServerName<'static>>,
    requests: SendRequest<Bytes>,
    connection: Connection,
    activity: Activity,
}

/// Begins HTTP/2 on a connection. Nothing waits until the backend does too (RFC 9113, section 3.4): that would cost a
/// round trip for each connection, and some backends read a request first.
async fn begin(stream: Stream, max_head: usize) -> Result<(SendRequest<Bytes>, Connection, Activity), io::Error> {
    let (stream, activity) = Watched::new(stream);
    let largest = u32::try_from(max_head + OVERHEAD).unwrap_or(u32::MAX);
    let (requests, connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(largest)
        .max_send_buffer_size(SEND_BUFFER)
        .initial_max_send_streams(UNSAID)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .reset_stream_duration(RESET_MEMORY)
        .max_local_error_reset_streams(Some(FRAMES_FOR_NOBODY))
        .handshake(stream)
        .await
        .map_err(proxy_http::http2::into_io)?;
    Ok((requests, connection, activity))
}

#[cfg(test)]
mod tests;

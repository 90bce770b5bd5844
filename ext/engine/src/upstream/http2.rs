//! HTTP/2 to backends: connections that the requests of one engine thread share, each as a stream of its own.
//!
//! [`Lanes`] finds a connection with room for one more stream, or has one made for all that wait; [`drive`](drive::drive) is the task that each
//! connection lives in; [`alone`] is for a single request that shares nothing, such as a check.

mod alone;
mod dial;
mod drive;
mod lanes;
mod request;
mod watched;

pub(crate) use alone::alone;
pub(crate) use dial::{Call, Reached};
pub(crate) use lanes::Lanes;
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

/// What one stream may have sent us that was not yet taken by its client. It bounds the memory that a slow client costs, and the
/// speed of a response to as much in a round trip.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Streams on one connection, whatever the backend allows.
const MOST_STREAMS: usize = 128;
/// The same as [`STREAM_WINDOW`] for a whole connection: so much that streams whose clients have stopped reading, be they all but
/// one, can never use it up and stall the others.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MOST_STREAMS as u32;
/// What is taken of one request's body before the socket has taken it.
const SEND_BUFFER: usize = 64 * 1024;
/// What `h2` adds for each field when it measures a head (RFC 9113, section 6.5.2), for as many as a head of HTTP/1.1 may have.
/// What is over the limit is then found by us, and called so.
const OVERHEAD: usize = 32 * MAX_RESPONSE_FIELDS;
/// Streams that were given up and are remembered for a while, since frames for them may be on their way: so many that whoever has
/// every client of a connection go away at once, again and again, does not have them forgotten.
const REMEMBERED_RESETS: usize = 4096;
/// How long they are remembered: longer than a backend takes to hear of it.
const RESET_MEMORY: Duration = Duration::from_secs(5);
/// Frames for streams that are forgotten all the same, in a connection's whole life, after which `h2` ends it with all that it carries.
/// The usual thousand are sent in no time to clients that have gone away.
const FRAMES_FOR_NOBODY: usize = 64 * 1024;
/// Connections that may turn out to be dead in one attempt. Of idle ones of HTTP/1.1 none but the first is used; a shared one may be
/// the next in a row that ends at the same time.
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

/// Begins HTTP/2 on a connection. Nothing waits until the backend does too (RFC 9113, section 3.4): that would cost a round trip for each
/// connection, and some backends read a request first.
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

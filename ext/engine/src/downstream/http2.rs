//! One client connection that speaks HTTP/2 (RFC 9113): each of its streams is a request, served in a task of its own.
//!
//! `h2` takes the frames apart, keeps the windows and enforces the protocol. What it does not bound is bounded here: the work that
//! a client may cause without asking for anything ([`meter`]), and the time that it may take for each step.

mod meter;
mod request;
mod session;
mod wire;

use std::future::{poll_fn, Future};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server;
use tokio::time::Instant;

use self::meter::Meter;
use self::session::Session;
use self::wire::Wire;
use crate::alarm::Alarm;
use crate::client::ClientInfo;
use crate::engine::{Engine, Registration};
use crate::stream::Stream;

/// What a client that speaks HTTP/2 begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Requests that a client may have open at once: as many as nginx allows. The protocol's authors advise 100 or more.
const MAX_STREAMS: u32 = 128;
/// Bytes of a request's body that are taken before a backend has taken them: enough for 2.5 MB/s at 50 ms, and no more for one
/// request than it would get in HTTP/1.1 with the buffers of the system.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The same for all requests together: so much that one whose backend has stopped never stops the others.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS;
/// Bytes of one response that wait for the socket. Only what the client has room for gets here; the rest stays with the backend.
const SEND_BUFFER: usize = 64 * 1024;
/// What small pieces of bodies may cost in bookkeeping before they are used, in bytes: more than the sieve lets all streams have.
const SMALL_PIECES: usize = 1024 * 1024;
/// Requests that may be taken back before we have even seen them, in one go.
const UNSEEN_RESETS: usize = 20;
/// Requests that were reset by us and are remembered for a moment, since frames for them may be on their way.
const REMEMBERED_RESETS: usize = 50;
/// Requests of one connection that may break the protocol, each of which is reset.
const BROKEN_STREAMS: usize = 256;
/// What `h2` lets in beyond the largest head, so that one which is somewhat too large gets an answer of ours.
const HEAD_MARGIN: usize = 16 * 1024;

/// How long a client that was asked to leave, and waits for nothing, may take to do so: more than one round trip, so that a request which
/// was on its way is served.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a connection to its end. `received` are the bytes that were read from it so far.
pub(crate) async fn serve(
    engine: &Rc<Engine>,
    registration: &Registration,
    stream: Stream,
    received: Vec<u8>,
    link: &ClientInfo,
) {
    let limits = engine.snapshot().globals.limits;
    let meter = Rc::new(Meter::new(Instant::now()));
    let wire = Wire::new(stream, received, Rc::clone(&meter), limits.client_body);
    let until = Instant::now() + limits.head;
    registration.is_new();
    let mut alarm = Alarm::default();
    let connection = {
        let mut handshake = pin!(builder(limits.max_head).handshake::<_, Bytes>(wire));
        poll_fn(|cx| match handshake.as_mut().poll(cx) {
            Poll::Ready(connection) => Poll::Ready(connection.ok()),
            Poll::Pending if registration.must_leave() => Poll::Ready(None),
            Poll::Pending => alarm.poll(cx, until).map(|()| None),
        })
        .await
    };
    if let Some(connection) = connection {
        Session::new(engine, registration, link, connection, meter, alarm).run().await;
    }
}

fn builder(max_head: usize) -> server::Builder {
    let largest = max_head.saturating_mul(2).saturating_add(HEAD_MARGIN);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_header_list_size(u32::try_from(largest).unwrap_or(u32::MAX))
        .data_frame_budget(SMALL_PIECES)
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_concurrent_reset_streams(REMEMBERED_RESETS)
        .max_local_error_reset_streams(Some(BROKEN_STREAMS))
        .enable_connect_protocol();
    builder
}

//! One client connection that speaks HTTP/2 (RFC 9113): each of its streams is a request, served in a task of its own.
//!
//! `h2` parses frames, keeps the windows and enforces the protocol. What it does not bound is bounded here: the work
//! that a client may cause without a request ([`meter`]), and the time for each step.

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
use crate::channel::Outflow;
use crate::client::ClientInfo;
use crate::deadline::DeadlineTimer;
use crate::stream::Stream;
use crate::worker::{Registration, Worker};

/// The preface of a client (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Requests that a client may have open at once: as many as nginx allows. The protocol's authors advise 100 or more.
const MAX_STREAMS: u32 = 128;
/// Receive window of a stream: bytes of a request body that no backend has taken yet. Enough for 2.5 MB/s at 50 ms,
/// and no more for one request than HTTP/1.1 has in the buffers of the system (back-pressure).
const STREAM_WINDOW: u32 = 128 * 1024;
/// Receive window of a connection: large enough that a request whose backend has stopped never blocks the others
/// (head-of-line blocking).
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * MAX_STREAMS;
/// Bytes of one response that wait for the socket. Only what the window of the client has room for gets here.
const SEND_BUFFER: usize = 64 * 1024;
/// Bookkeeping for small DATA frames that wait, in bytes: more than the sieve lets all streams have.
const SMALL_PIECES: usize = 1024 * 1024;
/// Requests that may be reset by the client before they are accepted, in one go.
const UNSEEN_RESETS: usize = 20;
/// Requests reset by us that `h2` remembers, since frames for them may be on their way.
const REMEMBERED_RESETS: usize = 50;
/// Protocol errors of single requests on one connection. Each resets its stream.
const BROKEN_STREAMS: usize = 256;
/// Bytes that `h2` allows beyond the largest head, so that a head that is slightly too large gets our answer.
const HEAD_MARGIN: usize = 16 * 1024;

/// Time for an idle client to close after GOAWAY: more than one round trip, so that a request on its way is served.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves a connection to its end. `received` are the bytes that were read from it so far.
pub(crate) async fn serve(
    worker: &Rc<Worker>,
    registration: &Registration,
    stream: Stream,
    received: Vec<u8>,
    client_info: &ClientInfo,
) {
    // Boxed: what the beginning needs is given back after it.
    if let Some(session) = Box::pin(begin(worker, registration, stream, received, client_info)).await {
        session.run().await;
    }
}

/// Exchanges the first frames. `None`: the client sent none in time, or wrong ones.
async fn begin<'a>(
    worker: &Rc<Worker>,
    registration: &'a Registration,
    stream: Stream,
    received: Vec<u8>,
    client_info: &ClientInfo,
) -> Option<Box<Session<'a>>> {
    let limits = worker.snapshot().globals.limits;
    let meter = Rc::new(Meter::new(Instant::now(), Rc::new(Outflow::of(stream))));
    let wire = Wire::new(received, Rc::clone(&meter), limits.client_body);
    let until = Instant::now() + limits.head;
    registration.is_new();
    let mut alarm = DeadlineTimer::default();
    let connection = {
        let mut handshake = pin!(builder(limits.max_head).handshake::<_, Bytes>(wire));
        poll_fn(|cx| match handshake.as_mut().poll(cx) {
            Poll::Ready(connection) => Poll::Ready(connection.ok()),
            Poll::Pending if registration.must_leave() => Poll::Ready(None),
            Poll::Pending => alarm.poll(cx, until).map(|()| None),
        })
        .await
    };
    connection.map(|it| Box::new(Session::new(worker, registration, client_info, it, meter, alarm)))
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

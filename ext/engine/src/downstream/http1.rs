//! One client connection: request after request until one side has had enough.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::http2::PREFACE;
use crate::engine::{Engine, Registration, Workspace};
use crate::forward::{forward_guarded, log_refused, note_refused, refuse, Unread, Verdict};
use crate::grpc::Told;
use crate::http1::{salvage_request, Connection, ReadError};
use crate::peer::Peer;
use crate::request_id::RequestId;
use crate::rewrite::ClientInfo;
use crate::snapshot::Snapshot;
use crate::stream::Stream;
use crate::upstream::exchange::{self, Client, Rate};

/// What a client may still send after an answer that closes its connection: as long as it goes on without such a pause, …
const LINGER_PAUSE: Duration = Duration::from_secs(2);
/// … and no longer than this.
const LINGER: Duration = Duration::from_secs(10);

/// A connection that was accepted just before the server began to stop has this long to say what it wants.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(250);

/// Serves a connection to its end, unless the client turns out to speak HTTP/2 and may: then this is where it stands, and what was
/// read of it.
pub(crate) async fn serve(
    engine: &Rc<Engine>,
    registration: &Registration,
    stream: Stream,
    link: &ClientInfo,
    may_be_http2: bool,
) -> Option<(Stream, Vec<u8>)> {
    let mut client = Client::http1(Connection::new(stream));
    let verdict = match serve_requests(engine, registration, link, &mut client, may_be_http2).await {
        End::Closed(verdict) => verdict,
        End::Http2 => {
            let Peer::Http1(connection) = client.peer else { return None };
            let received = connection.input.filled().to_vec();
            return Some((connection.into_stream(), received));
        }
    };
    // Nothing more is asked over it.
    registration.is_idle_since(Instant::now());
    if let Some(connection) = client.peer.http1() {
        connection.stream().give_up_after(engine.snapshot().limits.client_body);
    }
    match verdict {
        Verdict::KeepAlive => {}
        Verdict::CutShort => {
            if let Some(connection) = client.peer.http1() {
                connection.stream().cut();
            }
        }
        Verdict::Close => {
            shut_down(&mut client).await;
            // Requests behind the last one, for example: it is likely that more is on its way.
            let more = |connection: &mut Connection| !connection.input.is_empty() || connection.stream().has_unread();
            if client.peer.http1().is_some_and(more) {
                take_the_rest(registration, &mut client).await;
            }
        }
        Verdict::Linger => {
            shut_down(&mut client).await;
            take_the_rest(registration, &mut client).await;
        }
        Verdict::Reset => {
            if let Some(connection) = client.peer.http1() {
                connection.stream().reset_on_close();
            }
        }
    }
    None
}

/// Answers a client that speaks HTTP where TLS is spoken. `said` is what it sent first; it is for the log alone.
pub(crate) async fn refuse_plain(
    engine: &Engine,
    registration: &Registration,
    link: &ClientInfo,
    stream: Stream,
    said: &[u8],
) {
    const BODY: &str = "A plain HTTP request came to a port for HTTPS: write https:// in place of http://.\n";
    let mut client = Client::http1(Connection::new(stream));
    let Some(connection) = client.peer.http1() else { return };
    let output = connection.output();
    output.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n");
    engine.write_date(output);
    output.extend_from_slice(format!("Content-Length: {}\r\nConnection: close\r\n\r\n{BODY}", BODY.len()).as_bytes());
    engine.counters.answered(400);
    let flushed = exchange::flush(&mut client, LINGER_PAUSE, Rate::ANY).await;
    let mut work = engine.workspace();
    work.begun = None;
    salvage_request(said, &mut work.request);
    log_refused(engine, link, &mut work, RequestId::random(), (400, Told::default()), BODY.len() as u64);
    engine.reuse(work);
    if flushed.is_ok() {
        shut_down(&mut client).await;
        take_the_rest(registration, &mut client).await;
    }
}

/// Why no more requests are read.
enum End {
    Closed(Verdict),
    /// What came first is no request, but how HTTP/2 begins.
    Http2,
}

async fn serve_requests(
    engine: &Rc<Engine>,
    registration: &Registration,
    link: &ClientInfo,
    client: &mut Client,
    may_be_http2: bool,
) -> End {
    let mut first = true;
    loop {
        let Some(connection) = client.peer.http1() else { return End::Closed(Verdict::Close) };
        if !connection.skip_empty_lines() {
            connection.rest();
            let limits = engine.snapshot().limits;
            // A new connection has as long for its first byte as for its first head.
            let limit = if first { limits.head } else { limits.keepalive };
            if !wait_for_request(engine, registration, client, limit, first).await {
                return End::Closed(Verdict::Close);
            }
        }
        if engine.is_draining() && !first {
            return End::Closed(Verdict::Close);
        }
        let may_be_http2 = std::mem::take(&mut first) && may_be_http2;
        let snapshot = engine.snapshot();
        let mut work = engine.workspace();
        let end = match read_head(engine, &snapshot, link, client, &mut work, may_be_http2).await {
            Ok(()) => End::Closed(forward_guarded(engine, &snapshot, link, client, &mut work).await),
            Err(end) => end,
        };
        engine.reuse(work);
        if !matches!(end, End::Closed(Verdict::KeepAlive)) {
            return end;
        }
    }
}

/// Waits for a request's first byte. `false` if there will be none.
async fn wait_for_request(
    engine: &Engine,
    registration: &Registration,
    client: &mut Client,
    limit: Duration,
    first: bool,
) -> bool {
    let now = Instant::now();
    let mut until = now + limit;
    let mut told = false;
    let Some((connection, alarm)) = client.connection() else { return false };
    // One that never said anything has been idle since it came.
    if !first {
        registration.is_idle_since(now);
    }
    let begun = poll_fn(|cx| {
        loop {
            match connection.poll_read(cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Ready(Ok(_)) if connection.skip_empty_lines() => return Poll::Ready(true),
                // Some clients send an empty line behind a body. The connection is as idle as without it.
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        if engine.is_draining() && !told {
            if !first {
                return Poll::Ready(false);
            }
            told = true;
            until = until.min(Instant::now() + FIRST_REQUEST_GRACE);
        }
        // What came before it was told so is served.
        if registration.must_leave() && !connection.stream().has_unread() {
            return Poll::Ready(false);
        }
        alarm.poll(cx, until).map(|()| false)
    })
    .await;
    registration.is_busy();
    begun
}

/// Reads a head into `work`. What cannot be read is answered here.
async fn read_head(
    engine: &Engine,
    snapshot: &Snapshot,
    link: &ClientInfo,
    client: &mut Client,
    work: &mut Workspace,
    may_be_http2: bool,
) -> Result<(), End> {
    let limits = snapshot.limits;
    let mut until: Option<Instant> = None;
    let Some((connection, alarm)) = client.connection() else { return Err(End::Closed(Verdict::Close)) };
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = connection.poll_request_head(cx, &mut work.request, limits.max_head) {
            return Poll::Ready(Ok(result));
        }
        // Most heads come whole, and their time is never looked at.
        let until = *until.get_or_insert_with(|| Instant::now() + limits.head);
        alarm.poll(cx, until).map(Err)
    })
    .await;
    // A head that came in pieces began when the first of them did.
    work.begun = until.and_then(|until| until.checked_sub(limits.head));
    let (status, why) = match result {
        Ok(Ok(())) => return Ok(()),
        // Asked only now, so that no request of HTTP/1.1 pays for it.
        Ok(Err(ReadError::Malformed(_))) if may_be_http2 && is_preface(connection.input.filled()) => {
            return Err(End::Http2);
        }
        Ok(Err(ReadError::Malformed(why))) => (why.status(), why.0),
        Ok(Err(ReadError::TooLarge | ReadError::BodyTooLarge)) => {
            (too_large(connection.input.filled(), limits.max_head), "its head is longer than max_header_size")
        }
        Ok(Err(
            ReadError::Io(_)
            | ReadError::Ended
            | ReadError::Truncated
            | ReadError::Refused
            | ReadError::Unserved
            | ReadError::Foreign,
        )) => {
            if connection.skip_empty_lines() {
                note_unfinished(engine, link, connection.input.filled(), work);
            }
            return Err(End::Closed(Verdict::Close));
        }
        Err(()) => (408, "its head was not whole within client_header_timeout"),
    };
    let bytes = connection.input.filled();
    salvage_request(&bytes[..bytes.len().min(limits.max_head)], &mut work.request);
    Err(End::Closed(refuse(engine, link, client, work, Unread::new(status, why, None)).await))
}

/// The status for a head that is too large: it is the target that is too long, if the line that it stands on does not end before.
fn too_large(bytes: &[u8], limit: usize) -> u16 {
    let line = &bytes[..bytes.len().min(limit)];
    if memchr::memchr(b'\n', line).is_some() {
        431
    } else {
        414
    }
}

/// Logs a request that its client has begun and given up.
#[cold]
fn note_unfinished(engine: &Engine, link: &ClientInfo, bytes: &[u8], work: &mut Workspace) {
    salvage_request(bytes, &mut work.request);
    engine.counters.answered(499);
    let id = RequestId::random();
    note_refused(engine, link, work, id, format_args!("the client went away before its head was whole"));
    log_refused(engine, link, work, id, (499, Told::default()), 0);
}

/// Whether HTTP/2 has begun, as far as its preface is there.
fn is_preface(bytes: &[u8]) -> bool {
    let n = bytes.len().min(PREFACE.len());
    bytes.starts_with(b"PRI ") && bytes[..n] == PREFACE[..n]
}

/// Ends our side and lets go.
async fn shut_down(client: &mut Client) {
    let until = Instant::now() + LINGER_PAUSE;
    let Some((connection, alarm)) = client.connection() else { return };
    poll_fn(|cx| {
        if connection.poll_shutdown(cx).is_ready() {
            return Poll::Ready(());
        }
        alarm.poll(cx, until)
    })
    .await;
}

/// Takes what the client still sends, so that the system does not answer it with a reset, which would destroy the answer before
/// the client has read it (RFC 9112, section 9.6).
async fn take_the_rest(registration: &Registration, client: &mut Client) {
    let end = Instant::now() + LINGER;
    let mut pause = Instant::now() + LINGER_PAUSE;
    let Some((connection, alarm)) = client.connection() else { return };
    poll_fn(|cx| {
        loop {
            let held = connection.input.len();
            connection.input.consume(held);
            match connection.poll_read(cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(_)) => pause = Instant::now() + LINGER_PAUSE,
                Poll::Pending => break,
            }
        }
        if registration.must_leave() {
            return Poll::Ready(());
        }
        alarm.poll(cx, pause.min(end))
    })
    .await;
}

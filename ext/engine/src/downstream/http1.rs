//! One HTTP/1.1 connection of a client: request after request until one side ends it.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use proxy_http::http1::salvage_request;
use proxy_http::message::ReadError;
use tokio::time::Instant;

use super::grace::Deadline;
use super::http2::PREFACE;
use super::linger;
use crate::channel::Channel;
use crate::client::ClientInfo;
use crate::error::{Cause, EndReason};
use crate::forward::{forward_guarded, log_refused, note_refused, refuse, RefusedOutcome, Unread};
use crate::relay::{self, ClientChannel, Rate};
use crate::request::Verdict;
use crate::request::Workspace;
use crate::request_id::RequestId;
use crate::snapshot::Snapshot;
use crate::stream::Http1Connection;
use crate::stream::Stream;
use crate::worker::{Registration, Worker};

/// Time for which a connection stays ready for its next request. Later the memory that a request works in is given
/// back: a connection that rests then takes half as much.
const BURST: Duration = Duration::from_secs(1);

/// Serves a connection to its end. Returns the connection and the bytes read so far if the client begins HTTP/2 and
/// may.
pub(crate) async fn serve(
    worker: &Rc<Worker>,
    registration: &Registration,
    stream: Stream,
    client_info: &ClientInfo,
    may_be_http2: bool,
) -> Option<(Stream, Vec<u8>)> {
    let mut client = ClientChannel::http1(Http1Connection::new(stream));
    let verdict = match serve_requests(worker, registration, client_info, &mut client, may_be_http2).await {
        End::Closed(verdict) => verdict,
        End::Http2 => {
            let Channel::Http1(connection) = client.channel else { return None };
            let received = connection.input.filled().to_vec();
            return Some((connection.into_stream(), received));
        }
    };
    // No further request comes over it.
    registration.is_idle_since(Instant::now());
    if let Some(connection) = client.channel.http1() {
        connection.stream().give_up_after(worker.snapshot().globals.limits.client_body);
    }
    match verdict {
        Verdict::KeepAlive => {}
        Verdict::CutShort => {
            if let Some(connection) = client.channel.http1() {
                connection.stream().cut();
            }
        }
        Verdict::Close => {
            linger::shut_down(&mut client).await;
            // More is likely to be on its way, such as requests behind the last one.
            let more =
                |connection: &mut Http1Connection| !connection.input.is_empty() || connection.stream().has_unread();
            if client.channel.http1().is_some_and(more) {
                linger::take_the_rest(registration, &mut client).await;
            }
        }
        Verdict::Linger => {
            linger::shut_down(&mut client).await;
            linger::take_the_rest(registration, &mut client).await;
        }
        Verdict::Reset => {
            if let Some(connection) = client.channel.http1() {
                connection.stream().reset_on_close();
            }
        }
    }
    None
}

/// Answers a client that speaks plain HTTP to a TLS port. `said` are its first bytes, for the log alone.
pub(crate) async fn refuse_plain(
    worker: &Worker,
    registration: &Registration,
    client_info: &ClientInfo,
    stream: Stream,
    said: &[u8],
) {
    const BODY: &str = "A plain HTTP request came to a port for HTTPS: write https:// in place of http://.\n";
    let mut client = ClientChannel::http1(Http1Connection::new(stream));
    let Some(connection) = client.channel.http1() else { return };
    let output = connection.output();
    output.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n");
    worker.write_date(output);
    output.extend_from_slice(format!("Content-Length: {}\r\nConnection: close\r\n\r\n{BODY}", BODY.len()).as_bytes());
    let status = Cause::PlainHttp.status();
    worker.counters.answered(status);
    let flushed = relay::flush(&mut client, linger::PAUSE, Rate::ANY).await;
    let mut work = worker.workspace();
    work.begun = None;
    salvage_request(said, &mut work.request);
    log_refused(
        worker,
        client_info,
        &mut work,
        RequestId::random(),
        RefusedOutcome::of(Cause::PlainHttp, BODY.len() as u64),
    );
    worker.reuse(work);
    if flushed.is_ok() {
        linger::shut_down(&mut client).await;
        linger::take_the_rest(registration, &mut client).await;
    }
}

/// Why no more requests are read.
enum End {
    Closed(Verdict),
    /// The client has begun HTTP/2 instead of a request.
    Http2,
}

/// Serves request after request. Between requests that are far apart only this small future lives.
async fn serve_requests(
    worker: &Rc<Worker>,
    registration: &Registration,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    may_be_http2: bool,
) -> End {
    let now = Instant::now();
    // A new connection has as long for its first byte as for its first head.
    let until = now + worker.snapshot().globals.limits.head;
    let mut pause = Pause { is_first: true, is_short: false, since: now, until };
    loop {
        let Some(connection) = client.channel.http1() else { return End::Closed(Verdict::Close) };
        if !connection.skip_empty_lines() {
            match wait_for_request(worker, registration, client, &pause, pause.until).await {
                PauseEnd::Begun => {}
                PauseEnd::Late | PauseEnd::Over => return End::Closed(Verdict::Close),
            }
        }
        // Boxed: what a request takes is given back while the connection rests.
        pause = match Box::pin(serve_burst(worker, registration, client_info, client, pause, may_be_http2)).await {
            Ok(pause) => pause,
            Err(end) => return end,
        };
    }
}

/// Serves a request that has begun, and those that follow it closely. Returns the pause in which the connection is when
/// no request came for [`BURST`].
async fn serve_burst(
    worker: &Rc<Worker>,
    registration: &Registration,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    pause: Pause,
    may_be_http2: bool,
) -> Result<Pause, End> {
    let mut first = pause.is_first;
    loop {
        let may_be_http2 = std::mem::take(&mut first) && may_be_http2;
        let snapshot = worker.snapshot();
        let mut work = worker.workspace();
        let end = match read_head(worker, &snapshot, client_info, client, &mut work, may_be_http2).await {
            Ok(()) => End::Closed(forward_guarded(worker, &snapshot, client_info, client, &mut work).await),
            Err(end) => end,
        };
        let keepalive = snapshot.globals.limits.keepalive;
        drop(snapshot);
        let ended = work.ended.take();
        worker.reuse(work);
        if !matches!(end, End::Closed(Verdict::KeepAlive)) {
            return Err(end);
        }
        let Some(connection) = client.channel.http1() else { return Err(End::Closed(Verdict::Close)) };
        if connection.skip_empty_lines() {
            continue;
        }
        let now = ended.unwrap_or_else(Instant::now);
        let until = now + keepalive;
        let pause = Pause { is_first: false, is_short: true, since: now, until };
        match wait_for_request(worker, registration, client, &pause, until.min(now + BURST)).await {
            PauseEnd::Begun => {}
            PauseEnd::Late if until > now + BURST => return Ok(Pause { is_short: false, ..pause }),
            PauseEnd::Late | PauseEnd::Over => return Err(End::Closed(Verdict::Close)),
        }
    }
}

/// The time before a request.
#[derive(Debug, Clone, Copy)]
struct Pause {
    /// Whether the connection has had no request so far.
    is_first: bool,
    /// Whether the next request is expected soon: the connection then keeps its memory.
    is_short: bool,
    since: Instant,
    /// Moment at which the connection is closed, unless a request begins.
    until: Instant,
}

/// End of a wait for a request.
enum PauseEnd {
    Begun,
    /// The time is over.
    Late,
    /// There will be none.
    Over,
}

/// Waits for the first byte of a request, until `until`.
async fn wait_for_request(
    worker: &Worker,
    registration: &Registration,
    client: &mut ClientChannel,
    pause: &Pause,
    until: Instant,
) -> PauseEnd {
    let mut deadline = Deadline::new(until);
    let Some((connection, alarm)) = client.connection() else { return PauseEnd::Over };
    // A connection without a request so far has been idle since it came.
    if !pause.is_first {
        registration.is_idle_since(pause.since);
    }
    let waited = poll_fn(|cx| {
        loop {
            match connection.poll_read(cx) {
                Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => return Poll::Ready(PauseEnd::Over),
                Poll::Ready(Ok(_)) if connection.skip_empty_lines() => return Poll::Ready(PauseEnd::Begun),
                // Some clients send an empty line behind a body. The connection is as idle as without it.
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => break,
            }
        }
        // Only now: the read has taken memory again, if there was none.
        match pause.is_short {
            true => connection.pause(),
            false => connection.rest(),
        }
        let until = deadline.now(worker);
        let leaves = worker.closes_idle() && !pause.is_first || registration.must_leave();
        // A request that has come already is served.
        if leaves && !connection.stream().has_unread() {
            return Poll::Ready(PauseEnd::Over);
        }
        alarm.poll(cx, until).map(|()| PauseEnd::Late)
    })
    .await;
    registration.is_busy();
    waited
}

/// A head that is being read, in pieces if it has a begin. What of it is there when the stop ends the thread is logged.
struct HeadOnItsWay<'a> {
    worker: &'a Worker,
    client_info: &'a ClientInfo,
    connection: &'a mut Http1Connection,
    work: &'a mut Workspace,
    begun: Option<Instant>,
}

impl Drop for HeadOnItsWay<'_> {
    fn drop(&mut self) {
        let Self { worker, client_info, connection, work, begun } = self;
        if begun.is_some() && worker.is_cut_off() && connection.skip_empty_lines() {
            work.begun = begun.take();
            salvage_request(connection.input.filled(), &mut work.request);
            let cut =
                RefusedOutcome { status: 0, reason: EndReason::Shutdown, ..RefusedOutcome::of(Cause::ClientGone, 0) };
            log_refused(worker, client_info, work, RequestId::random(), cut);
        }
    }
}

/// Reads a head into `work`, or answers the error.
async fn read_head(
    worker: &Worker,
    snapshot: &Snapshot,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    work: &mut Workspace,
    may_be_http2: bool,
) -> Result<(), End> {
    let limits = snapshot.globals.limits;
    let Some((connection, alarm)) = client.connection() else { return Err(End::Closed(Verdict::Close)) };
    let mut head = HeadOnItsWay { worker, client_info, connection, work, begun: None };
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = head.connection.poll_request_head(cx, &mut head.work.request, limits.max_head) {
            return Poll::Ready(Ok(result));
        }
        // Most heads come whole and need no deadline.
        let begun = *head.begun.get_or_insert_with(Instant::now);
        alarm.poll(cx, begun + limits.head).map(Err)
    })
    .await;
    // A head in pieces began with its first piece.
    head.work.begun = head.begun.take();
    drop(head);
    let (cause, why) = match result {
        Ok(Ok(())) => return Ok(()),
        // Asked only now, so that no request of HTTP/1.1 pays for it.
        Ok(Err(ReadError::Malformed(_))) if may_be_http2 && is_preface(connection.input.filled()) => {
            return Err(End::Http2);
        }
        Ok(Err(ReadError::Malformed(why))) => (Cause::from(why), why.as_str()),
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
                note_unfinished(worker, client_info, connection.input.filled(), work);
            }
            return Err(End::Closed(Verdict::Close));
        }
        Err(()) => (Cause::ClientTimeout, "its head was not whole within client_header_timeout"),
    };
    let bytes = connection.input.filled();
    salvage_request(&bytes[..bytes.len().min(limits.max_head)], &mut work.request);
    Err(End::Closed(refuse(worker, client_info, client, work, Unread::new(cause, why, None)).await))
}

/// The cause for a head that is too large: the target is too long if the first line does not end within the limit.
fn too_large(bytes: &[u8], limit: usize) -> Cause {
    let line = &bytes[..bytes.len().min(limit)];
    if memchr::memchr(b'\n', line).is_some() {
        Cause::HeadTooLarge
    } else {
        Cause::TargetTooLong
    }
}

/// Logs a request that its client has given up within the head.
#[cold]
fn note_unfinished(worker: &Worker, client_info: &ClientInfo, bytes: &[u8], work: &mut Workspace) {
    salvage_request(bytes, &mut work.request);
    worker.counters.answered(Cause::ClientGone.status());
    let id = RequestId::random();
    note_refused(worker, client_info, work, id, format_args!("the client went away before its head was whole"));
    log_refused(worker, client_info, work, id, RefusedOutcome::of(Cause::ClientGone, 0));
}

/// Whether the bytes are the preface of HTTP/2, as far as they are there.
fn is_preface(bytes: &[u8]) -> bool {
    let n = bytes.len().min(PREFACE.len());
    bytes.starts_with(b"PRI ") && bytes[..n] == PREFACE[..n]
}

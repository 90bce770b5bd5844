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
use crate::error::Cause;
use crate::forward::{forward_guarded, log_refused, note_refused, refuse, RefusedOutcome, Unread};
use crate::relay::{self, ClientChannel, Rate};
use crate::request::Verdict;
use crate::request::Workspace;
use crate::request_id::RequestId;
use crate::snapshot::Snapshot;
use crate::stream::Http1Connection;
use crate::stream::Stream;
use crate::worker::{Registration, Worker};

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

async fn serve_requests(
    worker: &Rc<Worker>,
    registration: &Registration,
    client_info: &ClientInfo,
    client: &mut ClientChannel,
    may_be_http2: bool,
) -> End {
    let mut first = true;
    loop {
        let Some(connection) = client.channel.http1() else { return End::Closed(Verdict::Close) };
        if !connection.skip_empty_lines() {
            connection.rest();
            let limits = worker.snapshot().globals.limits;
            // A new connection has as long for its first byte as for its first head.
            let limit = if first { limits.head } else { limits.keepalive };
            if !wait_for_request(worker, registration, client, limit, first).await {
                return End::Closed(Verdict::Close);
            }
        }
        if worker.is_draining() && !first {
            return End::Closed(Verdict::Close);
        }
        let may_be_http2 = std::mem::take(&mut first) && may_be_http2;
        let snapshot = worker.snapshot();
        let mut work = worker.workspace();
        let end = match read_head(worker, &snapshot, client_info, client, &mut work, may_be_http2).await {
            Ok(()) => End::Closed(forward_guarded(worker, &snapshot, client_info, client, &mut work).await),
            Err(end) => end,
        };
        worker.reuse(work);
        if !matches!(end, End::Closed(Verdict::KeepAlive)) {
            return end;
        }
    }
}

/// Waits for the first byte of a request. `false` if there will be none.
async fn wait_for_request(
    worker: &Worker,
    registration: &Registration,
    client: &mut ClientChannel,
    limit: Duration,
    first: bool,
) -> bool {
    let now = Instant::now();
    let mut deadline = Deadline::new(now + limit);
    let Some((connection, alarm)) = client.connection() else { return false };
    // A connection without a request so far has been idle since it came.
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
        if worker.is_draining() && !first {
            return Poll::Ready(false);
        }
        let until = deadline.now(worker);
        // A request that has come already is served.
        if registration.must_leave() && !connection.stream().has_unread() {
            return Poll::Ready(false);
        }
        alarm.poll(cx, until).map(|()| false)
    })
    .await;
    registration.is_busy();
    begun
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
    let mut until: Option<Instant> = None;
    let Some((connection, alarm)) = client.connection() else { return Err(End::Closed(Verdict::Close)) };
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = connection.poll_request_head(cx, &mut work.request, limits.max_head) {
            return Poll::Ready(Ok(result));
        }
        // Most heads come whole and need no deadline.
        let until = *until.get_or_insert_with(|| Instant::now() + limits.head);
        alarm.poll(cx, until).map(Err)
    })
    .await;
    // A head in pieces began with its first piece.
    work.begun = until.and_then(|until| until.checked_sub(limits.head));
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

//! One client connection: request after request until one side has had enough.

use std::future::{poll_fn, Future};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{Engine, Workspace};
use crate::forward::{forward, refuse, Verdict};
use crate::http1::{Connection, ReadError};
use crate::rewrite::ClientInfo;
use crate::snapshot::Snapshot;
use crate::stream::Stream;
use crate::upstream::exchange::{self, Client};

/// What a client may still send after an answer that closes its connection: as long as it goes on without such a pause, …
const LINGER_PAUSE: Duration = Duration::from_secs(2);
/// … and no longer than this.
const LINGER: Duration = Duration::from_secs(10);

/// A connection that was accepted just before the server began to stop has this long to say what it wants.
const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(250);

/// Serves a connection to its end.
pub(crate) async fn serve(engine: &Rc<Engine>, stream: Stream, link: &ClientInfo) {
    let mut client = Client::http1(Connection::new(stream));
    let verdict = serve_requests(engine, link, &mut client).await;
    match verdict {
        Verdict::KeepAlive | Verdict::CutShort => {}
        Verdict::Close => {
            shut_down(&mut client).await;
            // Requests behind the last one, for example: it is likely that more is on its way.
            let more = |connection: &mut Connection| !connection.input.is_empty() || connection.stream().has_unread();
            if client.peer.http1().is_some_and(more) {
                take_the_rest(&mut client).await;
            }
        }
        Verdict::Linger => {
            shut_down(&mut client).await;
            take_the_rest(&mut client).await;
        }
        Verdict::Reset => {
            if let Some(connection) = client.peer.http1() {
                connection.stream().reset_on_close();
            }
        }
    }
}

/// Answers a client that speaks HTTP where TLS is spoken. What it sent was taken and thrown away.
pub(crate) async fn refuse_plain(engine: &Engine, stream: Stream) {
    const BODY: &str = "A plain HTTP request came to a port for HTTPS: write https:// in place of http://.\n";
    let mut client = Client::http1(Connection::new(stream));
    let Some(connection) = client.peer.http1() else { return };
    let output = connection.output();
    output.extend_from_slice(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n");
    engine.write_date(output);
    output.extend_from_slice(format!("Content-Length: {}\r\nConnection: close\r\n\r\n{BODY}", BODY.len()).as_bytes());
    engine.counters.answered(400);
    if exchange::flush(&mut client, LINGER_PAUSE).await.is_ok() {
        shut_down(&mut client).await;
        take_the_rest(&mut client).await;
    }
}

async fn serve_requests(engine: &Rc<Engine>, link: &ClientInfo, client: &mut Client) -> Verdict {
    let mut first = true;
    loop {
        let Some(connection) = client.peer.http1() else { return Verdict::Close };
        if !connection.skip_empty_lines() {
            connection.rest();
            let limits = engine.snapshot().limits;
            // A new connection has as long for its first byte as for its first head.
            let limit = if first { limits.head } else { limits.keepalive };
            if !wait_for_request(engine, client, limit, first).await {
                return Verdict::Close;
            }
        }
        if engine.is_draining() && !first {
            return Verdict::Close;
        }
        first = false;
        let snapshot = engine.snapshot();
        let mut work = engine.workspace();
        let verdict = match read_head(engine, &snapshot, link, client, &mut work).await {
            Ok(()) => forward_guarded(engine, &snapshot, link, client, &mut work).await,
            Err(verdict) => verdict,
        };
        engine.reuse(work);
        if verdict != Verdict::KeepAlive {
            return verdict;
        }
    }
}

/// Serves a request. A panic ends that request with a 500, or by cutting the response short if it has begun, and nothing else.
async fn forward_guarded(
    engine: &Engine,
    snapshot: &Snapshot,
    link: &ClientInfo,
    client: &mut Client,
    work: &mut Workspace,
) -> Verdict {
    let sent = client.peer.total_sent();
    let result = {
        let mut request = std::pin::pin!(forward(engine, snapshot, link, client, work));
        poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| request.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => Poll::Ready(None),
        })
        .await
    };
    if let Some(verdict) = result {
        return verdict;
    }
    engine.log.error(format_args!("a request failed by a mistake in the proxy itself (a panic)"));
    engine.counters.request_ended();
    if client.peer.total_sent() != sent {
        return Verdict::Reset;
    }
    if let Some(connection) = client.peer.http1() {
        connection.discard_output();
    }
    refuse(engine, link, client, 500).await
}

/// Waits for a request's first byte. `false` if there will be none.
async fn wait_for_request(engine: &Engine, client: &mut Client, limit: Duration, first: bool) -> bool {
    let mut until = Instant::now() + limit;
    let mut told = false;
    let Some((connection, alarm)) = client.connection() else { return false };
    poll_fn(|cx| {
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
        alarm.poll(cx, until).map(|()| false)
    })
    .await
}

/// Reads a head into `work`. What cannot be read is answered here.
async fn read_head(
    engine: &Engine,
    snapshot: &Snapshot,
    link: &ClientInfo,
    client: &mut Client,
    work: &mut Workspace,
) -> Result<(), Verdict> {
    let limits = snapshot.limits;
    let mut until = None;
    let Some((connection, alarm)) = client.connection() else { return Err(Verdict::Close) };
    let result = poll_fn(|cx| {
        if let Poll::Ready(result) = connection.poll_request_head(cx, &mut work.request, limits.max_head) {
            return Poll::Ready(Ok(result));
        }
        // Most heads come whole, and their time is never looked at.
        let until = *until.get_or_insert_with(|| Instant::now() + limits.head);
        alarm.poll(cx, until).map(Err)
    })
    .await;
    let status = match result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(ReadError::Malformed(why))) => {
            engine.log.debug(format_args!("a request was refused: {why}"));
            why.status()
        }
        Ok(Err(ReadError::TooLarge | ReadError::BodyTooLarge)) => 431,
        Ok(Err(ReadError::Io(_) | ReadError::Ended | ReadError::Truncated | ReadError::Refused)) => {
            return Err(Verdict::Close)
        }
        Err(()) => 408,
    };
    Err(refuse(engine, link, client, status).await)
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
async fn take_the_rest(client: &mut Client) {
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
        alarm.poll(cx, pause.min(end))
    })
    .await;
}

//! One attempt at one backend: over an idle connection if there is one, else over a new one. A dead idle connection
//! costs no attempt.
//!
//! The handler `proxy` and the filter `forward_auth` ask in this way, each with its own [`BackendRequest`]; health
//! checks write the head of their request with [`write_head`].

use std::fmt::Arguments;
use std::time::Duration;

use proxy_http::headers::framing;
use proxy_http::http1::write_request_head;
use proxy_http::message::{Fields, Framing, Malformed, RequestHead, ResponseHead};
use tokio::time::Instant;

use super::backend::{Attempt, Backend};
use super::http2::{self, ConnectRequest, MOST_DEAD};
use super::Pool;
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Side};
use crate::metrics::ThreadNumber;
use crate::relay::{self, ClientChannel, Limits, RequestBody, ResponseNeeds};

/// A request, as [`attempt`] sends it: where its parts are, how it gets a connection, and where its failures are noted.
pub(crate) trait BackendRequest {
    /// Whether a request that is refused over an idle connection is sent again to the backend, as after a dead
    /// connection. Else the attempt has failed.
    const REPEATS_REFUSED: bool = false;

    /// The thread that counts the request for metrics, if it is counted.
    fn counted_by(&self) -> Option<ThreadNumber>;

    /// What an exchange works on.
    fn parts(&mut self) -> Parts<'_>;

    /// The limits of an exchange over this connection.
    fn limits(&self, connection: &Channel) -> Limits;

    /// An idle connection, or a stream on a connection with room for one more.
    fn reuse(&self, attempt: &Attempt) -> Option<Channel>;

    /// A new connection, and whether it turned out to be there already. May replace `attempt` by one at another
    /// address.
    async fn connect(&mut self, attempt: &mut Attempt, deadline: Instant) -> Result<(Channel, bool), Error>;

    /// Writes the head of the request.
    fn write_head(&mut self, connection: &mut Channel, backend: &Backend) -> Result<(), Error>;

    /// Logs for whom debugs the proxy.
    fn debug(&self, what: Arguments<'_>);

    /// Notes something that went wrong without failing the attempt.
    fn warn(&mut self, what: Arguments<'_>);

    /// Notes that the attempt has failed. It has been counted.
    fn note_failure(&mut self, attempt: &Attempt, error: &Error);
}

/// What an exchange works on.
pub(crate) struct Parts<'a> {
    pub(crate) client: &'a mut ClientChannel,
    pub(crate) body: &'a mut RequestBody,
    /// Fields of the request, for its trailers.
    pub(crate) fields: &'a Fields,
    /// The response's head is read into this one.
    pub(crate) response: &'a mut ResponseHead,
    pub(crate) needs: &'a mut ResponseNeeds,
}

/// Asks the backend of `attempt`, and leaves the connection in `slot`: after `Ok` the head of the response has come
/// over it. `deadline` is when that must be there; a piece of the client's body puts it off.
pub(crate) async fn attempt<Q: BackendRequest>(
    request: &mut Q,
    slot: &mut Option<Channel>,
    attempt: &mut Attempt,
    deadline: &mut Instant,
) -> Result<(), Error> {
    *slot = request.reuse(attempt);
    let mut at_once = slot.is_some();
    let mut dead = 0;
    if at_once {
        note_connected(request, attempt, true);
    }
    loop {
        let mut result = Ok(());
        if slot.is_none() {
            // The clock was read a moment ago, unless this connection is one in place of another.
            let now = if dead == 0 { attempt.begun_at() } else { Instant::now() };
            request.parts().client.waits.connect.begin(now);
            let connected = request.connect(attempt, *deadline).await;
            let waited = &mut request.parts().client.waits.connect;
            match &connected {
                Ok((_, true)) => waited.forget(),
                _ => waited.end(),
            }
            result = connected.map(|(connection, reused)| {
                attempt.connected();
                note_connected(request, attempt, reused);
                *slot = Some(connection);
                at_once = reused;
            });
        }
        let reused = at_once && result.is_ok() && dead < MOST_DEAD;
        let mut early = false;
        if let Some(connection) = slot.as_mut() {
            result = request.write_head(connection, attempt);
            early = matches!(connection, Channel::Http2(stream) if !stream.is_settled()) && dead < MOST_DEAD;
            if result.is_ok() {
                let limits = request.limits(connection);
                let Parts { client, body, fields, response, needs } = request.parts();
                body.rewind();
                let begun = (at_once && dead == 0).then_some(attempt.begun_at());
                result = relay::send(client, connection, body, fields, response, needs, &limits, deadline, begun).await;
                if result.is_err() {
                    request.parts().body.let_go_of(connection, limits.write);
                }
            }
        }
        match result {
            Ok(()) if reused && is_farewell(request.parts().response) && may_repeat(request, Retry::IfIdempotent) => {
                request.debug(format_args!("an idle connection to {} was ended by a 408", attempt.label()));
            }
            Ok(()) => return Ok(()),
            Err(error) if error.side == Side::Client => return Err(failed(request, attempt, error)),
            // It came before the backend could say how few streams it takes.
            Err(error) if early && matches!(error.kind, Kind::Refused) && may_repeat(request, error.retry) => {
                request.debug(format_args!("a new connection to {} had no room: {error}", attempt.label()));
            }
            Err(error) if reused && is_leftover(&error) && may_repeat(request, Retry::IfIdempotent) => {
                request.warn(format_args!(
                    "{}: more bytes came after a response than its Content-Length said",
                    attempt.label()
                ));
            }
            Err(error) if reused && was_dead::<Q>(&error) && may_repeat(request, error.retry) => {
                request.debug(format_args!("an idle connection to {} was dead: {error}", attempt.label()));
            }
            Err(error) => return Err(failed(request, attempt, error)),
        }
        dead += 1;
        *slot = None;
    }
}

/// Counts a connection that the request has got.
#[inline]
fn note_connected<Q: BackendRequest>(request: &Q, attempt: &Attempt, reused: bool) {
    if let Some(thread) = request.counted_by() {
        attempt.series().connected(thread, reused);
    }
}

/// Counts and notes a failed attempt. One that the client ended is not the backend's failure.
#[cold]
pub(crate) fn failed<Q: BackendRequest>(request: &mut Q, attempt: &Attempt, error: Error) -> Error {
    if error.side != Side::Client {
        attempt.failed_for(&error);
    }
    request.note_failure(attempt, &error);
    error
}

/// Connects, or finds a place on an HTTP/2 connection; an error if the client goes away meanwhile. `patience` is how
/// long a client that has ended its side is waited for. Says whether the connection was there before.
pub(crate) async fn connect(
    pool: &Pool,
    client: &mut ClientChannel,
    wanted: ConnectRequest<'_>,
    upgrade: bool,
    patience: Option<Duration>,
) -> Result<(Channel, bool), Error> {
    // Boxed: the state of a handshake is large, and rarely needed.
    let mut connecting = Box::pin(pool.connect(wanted, upgrade));
    client.awaiting(patience, connecting.as_mut()).await?
}

/// Writes the head of a request in the backend's version of HTTP. `target` is its path and query, `framing` that of its
/// body.
pub(crate) fn write_head(
    connection: &mut Channel,
    head: &RequestHead,
    target: &[u8],
    backend: &Backend,
    needs: &ResponseNeeds,
    framing: Framing,
) -> Result<(), Error> {
    match connection {
        Channel::Http1(connection) => {
            let out = connection.output();
            write_request_head(out, head, target);
            if framing == Framing::Chunked {
                out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
            }
            out.extend_from_slice(b"\r\n");
            connection.begin_body(framing);
            Ok(())
        }
        Channel::Http2(stream) => http2::write_request(stream, head, target, backend, needs, framing),
        Channel::Coded(coded) => write_head(coded, head, target, backend, needs, framing),
    }
}

fn may_repeat<Q: BackendRequest>(request: &mut Q, retry: Retry) -> bool {
    request.parts().body.may_repeat(retry)
}

/// Whether the response is the backend's farewell to the request before, sent when it had waited long enough: this
/// request crossed it on the way (RFC 9110, section 15.5.9).
fn is_farewell(response: &ResponseHead) -> bool {
    response.status == 408 && !framing::keeps_alive(&response.fields, response.version)
}

/// Whether the bytes that came are no response: they belong to the response before, whose Content-Length was too small.
fn is_leftover(error: &Error) -> bool {
    matches!(error.kind, Kind::Malformed(Malformed::StatusLine))
}

/// Whether the connection failed, and not a backend that is well enough to say no.
fn was_dead<Q: BackendRequest>(error: &Error) -> bool {
    match error.kind {
        Kind::Refused => Q::REPEATS_REFUSED,
        Kind::NoUpgrade => false,
        _ => !error.is_timeout(),
    }
}

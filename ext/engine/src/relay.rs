//! One request to one backend and its response, in the task of the request itself.
//!
//! Both bodies move inside one future, without a channel or a second task. So there is an exact answer to "has a byte
//! of the request left?". Each side is an HTTP/1.1 connection or an HTTP/2 stream: [`Channel`].

mod first_byte;
mod client;
mod events;
mod farewell;
mod file;
mod gather;
mod held;
mod interim;
mod memory_budget;
mod pace;
mod patience;
mod pieces;
mod pump;
mod rest;
mod take_in;
mod tunnel;
mod waits;
mod request_body;

pub(crate) use client::ClientChannel;
pub(crate) use events::{is_event_stream, Events};
pub(crate) use file::{send_bytes, send_file};
pub(crate) use first_byte::await_first_byte;
pub(crate) use gather::gather;
pub(crate) use held::{DiskRules, Held, HoldRules};
pub(crate) use memory_budget::MemoryBudget;
pub(crate) use pace::{Pace, Rate};
pub(crate) use pieces::{send_pieces, BodyPieces};
pub(crate) use request_body::RequestBody;
pub(crate) use rest::{drop_response, skip_body, take_the_rest};
pub(crate) use take_in::{send_held, take_in, take_whole};
pub(crate) use tunnel::tunnel;
pub(crate) use waits::Waits;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use proxy_http::headers::trailers;
use proxy_http::message::{Fields, ResponseHead};
use proxy_http::message::{Malformed, ReadError};
use tokio::time::Instant;

use self::client::Listening;
use self::interim::{pass_interim, Interim};
use self::patience::moved_to;
use self::pump::{poll_pump, PumpError, Stuck};
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Waited};
pub(crate) use interim::pass_go_ahead;

/// Time limits of an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Time from the request being ready to be sent until the response head.
    pub(crate) timeout: Duration,
    /// Longest pause between two pieces of the response.
    pub(crate) read: Duration,
    /// Longest time without progress of a write to the backend.
    pub(crate) write: Duration,
    /// Longest pause between two pieces of a body that the client sends.
    pub(crate) client_read: Duration,
    /// Longest pause between two pieces of a body that the client takes.
    pub(crate) client_write: Duration,
    /// Time that a client may wait for its answer after a half-close. `None`: any time.
    pub(crate) half_close: Option<Duration>,
    /// Lowest rate at which the client moves bodies.
    pub(crate) rate: Rate,
    /// Bytes of the largest response head.
    pub(crate) max_head: usize,
}

/// Features that the client supports or has asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseNeeds {
    /// Whether interim responses may be passed on: the client speaks at least HTTP/1.1.
    pub(crate) interim: bool,
    /// Whether the client waits for `100 Continue`.
    pub(crate) go_ahead: bool,
    /// Whether the client asked for another protocol and may be answered 101.
    pub(crate) upgrade: bool,
}

/// Sends the request whose head stands in `backend`'s output, with its body, and waits for the head of the final
/// response. `deadline` is the time limit for that head; while a body still arrives from the client, it is put off.
/// `request` is the request's head as the backend gets it, `begun` the time if it was read a moment ago.
#[allow(clippy::too_many_arguments)]
pub(crate) async fn send(
    client: &mut ClientChannel,
    backend: &mut Channel,
    body: &mut RequestBody,
    request: &Fields,
    response: &mut ResponseHead,
    needs: &mut ResponseNeeds,
    limits: &Limits,
    deadline: &mut Instant,
    begun: Option<Instant>,
) -> Result<(), Error> {
    // The first look finds the head sent, so the clock is first read there.
    let mut progress: Option<Instant> = None;
    let mut begun = begun.filter(|_| !body.has_body());
    let mut moved = 0;
    let mut interim = Interim::default();
    let mut switching = false;
    let mut pace = Pace::from(client.channel.total_read());
    poll_fn(|cx| {
        let mut waited = Waited::Response;
        let sending_body = body.has_body() && !body.is_over();
        if body.poll(cx, &mut client.channel, backend, request)?.is_pending() {
            waited = body.waits_for();
        }
        if waited == Waited::ClientBody && needs.go_ahead && !body.has_begun() {
            // The client waits for the backend's go-ahead.
            waited = Waited::Response;
        }
        while !switching {
            if !client.channel.is_flushed() {
                match client.channel.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                    // Interim heads on an HTTP/2 stream come even if they are not read: they are counted before there
                    // are too many.
                    Poll::Pending if matches!(backend, Channel::Http2(_)) => {}
                    Poll::Pending => break,
                }
            }
            match backend.poll_response_head(cx, response, limits.max_head) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(refused(error, backend, body))),
                Poll::Ready(Ok(())) => {}
            }
            match response.status {
                101 if needs.upgrade => switching = true,
                101 => return Poll::Ready(Err(malformed(Malformed::UnaskedUpgrade))),
                100..=199 => {
                    if !interim.admits(response) {
                        return Poll::Ready(Err(malformed(Malformed::TooManyInterim)));
                    }
                    pass_interim(&mut client.channel, response, needs);
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
        if switching && body.is_over() {
            // After a 101 the backend reads bytes as the other protocol: the whole body has to be sent first.
            return Poll::Ready(match body.is_complete() {
                true => Ok(()),
                false => Err(Error::backend(body.take_failure().map_or(Kind::Ended, Kind::Io), Retry::Never)),
            });
        }
        if let Poll::Ready(error) = client.poll_gone(cx, body.listening(waited), limits.half_close) {
            return Poll::Ready(Err(error));
        }
        let sent = match waited {
            Waited::Write => backend.total_acknowledged(),
            _ => backend.total_sent(),
        };
        let now_moved = sent + client.channel.total_read();
        // The end of a body need not bring a byte.
        let since = match progress {
            Some(since) if now_moved == moved && !(sending_body && body.is_over()) => since,
            _ => {
                let now = begun.take().unwrap_or_else(Instant::now);
                if sending_body {
                    // The time limit for the response starts when the body has been sent.
                    *deadline = (*deadline).max(now + limits.timeout);
                }
                now
            }
        };
        progress = Some(since);
        moved = now_moved;
        let mut until = match waited {
            Waited::ClientBody => since + limits.client_read,
            Waited::Write => since + limits.write.min(limits.timeout),
            _ => *deadline,
        };
        if let Some(end) = pace.note(limits.rate, waited == Waited::ClientBody, client.channel.total_read()) {
            if end < until {
                (until, waited) = (end, Waited::ClientRate);
            }
        }
        if client.alarm.poll(cx, until).is_ready() {
            if matches!(waited, Waited::ClientBody | Waited::ClientRate) && client.is_excused(cx, limits.rate) {
                (progress, pace) = (None, Pace::from(client.channel.total_read()));
                return Poll::Pending;
            }
            let kind = Kind::Timeout(waited);
            return Poll::Ready(Err(match waited {
                Waited::ClientBody | Waited::ClientRate => Error::client(kind),
                _ if backend.total_read() == 0 => Error::backend(kind, Retry::IfIdempotent),
                _ => Error::backend(kind, Retry::Never),
            }));
        }
        Poll::Pending
    })
    .await
}

/// Passes the bodies on: the response's to the client, and the rest of the request's to the backend. The response's
/// head stands in the client's output. `heads` are the heads of the request and the response as they were passed on.
/// `tap` sees the data of the response. `hold` is asked, with the fields of the response, once the client is slower
/// than the backend: whether the response is taken in meanwhile. Then the pace of the client is returned, for
/// [`take_in()`].
#[allow(clippy::too_many_arguments)]
pub(crate) async fn relay(
    client: &mut ClientChannel,
    backend: &mut Channel,
    body: &mut RequestBody,
    heads: (&Fields, &Fields),
    limits: &Limits,
    mut tap: impl FnMut(&[u8]),
    hold: impl FnOnce(&Fields) -> bool,
) -> Result<Option<Pace>, Error> {
    let mut hold = Some(hold);
    let mut progress: Option<Instant> = None;
    let mut moved = 0;
    let mut up = Pace::from(client.channel.total_read());
    let mut down = Pace::from(client.channel.total_sent());
    poll_fn(|cx| {
        // Once the response is here, a request that could not be sent whole does not matter any more.
        let mut listening = Listening::Reading;
        let mut sending = false;
        if !body.is_over() && body.poll(cx, &mut client.channel, backend, heads.0)?.is_pending() {
            listening = body.listening(body.waits_for());
            sending = body.waits_for() == Waited::ClientBody;
        }
        let mut stuck = Stuck::Reading;
        match poll_pump(
            cx,
            backend,
            &mut client.channel,
            &mut stuck,
            |data, _| tap(data),
            |late, _| Some(trailers::of_response(late, heads.1)),
        ) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(None)),
            Poll::Ready(Err(PumpError::Write(error))) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
            Poll::Ready(Err(PumpError::Read(error))) => {
                return Poll::Ready(Err(Error::backend(error.into(), Retry::Never)))
            }
            Poll::Pending => {}
        }
        // The pauses of a body that is coded on its way are not the client's.
        let rests = client.channel.rests();
        let is_slow = stuck == Stuck::Writing && !rests;
        if is_slow && hold.take().is_some_and(|hold| hold(heads.1)) {
            return Poll::Ready(Ok(Some(std::mem::take(&mut down))));
        }
        if let Poll::Ready(error) = client.poll_gone(cx, listening, None) {
            return Poll::Ready(Err(error));
        }
        // After a half-close a response that has begun is still sent to its end. An event stream is the exception: a
        // client that listens to events does not half-close.
        if client.has_ended() && stuck == Stuck::Reading && is_event_stream(heads.1) {
            if let Poll::Ready(error) = client.poll_gone(cx, listening, limits.half_close) {
                return Poll::Ready(Err(error));
            }
        }
        // A request body that still moves shows that the backend is at work.
        let taken = moved_to(client, stuck == Stuck::Writing);
        let now_moved = backend.total_read() + backend.total_sent() + taken.mark;
        let since = match progress {
            Some(since) if moved == now_moved && !rests => since,
            _ => Instant::now(),
        };
        progress = Some(since);
        moved = now_moved;
        let (mut until, mut waited) = match stuck {
            Stuck::Reading => (since + limits.read, Waited::Read),
            Stuck::Writing => (since + limits.client_write, Waited::ClientWrite),
        };
        let rate = match sending || stuck == Stuck::Writing {
            // Events that do not exist yet must not count against the client: no lowest rate.
            true if is_event_stream(heads.1) => Rate::ANY,
            _ => limits.rate,
        };
        let sends = up.note(rate, sending, client.channel.total_read());
        let takes = down.note(rate, is_slow, taken.bytes);
        if let Some(end) = sends.into_iter().chain(takes).min().filter(|end| *end < until) {
            (until, waited) = (end, Waited::ClientRate);
        }
        if client.alarm.poll(cx, until).is_ready() {
            if sends == Some(until) && client.is_excused(cx, limits.rate) {
                up = Pace::from(client.channel.total_read());
                return Poll::Pending;
            }
            let kind = Kind::Timeout(waited);
            return Poll::Ready(Err(match waited {
                Waited::Read => Error::backend(kind, Retry::Never),
                _ => Error::client(kind),
            }));
        }
        Poll::Pending
    })
    .await
}

/// Sends the client's output, within the time limits of a client.
pub(crate) async fn flush(client: &mut ClientChannel, limit: Duration, rate: Rate) -> Result<(), Error> {
    let mut pace = Pace::from(client.channel.total_sent());
    // The clock is not read if all can be sent at once.
    let mut progress = None;
    let mut sent = client.channel.total_sent();
    poll_fn(|cx| {
        if let Poll::Ready(done) = client.channel.poll_flush(cx) {
            return Poll::Ready(done.map_err(|error| Error::client(Kind::Io(error))));
        }
        let rests = client.channel.rests();
        let taken = moved_to(client, !rests);
        let since = match progress {
            Some(since) if taken.mark == sent && !rests => since,
            _ => Instant::now(),
        };
        progress = Some(since);
        sent = taken.mark;
        let (mut until, mut waited) = (since + limit, Waited::ClientWrite);
        if let Some(end) = pace.note(rate, !rests, taken.bytes).filter(|end| *end < until) {
            (until, waited) = (end, Waited::ClientRate);
        }
        client.alarm.poll(cx, until).map(|()| Err(Error::client(Kind::Timeout(waited))))
    })
    .await
}

/// The error for a missing response head, and whether the request may be retried.
fn refused(error: ReadError, backend: &Channel, body: &mut RequestBody) -> Error {
    let retry = match (backend.total_sent(), backend.total_read()) {
        // The backend says that it has not processed the request.
        _ if matches!(error, ReadError::Refused | ReadError::Unserved | ReadError::Foreign) => Retry::Always,
        (0, _) => Retry::Always,
        (_, 0) => Retry::IfIdempotent,
        _ => Retry::Never,
    };
    // A write that failed first says more than the end of the connection after it.
    let kind = match (error, body.take_failure()) {
        (ReadError::Ended | ReadError::Truncated | ReadError::Io(_), Some(failure)) => Kind::Io(failure),
        (error, _) => error.into(),
    };
    let retry = if matches!(kind, Kind::Malformed(_) | Kind::TooLarge) { Retry::Never } else { retry };
    Error::backend(kind, retry)
}

fn malformed(why: Malformed) -> Error {
    Error::backend(Kind::Malformed(why), Retry::Never)
}

#[cfg(test)]
mod tests;

//! One request to one backend and its response, in the task of the request itself.
//!
//! Both bodies move inside one future, without a channel or a second task. That is also what makes "has a byte of the request
//! left?" a question with an exact answer. Either side may be a connection of HTTP/1.1 or a stream of HTTP/2: [`Peer`].

mod begun;
mod pace;
mod pump;
mod tunnel;
mod upload;

pub(crate) use begun::await_body;
pub(crate) use pace::Rate;
pub(crate) use tunnel::tunnel;
pub(crate) use upload::Upload;

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use self::pace::Pace;
use self::pump::{poll_pump, PumpError, Stuck};
use crate::alarm::Alarm;
use crate::error::{Error, Kind, Retry, Waited};
use crate::http1::{Connection, Malformed, Piece, ReadError};
use crate::http2::Stream;
use crate::message::{Known, ResponseHead};
use crate::peer::Peer;

/// What a client sends of a body that nobody wants is taken as long as it goes on without such a pause, …
const REST_PAUSE: Duration = Duration::from_secs(2);
/// … and no longer than this.
const REST: Duration = Duration::from_secs(10);
/// Interim responses that are taken from a backend before its final one.
const MAX_INTERIM: usize = 32;

/// Time limits of an exchange.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the request being ready to be sent to the response head.
    pub(crate) timeout: Duration,
    /// Between two pieces of the response.
    pub(crate) read: Duration,
    /// Without progress of a write to the backend.
    pub(crate) write: Duration,
    /// Between two pieces of a body that the client sends.
    pub(crate) client_read: Duration,
    /// Between two pieces of a body that the client takes.
    pub(crate) client_write: Duration,
    /// At which the client moves bodies at least.
    pub(crate) rate: Rate,
    /// Largest response head.
    pub(crate) max_head: usize,
}

/// The client's end of an exchange.
#[derive(Debug)]
pub(crate) struct Client {
    /// Its connection or stream.
    pub(crate) peer: Peer,
    /// The timer for everything that is awaited while it is served.
    pub(crate) alarm: Alarm,
}

impl Client {
    /// A client of HTTP/1.1.
    pub(crate) fn http1(connection: Connection) -> Self {
        Self { peer: Peer::Http1(connection), alarm: Alarm::default() }
    }

    /// Its connection, if it speaks HTTP/1.1, and the timer.
    pub(crate) fn connection(&mut self) -> Option<(&mut Connection, &mut Alarm)> {
        match &mut self.peer {
            Peer::Http1(connection) => Some((connection, &mut self.alarm)),
            Peer::Http2(_) => None,
        }
    }
}

/// What the client understands and asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// Interim responses may be passed on: it speaks HTTP/1.1.
    pub(crate) interim: bool,
    /// It waits for `100 Continue`.
    pub(crate) go_ahead: bool,
    /// It wants another protocol, and may be answered 101.
    pub(crate) upgrade: bool,
}

/// Sends the request whose head stands in `backend`'s output, with its body, and waits for the head of the final response.
/// `deadline` is when that must be there; a body that is still arriving from the client puts it off.
pub(crate) async fn send(
    client: &mut Client,
    backend: &mut Peer,
    upload: &mut Upload,
    response: &mut ResponseHead,
    asked: &mut Asked,
    limits: &Limits,
    deadline: &mut Instant,
) -> Result<(), Error> {
    let mut progress = Instant::now();
    let mut moved = 0;
    let mut interim = 0;
    let mut pace = Pace::default();
    poll_fn(|cx| {
        let Client { peer: client, alarm } = &mut *client;
        let mut waited = Waited::Response;
        let uploading = upload.has_body() && !upload.is_over();
        if upload.poll(cx, client, backend)?.is_pending() {
            waited = upload.waits_for();
        }
        if waited == Waited::ClientBody && asked.go_ahead && !upload.has_begun() {
            // The client waits too: for the backend to tell it to go on.
            waited = Waited::Response;
        }
        loop {
            if !client.is_flushed() {
                match client.poll_flush(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                    // Heads on a stream come whether they are awaited or not: they are counted before there are too many.
                    Poll::Pending if matches!(backend, Peer::Http2(_)) => {}
                    Poll::Pending => break,
                }
            }
            match backend.poll_response_head(cx, response, limits.max_head) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(refused(error, backend, upload))),
                Poll::Ready(Ok(())) => {}
            }
            match response.status {
                101 if asked.upgrade => return Poll::Ready(Ok(())),
                101 => return Poll::Ready(Err(malformed("a 101 that nobody asked for"))),
                100..=199 => {
                    interim += 1;
                    if interim > MAX_INTERIM {
                        return Poll::Ready(Err(malformed("too many interim responses")));
                    }
                    pass_interim(client, response, asked);
                }
                _ => return Poll::Ready(Ok(())),
            }
        }
        if upload.is_over() {
            // Nothing is awaited from the client now, but it may go away.
            if let Poll::Ready(error) = client.poll_gone(cx) {
                return Poll::Ready(Err(Error::client(Kind::Io(error))));
            }
        }
        let now_moved = backend.total_sent() + client.total_read();
        // The end of a body need not be a byte.
        if now_moved != moved || uploading && upload.is_over() {
            moved = now_moved;
            progress = Instant::now();
            if uploading {
                // The clock for the response starts when the body has been sent.
                *deadline = (*deadline).max(progress + limits.timeout);
            }
        }
        let mut until = match waited {
            Waited::ClientBody => progress + limits.client_read,
            Waited::Write => progress + limits.write.min(limits.timeout),
            _ => *deadline,
        };
        if let Some(end) = pace.note(limits.rate, waited == Waited::ClientBody, client.total_read()) {
            if end < until {
                (until, waited) = (end, Waited::ClientRate);
            }
        }
        if alarm.poll(cx, until).is_ready() {
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

/// Passes the bodies on: the response's to the client, and what is left of the request's to the backend. The response's head
/// stands in the client's output.
pub(crate) async fn relay(
    client: &mut Client,
    backend: &mut Peer,
    upload: &mut Upload,
    limits: &Limits,
) -> Result<(), Error> {
    let mut progress: Option<Instant> = None;
    let mut moved = 0;
    let (mut up, mut down) = (Pace::default(), Pace::default());
    poll_fn(|cx| {
        let Client { peer: client, alarm } = &mut *client;
        // A request that could not be sent whole is no longer of interest once its response is here.
        let sending = !upload.is_over()
            && upload.poll(cx, client, backend)?.is_pending()
            && upload.waits_for() == Waited::ClientBody;
        let mut stuck = Stuck::Reading;
        match poll_pump(cx, backend, client, &mut stuck, |_, _| ()) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(PumpError::Write(error))) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
            Poll::Ready(Err(PumpError::Read(error))) => {
                return Poll::Ready(Err(Error::backend(error.into(), Retry::Never)))
            }
            Poll::Pending => {}
        }
        if upload.is_over() {
            if let Poll::Ready(error) = client.poll_gone(cx) {
                return Poll::Ready(Err(Error::client(Kind::Io(error))));
            }
        }
        // A request's body that is still on its way shows that the backend is at work.
        let now_moved = backend.total_read() + backend.total_sent() + client.total_sent();
        let since = match progress {
            Some(since) if moved == now_moved => since,
            _ => Instant::now(),
        };
        progress = Some(since);
        moved = now_moved;
        let (mut until, mut waited) = match stuck {
            Stuck::Reading => (since + limits.read, Waited::Read),
            Stuck::Writing => (since + limits.client_write, Waited::ClientWrite),
        };
        let sends = up.note(limits.rate, sending, client.total_read());
        let takes = down.note(limits.rate, stuck == Stuck::Writing, client.total_sent());
        if let Some(end) = sends.into_iter().chain(takes).min().filter(|end| *end < until) {
            (until, waited) = (end, Waited::ClientRate);
        }
        if alarm.poll(cx, until).is_ready() {
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

/// Sends what stands in the client's output, within the time that a client may take.
pub(crate) async fn flush(client: &mut Client, limit: Duration, rate: Rate) -> Result<(), Error> {
    let mut pace = Pace::default();
    let mut since = Instant::now();
    let mut sent = client.peer.total_sent();
    poll_fn(|cx| {
        let Client { peer, alarm } = &mut *client;
        if let Poll::Ready(done) = peer.poll_flush(cx) {
            return Poll::Ready(done.map_err(|error| Error::client(Kind::Io(error))));
        }
        if peer.total_sent() != sent {
            sent = peer.total_sent();
            since = Instant::now();
        }
        let (mut until, mut waited) = (since + limit, Waited::ClientWrite);
        if let Some(end) = pace.note(rate, true, sent).filter(|end| *end < until) {
            (until, waited) = (end, Waited::ClientRate);
        }
        alarm.poll(cx, until).map(|()| Err(Error::client(Kind::Timeout(waited))))
    })
    .await
}

/// Takes the request's body and drops it, within the time that a client may take.
pub(crate) async fn skip_body(client: &mut Client, limit: Duration, rate: Rate) -> Result<(), Error> {
    let mut pace = Pace::default();
    let mut since = Instant::now();
    let mut read = client.peer.total_read();
    poll_fn(|cx| {
        let Client { peer, alarm } = &mut *client;
        loop {
            match peer.poll_body(cx) {
                Poll::Ready(Ok(Piece::End)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Piece::Data(n))) => peer.consume_body(n),
                Poll::Ready(Ok(Piece::More)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(error.into()))),
                Poll::Pending => break,
            }
        }
        if peer.total_read() != read {
            read = peer.total_read();
            since = Instant::now();
        }
        let (mut until, mut waited) = (since + limit, Waited::ClientBody);
        if let Some(end) = pace.note(rate, true, read).filter(|end| *end < until) {
            (until, waited) = (end, Waited::ClientRate);
        }
        alarm.poll(cx, until).map(|()| Err(Error::client(Kind::Timeout(waited))))
    })
    .await
}

/// Takes what a client of HTTP/2 sends of a request's body that nobody wants, as far as it comes in time.
pub(crate) async fn take_the_rest(stream: &mut Stream, alarm: &mut Alarm) {
    let end = Instant::now() + REST;
    let mut pause = Instant::now() + REST_PAUSE;
    poll_fn(|cx| {
        loop {
            match stream.poll_skip(cx) {
                Poll::Ready(true) => pause = Instant::now() + REST_PAUSE,
                Poll::Ready(false) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        alarm.poll(cx, pause.min(end))
    })
    .await;
}

/// Writes an interim response to a client that can use it.
fn pass_interim(client: &mut Peer, response: &mut ResponseHead, asked: &mut Asked) {
    // A 100 that the client does not wait for tells it nothing.
    let wanted = asked.interim && (response.status != 100 || asked.go_ahead);
    if !wanted {
        return;
    }
    if response.status == 100 {
        asked.go_ahead = false;
    }
    crate::headers::hop_by_hop::clean_response(response, false, false);
    // It has no body (RFC 9110, section 8.6); a client that believed this would wait for one.
    response.fields.remove(Known::ContentLength);
    client.write_interim(response);
}

/// Why there is no response head, and whether the request may be sent again.
fn refused(error: ReadError, backend: &Peer, upload: &mut Upload) -> Error {
    let retry = match (backend.total_sent(), backend.total_read()) {
        // It has said itself that it did nothing with the request.
        _ if matches!(error, ReadError::Refused | ReadError::Unserved | ReadError::Foreign) => Retry::Unwritten,
        (0, _) => Retry::Unwritten,
        (_, 0) => Retry::IfIdempotent,
        _ => Retry::Never,
    };
    // A write that failed first says more than the end of the connection that followed.
    let kind = match (error, upload.take_failure()) {
        (ReadError::Ended | ReadError::Truncated | ReadError::Io(_), Some(failure)) => Kind::Io(failure),
        (error, _) => error.into(),
    };
    let retry = if matches!(kind, Kind::Malformed(_) | Kind::TooLarge) { Retry::Never } else { retry };
    Error::backend(kind, retry)
}

fn malformed(why: &'static str) -> Error {
    Error::backend(Kind::Malformed(Malformed(why)), Retry::Never)
}

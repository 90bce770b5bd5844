//! A connection that is being made for all who wait for it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at, Instant};

use super::lanes::{Lanes, Wait};
use super::{begin, Lease, Opened};
use crate::error::Step;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::error::{Error, Kind, Retry, Waited};
use crate::stream::Stream;
use crate::upstream::backend::Endpoint;
use crate::upstream::connect::{connect_to, To};
use crate::upstream::pool::Keep;
use crate::upstream::Protocol;

/// How much longer than `connect_timeout` a request waits: the attempt itself can tell how far it came.
const MOMENT: Duration = Duration::from_millis(100);

/// What a request needs to get a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) endpoint: &'a Arc<Endpoint>,
    /// The TLS server name, if it is not the endpoint's own.
    pub(crate) name: Option<&'a ServerName<'static>>,
    /// The header of the PROXY protocol that a new connection of HTTP/1.1 begins with; usually empty.
    pub(crate) introduction: &'a [u8],
    /// What is kept of idle connections.
    pub(crate) keep: Keep,
    /// Largest response head.
    pub(crate) max_head: usize,
    /// The time for a connection to be made.
    pub(crate) limit: Duration,
    /// When the request itself has no more time.
    pub(crate) deadline: Instant,
}

/// What a request gets.
#[derive(Debug)]
pub(crate) enum Reached {
    /// A place on a connection, and whether that was there before.
    Http2(Lease, bool),
    /// A new connection, where both would do.
    Http1(Stream),
}

/// One attempt at a connection.
#[derive(Debug, Default)]
pub(super) struct Dial {
    outcome: RefCell<Option<Outcome>>,
    done: Notify,
    /// How many wait for it.
    waiting: Cell<usize>,
}

#[derive(Debug)]
enum Outcome {
    /// It stands among the others. Each of those who wait gets a place on it, be it only to hear how it has ended since.
    Connected(Vec<Lease>),
    /// For the first who asks.
    Http1(Option<Stream>),
    Failed(ConnectError),
}

impl Dial {
    async fn done(&self) {
        loop {
            let done = self.done.notified();
            if self.outcome.borrow().is_some() {
                return;
            }
            done.await;
        }
    }
}

impl Lanes {
    /// A place on a connection: one that is there, or a new one. All who come while a connection is made wait for the same, each
    /// for as long as it may.
    pub(crate) async fn reach(self: &Rc<Self>, call: Call<'_>) -> Result<Reached, Error> {
        let mut waited = false;
        loop {
            if let Some(lease) = self.lease(call.endpoint, call.name) {
                return Ok(Reached::Http2(lease, !waited));
            }
            let left = call.limit.min(call.deadline.saturating_duration_since(Instant::now()));
            if call.endpoint.protocol() == Protocol::Auto && call.endpoint.prefers_http1() {
                match open(call.endpoint, call.name, call.max_head, left).await.map_err(failure)? {
                    Reaching::Http1(stream) => return Ok(Reached::Http1(stream)),
                    Reaching::Http2(opened) => self.add(call.endpoint, *opened, call.keep),
                }
                waited = true;
                continue;
            }
            let dial = match self.wait(call.endpoint, call.name) {
                Wait::Dial(dial) => dial,
                Wait::NewDial(dial) => {
                    self.dial(&call, dial.clone());
                    dial
                }
                Wait::Room(freed) => {
                    if timeout_at(call.deadline, freed.notified()).await.is_err() {
                        return Err(Error::backend(Kind::Timeout(Waited::Room), Retry::Unwritten));
                    }
                    waited = false;
                    continue;
                }
            };
            let until = (Instant::now() + left + MOMENT).min(call.deadline);
            dial.waiting.set(dial.waiting.get() + 1);
            if timeout_at(until, dial.done()).await.is_err() {
                let step = Step::Connect;
                return Err(failure(ConnectError::new(
                    call.endpoint.label(),
                    step,
                    ConnectErrorKind::Timeout,
                    left,
                    None,
                )));
            }
            waited = true;
            let mut outcome = dial.outcome.borrow_mut();
            match &mut *outcome {
                Some(Outcome::Http1(stream)) => {
                    if let Some(stream) = stream.take() {
                        return Ok(Reached::Http1(stream));
                    }
                }
                // Whoever began it had less time than this request.
                Some(Outcome::Failed(error)) if error.kind() == ConnectErrorKind::Timeout && error.limit() < left => {}
                Some(Outcome::Failed(error)) => return Err(failure(error.clone())),
                Some(Outcome::Connected(places)) => {
                    if let Some(lease) = places.pop() {
                        return Ok(Reached::Http2(lease, false));
                    }
                }
                None => {}
            }
        }
    }

    /// Makes a connection in a task of its own: it goes on if the request goes away that was the first to want it.
    fn dial(self: &Rc<Self>, call: &Call<'_>, dial: Rc<Dial>) {
        let Call { keep, max_head, limit, .. } = *call;
        let dialling =
            Dialling { lanes: self.clone(), endpoint: call.endpoint.clone(), name: call.name.cloned(), dial, limit };
        tokio::task::spawn_local(async move {
            let Dialling { lanes, endpoint, name, .. } = &dialling;
            let outcome = match open(endpoint, name.as_ref(), max_head, limit).await {
                Ok(Reaching::Http1(stream)) => Outcome::Http1(Some(stream)),
                Ok(Reaching::Http2(opened)) => {
                    let name = opened.name.clone();
                    lanes.add(endpoint, *opened, keep);
                    let place = || lanes.lease(endpoint, name.as_ref());
                    Outcome::Connected(std::iter::from_fn(place).take(dialling.dial.waiting.get()).collect())
                }
                Err(error) => Outcome::Failed(error),
            };
            *dialling.dial.outcome.borrow_mut() = Some(outcome);
        });
    }
}

/// A dial under way. Those who wait are told of its end, be it that of its thread.
struct Dialling {
    lanes: Rc<Lanes>,
    endpoint: Arc<Endpoint>,
    name: Option<ServerName<'static>>,
    dial: Rc<Dial>,
    limit: Duration,
}

impl Drop for Dialling {
    fn drop(&mut self) {
        let Self { lanes, endpoint, name, dial, limit } = self;
        dial.outcome.borrow_mut().get_or_insert_with(|| {
            let why = Some(io::ErrorKind::Interrupted.into());
            Outcome::Failed(ConnectError::new(endpoint.label(), Step::Connect, ConnectErrorKind::Io, *limit, why))
        });
        lanes.dialled(endpoint, name.as_ref(), dial);
        dial.done.notify_waiters();
    }
}

/// What a connection turned out to be.
enum Reaching {
    Http1(Stream),
    Http2(Box<Opened>),
}

/// Connects, and begins HTTP/2 if that is agreed on; `limit` is the time for all of it.
async fn open(
    endpoint: &Endpoint,
    name: Option<&ServerName<'static>>,
    max_head: usize,
    limit: Duration,
) -> Result<Reaching, ConnectError> {
    let begun = Instant::now();
    let protocol = endpoint.protocol();
    let stream = connect_to(endpoint, To::Serve, protocol, name, &[], limit).await?;
    if protocol == Protocol::Auto {
        endpoint.note_agreed(stream.agreed_on_http2());
        if !stream.agreed_on_http2() {
            return Ok(Reaching::Http1(stream));
        }
    }
    let name = stream.server_name().cloned();
    let failed = |kind, source| ConnectError::new(endpoint.label(), Step::Preface, kind, limit, source);
    match timeout(limit.saturating_sub(begun.elapsed()), begin(stream, max_head)).await {
        Ok(Ok((requests, connection, activity))) => {
            Ok(Reaching::Http2(Box::new(Opened { name, requests, connection, activity })))
        }
        Ok(Err(error)) => Err(failed(ConnectErrorKind::Protocol, Some(error))),
        Err(_) => Err(failed(ConnectErrorKind::Timeout, None)),
    }
}

fn failure(error: ConnectError) -> Error {
    Error::connect(error)
}

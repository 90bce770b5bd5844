//! A connection to a backend that is being made, shared by all requests that wait for it.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::sync::Notify;
use tokio::time::{timeout, timeout_at, Instant};

use super::pool::{Http2Pool, Wait};
use super::{begin, Lease, Opened};
use crate::error::ConnectStep;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::error::{Error, Kind, Retry, Waited};
use crate::stream::Stream;
use crate::upstream::backend::Backend;
use crate::upstream::connect::{connect_to, To};
use crate::upstream::keep::Keep;
use crate::upstream::BackendProtocol;

/// How much longer than `connect_timeout` a request waits: the attempt itself can tell how far it came.
const MOMENT: Duration = Duration::from_millis(100);

/// What a connection is to be like, and how long a request waits for it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectRequest<'a> {
    pub(crate) backend: &'a Arc<Backend>,
    /// The TLS server name, if it is not the backend's own.
    pub(crate) name: Option<&'a ServerName<'static>>,
    /// The header of the PROXY protocol that a new connection of HTTP/1.1 begins with; usually empty.
    pub(crate) introduction: &'a [u8],
    /// Limits of the pool for idle connections.
    pub(crate) keep: Keep,
    /// Largest response head.
    pub(crate) max_head: usize,
    /// Time to make a connection.
    pub(crate) limit: Duration,
    /// Deadline of the request.
    pub(crate) deadline: Instant,
}

/// Connection that a request gets.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// A stream on a connection, and whether the connection was there before.
    Http2(Lease, bool),
    /// A new HTTP/1.1 connection, where the backend may be spoken to in either.
    Http1(Stream),
}

/// One attempt at a connection, and the requests that wait for it.
#[derive(Debug, Default)]
pub(super) struct PendingConnect {
    outcome: RefCell<Option<ConnectOutcome>>,
    done: Notify,
    /// Number of waiting requests.
    waiting: Cell<usize>,
}

#[derive(Debug)]
enum ConnectOutcome {
    /// The connection is in the pool. Each waiting request gets a stream, and so hears how the connection has ended if
    /// it has.
    Connected(Vec<Lease>),
    /// For the first request that takes it.
    Http1(Option<Stream>),
    Failed(ConnectError),
}

impl PendingConnect {
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

impl Http2Pool {
    /// A stream on a connection of the pool, or on a new one. Requests that come while a connection is made wait for
    /// that one, each until its own limit.
    pub(crate) async fn connect(self: &Rc<Self>, wanted: ConnectRequest<'_>) -> Result<Acquired, Error> {
        let mut waited = false;
        loop {
            if let Some(lease) = self.lease(wanted.backend, wanted.name) {
                return Ok(Acquired::Http2(lease, !waited));
            }
            let left = wanted.limit.min(wanted.deadline.saturating_duration_since(Instant::now()));
            if wanted.backend.protocol() == BackendProtocol::Auto && wanted.backend.prefers_http1() {
                match open(wanted.backend, wanted.name, wanted.max_head, left).await.map_err(failure)? {
                    NewConnection::Http1(stream) => return Ok(Acquired::Http1(stream)),
                    NewConnection::Http2(opened) => self.add(wanted.backend, *opened, wanted.keep),
                }
                waited = true;
                continue;
            }
            let pending = match self.wait(wanted.backend, wanted.name) {
                Wait::Pending(pending) => pending,
                Wait::NewConnect(pending) => {
                    self.begin_connect(&wanted, pending.clone());
                    pending
                }
                Wait::Room(freed) => {
                    if timeout_at(wanted.deadline, freed.notified()).await.is_err() {
                        return Err(Error::backend(Kind::Timeout(Waited::Room), Retry::Always));
                    }
                    waited = false;
                    continue;
                }
            };
            let until = (Instant::now() + left + MOMENT).min(wanted.deadline);
            pending.waiting.set(pending.waiting.get() + 1);
            if timeout_at(until, pending.done()).await.is_err() {
                let step = ConnectStep::Connect;
                return Err(failure(ConnectError::new(
                    wanted.backend.label(),
                    step,
                    ConnectErrorKind::Timeout,
                    left,
                    None,
                )));
            }
            waited = true;
            let mut outcome = pending.outcome.borrow_mut();
            match &mut *outcome {
                Some(ConnectOutcome::Http1(stream)) => {
                    if let Some(stream) = stream.take() {
                        return Ok(Acquired::Http1(stream));
                    }
                }
                // It began with a shorter limit than this request has.
                Some(ConnectOutcome::Failed(error))
                    if error.kind() == ConnectErrorKind::Timeout && error.limit() < left => {}
                Some(ConnectOutcome::Failed(error)) => return Err(failure(error.clone())),
                Some(ConnectOutcome::Connected(places)) => {
                    if let Some(lease) = places.pop() {
                        return Ok(Acquired::Http2(lease, false));
                    }
                }
                None => {}
            }
        }
    }

    /// Makes a connection in a task of its own, which goes on if the first request that wanted it goes away.
    fn begin_connect(self: &Rc<Self>, wanted: &ConnectRequest<'_>, pending: Rc<PendingConnect>) {
        let ConnectRequest { keep, max_head, limit, .. } = *wanted;
        let task = ConnectTask {
            pool: self.clone(),
            backend: wanted.backend.clone(),
            name: wanted.name.cloned(),
            pending,
            limit,
        };
        tokio::task::spawn_local(async move {
            let ConnectTask { pool, backend, name, .. } = &task;
            let outcome = match open(backend, name.as_ref(), max_head, limit).await {
                Ok(NewConnection::Http1(stream)) => ConnectOutcome::Http1(Some(stream)),
                Ok(NewConnection::Http2(opened)) => {
                    let name = opened.name.clone();
                    pool.add(backend, *opened, keep);
                    let place = || pool.lease(backend, name.as_ref());
                    ConnectOutcome::Connected(std::iter::from_fn(place).take(task.pending.waiting.get()).collect())
                }
                Err(error) => ConnectOutcome::Failed(error),
            };
            *task.pending.outcome.borrow_mut() = Some(outcome);
        });
    }
}

/// A connection under way. Its end wakes the waiting requests, also when its thread ends.
struct ConnectTask {
    pool: Rc<Http2Pool>,
    backend: Arc<Backend>,
    name: Option<ServerName<'static>>,
    pending: Rc<PendingConnect>,
    limit: Duration,
}

impl Drop for ConnectTask {
    fn drop(&mut self) {
        let Self { pool, backend, name, pending, limit } = self;
        pending.outcome.borrow_mut().get_or_insert_with(|| {
            let why = Some(io::ErrorKind::Interrupted.into());
            ConnectOutcome::Failed(ConnectError::new(
                backend.label(),
                ConnectStep::Connect,
                ConnectErrorKind::Io,
                *limit,
                why,
            ))
        });
        pool.connected(backend, name.as_ref(), pending);
        pending.done.notify_waiters();
    }
}

/// What a connection turned out to be.
enum NewConnection {
    Http1(Stream),
    Http2(Box<Opened>),
}

/// Connects, and begins HTTP/2 if that is agreed on; `limit` is the time for all of it.
async fn open(
    backend: &Backend,
    name: Option<&ServerName<'static>>,
    max_head: usize,
    limit: Duration,
) -> Result<NewConnection, ConnectError> {
    let begun = Instant::now();
    let protocol = backend.protocol();
    let stream = connect_to(backend, To::Serve, protocol, name, &[], limit).await?;
    if protocol == BackendProtocol::Auto {
        backend.note_agreed(stream.agreed_on_http2());
        if !stream.agreed_on_http2() {
            return Ok(NewConnection::Http1(stream));
        }
    }
    let name = stream.server_name().cloned();
    let failed = |kind, source| ConnectError::new(backend.label(), ConnectStep::Preface, kind, limit, source);
    match timeout(limit.saturating_sub(begun.elapsed()), begin(stream, max_head)).await {
        Ok(Ok((requests, connection, activity))) => {
            Ok(NewConnection::Http2(Box::new(Opened { name, requests, connection, activity })))
        }
        Ok(Err(error)) => Err(failed(ConnectErrorKind::Protocol, Some(error))),
        Err(_) => Err(failed(ConnectErrorKind::Timeout, None)),
    }
}

fn failure(error: ConnectError) -> Error {
    Error::connect(error)
}

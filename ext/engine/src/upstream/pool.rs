//! The connection pool: idle backend connections, kept for later requests, and HTTP/2 connections that requests share.
//!
//! A request may use a connection that was made for another only if it would have made the very same one. A mistake
//! here sends one person's request over a connection that was authenticated as, encrypted for or verified against
//! something else, so the key comprises all that makes two connections equal:
//! - the backend's id. A backend belongs to one upstream, and all that use the upstream share its settings, so its id
//!   stands for the address, for whether TLS is spoken, for the roots, for `verify_ssl`, for SNI and for the client
//!   certificate;
//! - the TLS server name. Where `to` takes its host from the request, one backend is connected to under several names,
//!   and a certificate that was checked for one of them says nothing about another. It is read from the connection
//!   itself: nobody can file a connection under a name that it was not made for;
//! - the header of the PROXY protocol that the connection began with. It says whose connection it is, to the port, so
//!   that only the same client's requests go over it. A backend that wants such headers gets none of its connections
//!   back without one.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, MissedTickBehavior};

use super::backend::{Backend, WeakBackend};
use super::http2::Http2Pool;
use super::keep::Keep;
use crate::metrics::{BackendSeries, ThreadNumber};
use crate::stream::Stream;

/// Interval of the look for connections that have expired or died.
const JANITOR_PERIOD: Duration = Duration::from_secs(1);

/// The idle connections of one engine thread.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    backends: RefCell<HashMap<u64, IdleConnections, FxBuildHasher>>,
    /// HTTP/2 connections, which are shared while they are in use.
    pub(super) http2: Rc<Http2Pool>,
    /// Whether nothing is kept any more.
    closed: Cell<bool>,
    /// The engine thread.
    thread: ThreadNumber,
}

/// The idle connections to one backend, oldest first.
#[derive(Debug)]
struct IdleConnections {
    backend: WeakBackend,
    /// Figures of the backend.
    series: Arc<BackendSeries>,
    idle: VecDeque<Idle>,
}

#[derive(Debug)]
struct Idle {
    stream: Stream,
    /// PROXY header that it began with; empty if there was none.
    introduction: Box<[u8]>,
    /// `None`: too far away to be represented.
    expires: Option<Instant>,
}

impl Pool {
    /// The pool of an engine thread.
    pub(crate) fn of(thread: ThreadNumber) -> Self {
        Self { thread, ..Self::default() }
    }

    /// Takes the connection that became idle last, has not expired and is open with nothing to read. Others that are
    /// found on the way are closed: bytes that a backend sends unasked would be read as the next answer.
    ///
    /// `name` is the TLS server name, if it is not the backend's own, `introduction` the PROXY header that the
    /// connection has to have begun with. `now` is the time, which its callers know.
    pub(crate) fn checkout(
        &self,
        backend: &Backend,
        name: Option<&ServerName<'static>>,
        introduction: &[u8],
        now: Instant,
    ) -> Option<Stream> {
        let mut backends = self.backends.borrow_mut();
        let idle = &mut backends.get_mut(&backend.id())?.idle;
        if idle.is_empty() {
            return None;
        }
        let name = backend.server_name(name);
        let mut index = idle.len();
        while index > 0 {
            index -= 1;
            if idle[index].stream.server_name() != name || *idle[index].introduction != *introduction {
                continue;
            }
            let mut candidate = idle.remove(index)?;
            if candidate.is_usable(now) {
                return Some(candidate.stream);
            }
        }
        None
    }

    /// Keeps a connection whose last exchange is complete on both sides. Beyond `keep.connections` the oldest is
    /// closed.
    /// `introduction` is the PROXY header that it began with. Returns the time, if it is kept.
    pub(crate) fn give_back(
        &self,
        backend: &Arc<Backend>,
        stream: Stream,
        introduction: &[u8],
        keep: Keep,
    ) -> Option<Instant> {
        let is_introduced = !introduction.is_empty();
        if keep.connections == 0 || self.closed.get() || is_introduced != backend.settings().proxy_protocol.is_some() {
            return None;
        }
        let mut backends = self.backends.borrow_mut();
        let connections = backends.entry(backend.id()).or_insert_with(|| IdleConnections {
            backend: backend.downgrade(),
            series: Arc::clone(backend.series()),
            idle: VecDeque::new(),
        });
        while connections.idle.len() >= keep.connections {
            connections.idle.pop_front();
        }
        let introduction = introduction.into();
        let now = Instant::now();
        connections.idle.push_back(Idle { stream, introduction, expires: now.checked_add(keep.timeout) });
        Some(now)
    }

    /// Looks through the pool once a second, for ever: closes what has expired or died, and forgets backends that are
    /// gone (an address that DNS no longer names, a configuration that was replaced). To be spawned once per pool.
    pub(crate) async fn run_janitor(&self) {
        let mut ticks = tokio::time::interval(JANITOR_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.clean();
        }
    }

    fn clean(&self) {
        let now = Instant::now();
        self.backends.borrow_mut().retain(|_, connections| {
            connections.idle.retain_mut(|idle| idle.is_usable(now));
            let is_alive = connections.backend.is_alive();
            connections.series.note_idle(self.thread, if is_alive { connections.idle.len() } else { 0 });
            is_alive
        });
        self.http2.clean(self.thread);
    }

    /// Closes all idle connections and keeps none from now on, as at the end of a server. Shared connections end with
    /// their last stream.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.clear_idle();
        self.http2.close();
    }

    /// Closes idle HTTP/1.1 connections.
    pub(super) fn clear_idle(&self) {
        for (_, connections) in self.backends.borrow_mut().drain() {
            connections.series.note_idle(self.thread, 0);
        }
    }

    /// Whether there is a connection of HTTP/2 to that backend.
    pub(crate) fn is_connected(&self, backend: &Backend) -> bool {
        self.http2.has(backend.id())
    }

    /// How many connections are idle now.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.backends.borrow().values().map(|connections| connections.idle.len()).sum()
    }

    /// How many connections of HTTP/2 there are.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> usize {
        self.http2.len()
    }

    /// Whether no connection is idle now.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Idle {
    fn is_usable(&mut self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| now < expires) && self.stream.is_quiet()
    }
}

#[cfg(test)]
mod tests;

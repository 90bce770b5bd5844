//! The HTTP/2 connection pool of one engine thread.
//!
//! Requests share a connection only if each of them would have made the very same one: the reasons and the key are
//! those of [`crate::upstream::pool`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::SendRequest;
use proxy_http::http2::{Lease, Load, UNSAID};
use rustc_hash::FxBuildHasher;
use rustls::pki_types::ServerName;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::drive::{drive, Rhythm};
use super::pending_connect::PendingConnect;
use super::{Opened, MOST_STREAMS};
use crate::metrics::{BackendSeries, ThreadNumber};
use crate::upstream::backend::{Backend, WeakBackend};
use crate::upstream::keep::Keep;

/// Most connections of one thread to one backend, under one TLS server name. A backend that allows fewer than the
/// usual hundred streams on each wants few requests at once; further requests wait.
const MOST_CONNECTIONS: usize = 64;

/// The HTTP/2 connections of one engine thread.
#[derive(Debug, Default)]
pub(crate) struct Http2Pool {
    backends: RefCell<HashMap<u64, BackendConnections, FxBuildHasher>>,
    rhythm: Rhythm,
    /// Whether no connection outlives its last stream.
    closed: Cell<bool>,
}

/// The connections to one backend.
#[derive(Debug)]
struct BackendConnections {
    backend: WeakBackend,
    /// Figures of the backend.
    series: Arc<BackendSeries>,
    named: Vec<NamedConnections>,
}

/// The connections to one backend under one TLS server name, or none.
#[derive(Debug)]
struct NamedConnections {
    name: Option<ServerName<'static>>,
    connections: Vec<PooledConnection>,
    /// The connection that is being made now.
    pending: Option<Rc<PendingConnect>>,
    /// Wakes a request that waits for room.
    freed: Arc<Notify>,
}

/// One connection. Dropping this closes it once its last stream has ended.
#[derive(Debug)]
struct PooledConnection {
    requests: SendRequest<Bytes>,
    load: Arc<Load>,
    keep: Keep,
    /// Since when it was seen to carry no stream.
    idle_since: Option<Instant>,
}

/// What to wait for where no connection has room.
pub(super) enum Wait {
    /// A connection that is being made.
    Pending(Rc<PendingConnect>),
    /// A connection that the caller has to make.
    NewConnect(Rc<PendingConnect>),
    /// The end of a stream.
    Room(Arc<Notify>),
}

impl Http2Pool {
    /// A stream on a connection that has room for one more. `name` is the TLS server name, if it is not the backend's
    /// own.
    pub(crate) fn lease(&self, backend: &Backend, name: Option<&ServerName<'static>>) -> Option<Lease> {
        let mut backends = self.backends.borrow_mut();
        let name = backend.server_name(name);
        let backend = backends.get_mut(&backend.id())?;
        let named = backend.named.iter_mut().find(|named| named.name.as_ref() == name)?;
        let mut index = 0;
        while let Some(connection) = named.connections.get_mut(index) {
            if !connection.is_open() {
                named.drop_connection(index);
                continue;
            }
            if connection.has_room() {
                connection.idle_since = None;
                return Some(Lease::new(connection.requests.clone(), &connection.load));
            }
            index += 1;
        }
        None
    }

    /// What to wait for if [`Http2Pool::lease`] finds nothing.
    pub(super) fn wait(&self, backend: &Arc<Backend>, name: Option<&ServerName<'static>>) -> Wait {
        let mut backends = self.backends.borrow_mut();
        let named = named(&mut backends, backend, backend.server_name(name));
        if let Some(pending) = &named.pending {
            return Wait::Pending(pending.clone());
        }
        // A backend that takes no stream on one connection takes none on another. A connection whose settings have not
        // come says soon how many it takes.
        let about_to = |connection: &PooledConnection| connection.requests.current_max_send_streams() == UNSAID;
        let is_closed =
            named.connections.iter().any(|connection| connection.load.streams() == 0 || about_to(connection));
        if is_closed || named.connections.len() >= MOST_CONNECTIONS {
            return Wait::Room(named.freed.clone());
        }
        let pending = Rc::<PendingConnect>::default();
        named.pending = Some(pending.clone());
        Wait::NewConnect(pending)
    }

    /// Forgets a pending connection: it was made, or has failed.
    pub(super) fn connected(
        &self,
        backend: &Arc<Backend>,
        name: Option<&ServerName<'static>>,
        pending: &Rc<PendingConnect>,
    ) {
        let mut backends = self.backends.borrow_mut();
        let named = named(&mut backends, backend, backend.server_name(name));
        named.pending.take_if(|current| Rc::ptr_eq(current, pending));
    }

    /// Adds a new connection under the TLS server name that it was made for, and starts its task.
    pub(super) fn add(self: &Rc<Self>, backend: &Arc<Backend>, opened: Opened, keep: Keep) {
        let mut backends = self.backends.borrow_mut();
        let named = named(&mut backends, backend, opened.name.as_ref());
        let load = Load::new(named.freed.clone(), opened.activity.tally().clone());
        let requests = opened.requests.clone();
        named.connections.push(PooledConnection { requests, load: load.clone(), keep, idle_since: None });
        tokio::task::spawn_local(drive(Rc::downgrade(self), Arc::downgrade(backend), backend.id(), load, opened));
    }

    /// The last stream of a connection has ended: closes the connection if there are too many idle ones.
    pub(super) fn emptied(&self, backend: u64, load: &Arc<Load>) {
        let mut backends = self.backends.borrow_mut();
        let Some(backend) = backends.get_mut(&backend) else { return };
        let idle = backend
            .named
            .iter()
            .flat_map(|named| &named.connections)
            .filter(|connection| connection.load.streams() == 0)
            .count();
        let Some((named, index)) = backend.find(load) else { return };
        let connection = &mut named.connections[index];
        if load.streams() > 0 {
            return;
        }
        connection.idle_since = Some(Instant::now());
        if idle > connection.keep.connections || self.closed.get() {
            named.drop_connection(index);
        }
    }

    /// A connection has ended.
    pub(super) fn ended(&self, backend: u64, load: &Arc<Load>) {
        let mut backends = self.backends.borrow_mut();
        if let Some((named, index)) = backends.get_mut(&backend).and_then(|backend| backend.find(load)) {
            named.drop_connection(index);
        }
    }

    /// Closes connections that have been idle for too long, and forgets backends that are gone. To be called about
    /// once a second. Wakes requests that wait for room: no event tells that a backend takes more streams than before,
    /// or that a connection without streams was closed here.
    pub(in crate::upstream) fn clean(&self, thread: ThreadNumber) {
        let now = Instant::now();
        self.backends.borrow_mut().retain(|_, backend| {
            for named in &mut backend.named {
                named.connections.retain_mut(|connection| connection.is_open() && !connection.has_expired(now));
                named.freed.notify_waiters();
            }
            backend.named.retain(|named| !named.connections.is_empty() || named.pending.is_some());
            let is_alive = backend.backend.is_alive();
            let all = || backend.named.iter().flat_map(|named| &named.connections).filter(|_| is_alive);
            let used = all().filter(|connection| connection.load.streams() > 0).count();
            backend.series.note_shared(thread, all().count() - used, used);
            is_alive
        });
    }

    /// Lets every connection end with its last stream.
    pub(in crate::upstream) fn close(&self) {
        self.closed.set(true);
        for backend in self.backends.borrow_mut().values_mut() {
            for named in &mut backend.named {
                named.connections.clear();
                named.freed.notify_waiters();
            }
        }
    }

    /// How it is found out whether a backend is alive.
    pub(super) fn rhythm(&self) -> Rhythm {
        self.rhythm
    }

    /// No connections yet, and another rhythm than the usual one.
    #[cfg(test)]
    pub(super) fn with_rhythm(rhythm: Rhythm) -> Rc<Self> {
        Rc::new(Self { rhythm, ..Self::default() })
    }

    /// Whether there is a connection to the backend of that id.
    pub(in crate::upstream) fn has(&self, backend: u64) -> bool {
        self.backends
            .borrow()
            .get(&backend)
            .is_some_and(|backend| backend.named.iter().any(|named| !named.connections.is_empty()))
    }

    /// How many connections there are.
    #[cfg(test)]
    pub(in crate::upstream) fn len(&self) -> usize {
        self.backends.borrow().values().flat_map(|backend| &backend.named).map(|named| named.connections.len()).sum()
    }
}

/// The connections under a TLS server name; creates the entry if there is none.
fn named<'a>(
    backends: &'a mut HashMap<u64, BackendConnections, FxBuildHasher>,
    backend: &Arc<Backend>,
    name: Option<&ServerName<'static>>,
) -> &'a mut NamedConnections {
    let new_backend =
        || BackendConnections { backend: backend.downgrade(), series: Arc::clone(backend.series()), named: Vec::new() };
    let all = &mut backends.entry(backend.id()).or_insert_with(new_backend).named;
    let index = all.iter().position(|named| named.name.as_ref() == name).unwrap_or_else(|| {
        all.push(NamedConnections {
            name: name.cloned(),
            connections: Vec::new(),
            pending: None,
            freed: Arc::default(),
        });
        all.len() - 1
    });
    &mut all[index]
}

impl BackendConnections {
    fn find(&mut self, load: &Arc<Load>) -> Option<(&mut NamedConnections, usize)> {
        self.named.iter_mut().find_map(|named| {
            let index = named.connections.iter().position(|connection| Arc::ptr_eq(&connection.load, load))?;
            Some((named, index))
        })
    }
}

impl NamedConnections {
    /// Opens no more streams on a connection. Wakes requests that wait: they may make another connection now.
    fn drop_connection(&mut self, index: usize) {
        self.connections.swap_remove(index);
        self.freed.notify_waiters();
    }
}

impl PooledConnection {
    /// Whether new streams can be opened: it lives, and no GOAWAY has come.
    fn is_open(&mut self) -> bool {
        let ready = self.requests.poll_ready(&mut Context::from_waker(Waker::noop()));
        matches!(ready, Poll::Ready(Ok(()))) && !self.load.is_retired()
    }

    /// Until the settings of the backend have come, a connection carries one stream: `h2` would keep further ones
    /// waiting for its end if they turned out to be too many.
    fn has_room(&self) -> bool {
        let most = match self.requests.current_max_send_streams() {
            UNSAID => 1,
            said => said.min(MOST_STREAMS),
        };
        self.load.streams() < most
    }

    fn has_expired(&mut self, now: Instant) -> bool {
        if self.load.streams() > 0 {
            return false;
        }
        let since = *self.idle_since.get_or_insert(now);
        let unwanted = self.keep.connections == 0 && since != now;
        unwanted || now.duration_since(since) >= self.keep.timeout
    }
}

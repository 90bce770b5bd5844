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
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_http::headers::framing::list_members;
use proxy_http::message::{Fields, Known};
use rustls::pki_types::ServerName;
use tokio::time::{Instant, MissedTickBehavior};

use super::backend::{Backend, WeakBackend};
use super::http2::Http2Pool;
use crate::compile::Report;
use crate::config;
use crate::stream::Stream;

/// Interval of the look for connections that have expired or died.
const JANITOR_PERIOD: Duration = Duration::from_secs(1);

/// The idle connections of one engine thread.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    backends: RefCell<HashMap<u64, IdleConnections, BuildHasherDefault<IdHasher>>>,
    /// HTTP/2 connections, which are shared while they are in use.
    pub(super) http2: Rc<Http2Pool>,
    /// Whether nothing is kept any more.
    closed: Cell<bool>,
}

/// The idle connections to one backend, oldest first.
#[derive(Debug)]
struct IdleConnections {
    backend: WeakBackend,
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

/// Limits of idle connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    /// Connections per backend and engine thread; 0 keeps none.
    pub connections: usize,
    /// Time after which an idle connection is closed.
    pub timeout: Duration,
}

impl Keep {
    /// Checks `keepalive` and `keepalive_timeout`.
    pub(super) fn compile(pool: &config::PoolConfig, report: &mut Report<'_>) -> Self {
        Self {
            connections: report.within("keepalive").count(pool.keepalive, 0..=u32::MAX.into()) as usize,
            timeout: report.within("keepalive_timeout").seconds(pool.keepalive_timeout),
        }
    }
}

#[cfg(test)]
impl Keep {
    /// A few connections, for a while.
    pub(super) const FEW: Self = Self { connections: 4, timeout: Duration::from_secs(60) };
}

impl Pool {
    /// Takes the connection that became idle last, has not expired and is open with nothing to read. Others that are
    /// found on the way are closed: bytes that a backend sends unasked would be read as the next answer.
    ///
    /// `name` is the TLS server name, if it is not the backend's own, `introduction` the PROXY header that the
    /// connection has to have begun with.
    pub(crate) fn checkout(
        &self,
        backend: &Backend,
        name: Option<&ServerName<'static>>,
        introduction: &[u8],
    ) -> Option<Stream> {
        let mut backends = self.backends.borrow_mut();
        let idle = &mut backends.get_mut(&backend.id())?.idle;
        if idle.is_empty() {
            return None;
        }
        let name = backend.server_name(name);
        let now = Instant::now();
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
    /// `introduction` is the PROXY header that it began with.
    pub(crate) fn give_back(&self, backend: &Arc<Backend>, stream: Stream, introduction: &[u8], keep: Keep) {
        let is_introduced = !introduction.is_empty();
        if keep.connections == 0 || self.closed.get() || is_introduced != backend.settings().proxy_protocol.is_some() {
            return;
        }
        let mut backends = self.backends.borrow_mut();
        let connections = backends
            .entry(backend.id())
            .or_insert_with(|| IdleConnections { backend: backend.downgrade(), idle: VecDeque::new() });
        while connections.idle.len() >= keep.connections {
            connections.idle.pop_front();
        }
        let introduction = introduction.into();
        connections.idle.push_back(Idle { stream, introduction, expires: Instant::now().checked_add(keep.timeout) });
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
            connections.backend.is_alive()
        });
        self.http2.clean();
    }

    /// Closes all idle connections and keeps none from now on, as at the end of a server. Shared connections end with
    /// their last stream.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.backends.borrow_mut().clear();
        self.http2.close();
    }

    /// Closes idle HTTP/1.1 connections.
    pub(super) fn clear_idle(&self) {
        self.backends.borrow_mut().clear();
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

impl Keep {
    /// Limits for a connection whose backend says in `Keep-Alive` how long it keeps it, and for how many requests
    /// more. It is closed a second earlier, so that no request meets the backend's own close.
    #[inline]
    pub(crate) fn believing(self, fields: &Fields) -> Self {
        if fields.lacks(Known::KeepAlive) {
            return self;
        }
        self.believing_said(fields)
    }

    #[cold]
    fn believing_said(mut self, fields: &Fields) -> Self {
        for parameter in fields.all(Known::KeepAlive).flat_map(list_members) {
            let mut halves = parameter.splitn(2, |byte| *byte == b'=').map(<[u8]>::trim_ascii);
            let (Some(name), Some(value)) = (halves.next(), halves.next()) else { continue };
            // A number that is none, or too large to be one, says nothing.
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let number = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|text| text.parse::<u64>().ok());
            let Some(number) = number else { continue };
            if name.eq_ignore_ascii_case(b"timeout") {
                self.timeout = self.timeout.min(Duration::from_secs(number.saturating_sub(1)));
            } else if name.eq_ignore_ascii_case(b"max") && number == 0 {
                self.connections = 0;
            }
        }
        if self.timeout.is_zero() {
            self.connections = 0;
        }
        self
    }
}

/// Ids are counted up from 1, so they spread over a table by themselves once their bits reach both of its ends.
#[derive(Debug, Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;

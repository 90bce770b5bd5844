//! The HTTP/2 connections of one engine thread, and who gets a place on them.
//!
//! Who may share a connection? Only requests that would have made the very same one: see [`crate::upstream::pool`], whose reasons
//! and whose key hold here too.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::SendRequest;
use proxy_http::http2::{Lease, Load, UNSAID};
use rustls::pki_types::ServerName;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dial::Dial;
use super::drive::{drive, Rhythm};
use super::{Opened, MOST_STREAMS};
use crate::upstream::backend::{Endpoint, Trace};
use crate::upstream::pool::{IdHasher, Keep};

/// Connections from one thread to one backend, under one name. With fewer than the usual hundred streams on each it is the backend
/// that wants few requests at once; those beyond wait.
const MOST_CONNECTIONS: usize = 64;

/// The HTTP/2 connections of one engine thread.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    shelves: RefCell<HashMap<u64, Shelf, BuildHasherDefault<IdHasher>>>,
    rhythm: Rhythm,
    /// Whether no connection outlives its last stream.
    closed: Cell<bool>,
}

/// The connections to one endpoint.
#[derive(Debug)]
struct Shelf {
    endpoint: Trace,
    lanes: Vec<Lane>,
}

/// Those of them that were made for one TLS server name, or for none.
#[derive(Debug)]
struct Lane {
    name: Option<ServerName<'static>>,
    lines: Vec<Line>,
    /// The connection that is being made.
    dial: Option<Rc<Dial>>,
    /// Wakes one of those who wait for room.
    freed: Arc<Notify>,
}

/// One connection. It is closed, once its last stream has ended, by dropping this.
#[derive(Debug)]
struct Line {
    requests: SendRequest<Bytes>,
    load: Arc<Load>,
    keep: Keep,
    /// Since when it has carried nothing, as far as anybody has looked.
    idle_since: Option<Instant>,
}

/// What to wait for where no connection has room.
pub(super) enum Wait {
    /// A connection that somebody makes.
    Dial(Rc<Dial>),
    /// One that the caller has to make, and say so.
    NewDial(Rc<Dial>),
    /// The end of a stream.
    Room(Arc<Notify>),
}

impl Lanes {
    /// A place on a connection that is there and has room. `name` is the TLS server name, if it is not the endpoint's own.
    pub(crate) fn lease(&self, endpoint: &Endpoint, name: Option<&ServerName<'static>>) -> Option<Lease> {
        let mut shelves = self.shelves.borrow_mut();
        let name = endpoint.server_name(name);
        let shelf = shelves.get_mut(&endpoint.id())?;
        let lane = shelf.lanes.iter_mut().find(|lane| lane.name.as_ref() == name)?;
        let mut index = 0;
        while let Some(line) = lane.lines.get_mut(index) {
            if !line.is_open() {
                lane.drop_line(index);
                continue;
            }
            if line.has_room() {
                line.idle_since = None;
                return Some(Lease::new(line.requests.clone(), &line.load));
            }
            index += 1;
        }
        None
    }

    /// What to wait for if [`Lanes::lease`] finds nothing.
    pub(super) fn wait(&self, endpoint: &Arc<Endpoint>, name: Option<&ServerName<'static>>) -> Wait {
        let mut shelves = self.shelves.borrow_mut();
        let lane = lane(&mut shelves, endpoint, endpoint.server_name(name));
        if let Some(dial) = &lane.dial {
            return Wait::Dial(dial.clone());
        }
        // A backend that takes no stream at all on a connection takes none on another. One that has not yet said how many it takes is
        // about to.
        let about_to = |line: &Line| line.requests.current_max_send_streams() == UNSAID;
        let is_closed = lane.lines.iter().any(|line| line.load.streams() == 0 || about_to(line));
        if is_closed || lane.lines.len() >= MOST_CONNECTIONS {
            return Wait::Room(lane.freed.clone());
        }
        let dial = Rc::<Dial>::default();
        lane.dial = Some(dial.clone());
        Wait::NewDial(dial)
    }

    /// That connection was made, or was not.
    pub(super) fn dialled(&self, endpoint: &Arc<Endpoint>, name: Option<&ServerName<'static>>, dial: &Rc<Dial>) {
        let mut shelves = self.shelves.borrow_mut();
        let lane = lane(&mut shelves, endpoint, endpoint.server_name(name));
        lane.dial.take_if(|current| Rc::ptr_eq(current, dial));
    }

    /// Takes a new connection in, and lets it live in a task of its own. It is filed under the name that it was made for.
    pub(super) fn add(self: &Rc<Self>, endpoint: &Arc<Endpoint>, opened: Opened, keep: Keep) {
        let mut shelves = self.shelves.borrow_mut();
        let lane = lane(&mut shelves, endpoint, opened.name.as_ref());
        let load = Load::new(lane.freed.clone(), opened.activity.tally().clone());
        let requests = opened.requests.clone();
        lane.lines.push(Line { requests, load: load.clone(), keep, idle_since: None });
        tokio::task::spawn_local(drive(Rc::downgrade(self), Arc::downgrade(endpoint), endpoint.id(), load, opened));
    }

    /// The last stream of a connection has ended: closes it if it is one too many to be kept.
    pub(super) fn emptied(&self, endpoint: u64, load: &Arc<Load>) {
        let mut shelves = self.shelves.borrow_mut();
        let Some(shelf) = shelves.get_mut(&endpoint) else { return };
        let idle = shelf.lanes.iter().flat_map(|lane| &lane.lines).filter(|line| line.load.streams() == 0).count();
        let Some((lane, index)) = shelf.find(load) else { return };
        let line = &mut lane.lines[index];
        if load.streams() > 0 {
            return;
        }
        line.idle_since = Some(Instant::now());
        if idle > line.keep.connections || self.closed.get() {
            lane.drop_line(index);
        }
    }

    /// A connection has ended.
    pub(super) fn ended(&self, endpoint: u64, load: &Arc<Load>) {
        let mut shelves = self.shelves.borrow_mut();
        if let Some((lane, index)) = shelves.get_mut(&endpoint).and_then(|shelf| shelf.find(load)) {
            lane.drop_line(index);
        }
    }

    /// Closes what has been idle for too long, and forgets endpoints that are gone. To be called about once a second. Whoever waits for
    /// room looks again: nobody tells that a backend takes more streams than it did, or that a connection which is closed here takes
    /// none.
    pub(in crate::upstream) fn clean(&self) {
        let now = Instant::now();
        self.shelves.borrow_mut().retain(|_, shelf| {
            for lane in &mut shelf.lanes {
                lane.lines.retain_mut(|line| line.is_open() && !line.has_expired(now));
                lane.freed.notify_waiters();
            }
            shelf.lanes.retain(|lane| !lane.lines.is_empty() || lane.dial.is_some());
            shelf.endpoint.is_alive()
        });
    }

    /// Lets every connection end with its last stream.
    pub(in crate::upstream) fn close(&self) {
        self.closed.set(true);
        for shelf in self.shelves.borrow_mut().values_mut() {
            for lane in &mut shelf.lanes {
                lane.lines.clear();
                lane.freed.notify_waiters();
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

    /// Whether there is a connection to the endpoint of that id.
    pub(in crate::upstream) fn has(&self, endpoint: u64) -> bool {
        self.shelves.borrow().get(&endpoint).is_some_and(|shelf| shelf.lanes.iter().any(|lane| !lane.lines.is_empty()))
    }

    /// How many connections there are.
    #[cfg(test)]
    pub(in crate::upstream) fn len(&self) -> usize {
        self.shelves.borrow().values().flat_map(|shelf| &shelf.lanes).map(|lane| lane.lines.len()).sum()
    }
}

/// The lane for a name, a new one if there is none.
fn lane<'a>(
    shelves: &'a mut HashMap<u64, Shelf, BuildHasherDefault<IdHasher>>,
    endpoint: &Arc<Endpoint>,
    name: Option<&ServerName<'static>>,
) -> &'a mut Lane {
    let new_shelf = || Shelf { endpoint: endpoint.trace(), lanes: Vec::new() };
    let lanes = &mut shelves.entry(endpoint.id()).or_insert_with(new_shelf).lanes;
    let index = lanes.iter().position(|lane| lane.name.as_ref() == name).unwrap_or_else(|| {
        lanes.push(Lane { name: name.cloned(), lines: Vec::new(), dial: None, freed: Arc::default() });
        lanes.len() - 1
    });
    &mut lanes[index]
}

impl Shelf {
    fn find(&mut self, load: &Arc<Load>) -> Option<(&mut Lane, usize)> {
        self.lanes.iter_mut().find_map(|lane| {
            let index = lane.lines.iter().position(|line| Arc::ptr_eq(&line.load, load))?;
            Some((lane, index))
        })
    }
}

impl Lane {
    /// Gives no more streams to a connection. Whoever waits may make another one now.
    fn drop_line(&mut self, index: usize) {
        self.lines.swap_remove(index);
        self.freed.notify_waiters();
    }
}

impl Line {
    /// Whether new streams can be opened: it lives, and no GOAWAY has come.
    fn is_open(&mut self) -> bool {
        let ready = self.requests.poll_ready(&mut Context::from_waker(Waker::noop()));
        matches!(ready, Poll::Ready(Ok(()))) && !self.load.is_retired()
    }

    /// Before the backend has said how many streams it takes, one is sent: `h2` would let further ones wait for its end if they turned out
    /// to be too many.
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

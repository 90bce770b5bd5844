//! What an engine thread keeps for the requests it serves.

mod connections;

pub(crate) use connections::Registration;

use std::cell::RefCell;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::time::Instant;

use crate::log::Log;
use crate::metrics::Counters;
use crate::request::Tools;
use crate::snapshot::Snapshot;
use connections::Connections;

/// One engine thread: the configuration of this moment, the connections of its clients, and what it lends to their
/// requests.
pub(crate) struct Worker {
    source: Arc<ArcSwap<Snapshot>>,
    current: RefCell<Rc<Current>>,
    connections: Connections,
    tools: Tools,
}

impl Deref for Worker {
    type Target = Tools;

    fn deref(&self) -> &Tools {
        &self.tools
    }
}

/// A configuration as one engine thread holds it, counted without regard to the other threads.
#[derive(Debug)]
pub(crate) struct Current(Arc<Snapshot>);

impl Deref for Current {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.0
    }
}

impl Worker {
    pub(crate) fn new(source: Arc<ArcSwap<Snapshot>>, counters: Arc<Counters>, log: Arc<Log>) -> Rc<Self> {
        let current = RefCell::new(Rc::new(Current(source.load_full())));
        Rc::new(Self { source, current, connections: Connections::default(), tools: Tools::new(counters, log) })
    }

    /// The configuration of this moment. A request keeps what it began with. Counting its users is this thread's own
    /// affair: the count that threads share is touched only when the configuration has changed.
    pub(crate) fn snapshot(&self) -> Rc<Current> {
        let newest = self.source.load();
        let mut current = self.current.borrow_mut();
        if !Arc::ptr_eq(&newest, &current.0) {
            *current = Rc::new(Current(Arc::clone(&newest)));
        }
        Rc::clone(&current)
    }

    /// Lets go of the configuration before, of which there may be no request for a long time. Those that it serves keep
    /// it.
    pub(crate) fn take_newest(&self) {
        let newest = self.snapshot();
        self.tools.keep_access_log(newest.globals.access_log.as_ref());
    }

    /// Begins to stop.
    pub(crate) fn drain(&self) {
        self.tools.drain();
        self.connections.wake_all();
    }

    /// Registers a connection until the guard is dropped.
    pub(crate) fn register(self: &Rc<Self>) -> Registration {
        Registration::new(self)
    }

    /// Since when the connection is idle that has been so longest; in a unit of its own, the same for all threads.
    pub(crate) fn longest_idle(&self) -> Option<u64> {
        self.connections.longest_idle(Instant::now())
    }

    /// Closes that one. `false` if there is none.
    pub(crate) fn close_longest_idle(&self) -> bool {
        self.connections.close_longest_idle(Instant::now())
    }

    /// Ready when the last connection is gone.
    pub(crate) async fn wait_for_connections(&self) {
        self.connections.wait_until_none().await;
    }
}

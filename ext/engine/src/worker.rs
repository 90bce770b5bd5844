//! State of an engine thread that serves requests.

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

/// One engine thread: the current configuration, the client connections, and the tools that requests borrow.
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

/// The configuration as one engine thread holds it, with a reference count of that thread's own.
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

    /// The current configuration. A request keeps the one that it began with. Its users are counted per thread: the
    /// count that threads share is touched only when the configuration has changed.
    pub(crate) fn snapshot(&self) -> Rc<Current> {
        let newest = self.source.load();
        let mut current = self.current.borrow_mut();
        if !Arc::ptr_eq(&newest, &current.0) {
            *current = Rc::new(Current(Arc::clone(&newest)));
        }
        Rc::clone(&current)
    }

    /// Releases the previous configuration, since the next request may be a long time away. Requests that began with it
    /// keep it.
    pub(crate) fn take_newest(&self) {
        let newest = self.snapshot();
        self.tools.keep_access_log(newest.globals.access_log.as_ref());
    }

    /// Starts draining.
    pub(crate) fn drain(&self) {
        self.tools.drain();
        self.connections.wake_all();
    }

    /// Sends copies of requests, for ever. Each has a task of its own, which the end of the thread ends.
    pub(crate) async fn send_copies(self: Rc<Self>) {
        loop {
            let (job, worker) = (self.copies.next().await, Rc::clone(&self));
            tokio::task::spawn_local(async move { job.send(&worker.pool, &worker.log).await });
        }
    }

    /// Does what is to be done for caches, for ever. Each job has a task of its own, which the end of the thread ends.
    pub(crate) async fn serve_caches(self: Rc<Self>) {
        loop {
            let (job, worker) = (self.cache_jobs.next().await, Rc::clone(&self));
            tokio::task::spawn_local(async move { job.run(&worker.pool, &worker.log).await });
        }
    }

    /// Closes idle connections too, once the server drains.
    pub(crate) fn close_idle(&self) {
        self.tools.close_idle();
        self.connections.wake_all();
    }

    /// Registers a connection until the guard is dropped.
    pub(crate) fn register(self: &Rc<Self>) -> Registration {
        Registration::new(self)
    }

    /// Time since which the longest idle connection is idle; in microseconds of [`crate::clock`], comparable between
    /// threads.
    pub(crate) fn longest_idle(&self) -> Option<u64> {
        self.connections.longest_idle(Instant::now())
    }

    /// Tells the longest idle connection to close. `false` if no connection is idle.
    pub(crate) fn close_longest_idle(&self) -> bool {
        self.connections.close_longest_idle(Instant::now())
    }

    /// Ready when the last connection is gone.
    pub(crate) async fn wait_for_connections(&self) {
        self.connections.wait_until_none().await;
    }
}

//! Resources of an engine thread that its requests share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::Notify;

use super::job_queue::JobQueue;
use super::{CacheJob, CopyJob, Workspace};
use crate::access_log::{self, AccessLog};
use crate::clock::time_of_day;
use crate::log::Log;
use crate::long_lived::{LongLived, LongLivedOnes};
use crate::metrics::{Counters, LongLivedKind};
use crate::relay::MemoryBudget;
use crate::rewrite::RequestValues;
use crate::tracing::{SpanBuffer, Trace, TraceEnding, Tracer};
use crate::upstream::pool::Pool;

/// Spare workspaces that a thread keeps.
const KEPT_WORKSPACES: usize = 256;
/// Bytes that a spare workspace may hold: ordinary heads on both sides, several times over.
const LARGEST_WORKSPACE: usize = 64 * 1024;
/// Longest time that the spans of a request wait for those of others.
const SPANS_DELAY: Duration = Duration::from_millis(200);
/// Longest time that an access log line waits for further lines.
const LOG_DELAY: Duration = Duration::from_millis(100);

/// Resources of one engine thread. Nothing in them is shared with another thread except through atomics.
pub(crate) struct Tools {
    /// Idle connections to backends.
    pub(crate) pool: Pool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: Arc<Log>,
    /// Copies of requests that wait to be sent.
    pub(crate) copies: JobQueue<CopyJob>,
    /// Memory for bodies that wait for a slow peer.
    pub(crate) memory: Rc<MemoryBudget>,
    /// What is to be done for caches without a client.
    pub(crate) cache_jobs: JobQueue<CacheJob>,
    /// Boxed, so that only a pointer is moved.
    #[allow(clippy::vec_box)]
    spare: RefCell<Vec<Box<Workspace>>>,
    date: RefCell<Date>,
    access: RefCell<access_log::Buffer>,
    access_flush: Notify,
    spans: RefCell<SpanBuffer>,
    spans_flush: Notify,
    draining: Cell<bool>,
    closing_idle: Cell<bool>,
    ended: Cell<bool>,
    /// Open tunnels and event streams.
    pub(crate) long_lived: LongLivedOnes,
}

/// The `Date` field, formatted once a second.
#[derive(Debug, Default)]
struct Date {
    second: u64,
    line: Vec<u8>,
}

impl Tools {
    /// Resources for a new thread.
    pub(crate) fn new(counters: Arc<Counters>, log: Arc<Log>) -> Self {
        Self {
            pool: Pool::of(counters.thread()),
            counters,
            log,
            copies: JobQueue::default(),
            memory: Rc::default(),
            cache_jobs: JobQueue::default(),
            spare: RefCell::default(),
            date: RefCell::default(),
            access: RefCell::default(),
            access_flush: Notify::new(),
            spans: RefCell::default(),
            spans_flush: Notify::new(),
            draining: Cell::new(false),
            closing_idle: Cell::new(false),
            ended: Cell::new(false),
            long_lived: LongLivedOnes::default(),
        }
    }

    /// A workspace for a request.
    pub(crate) fn workspace(&self) -> Box<Workspace> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes a workspace back, unless a huge head has made it grow.
    pub(crate) fn reuse(&self, workspace: Box<Workspace>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < KEPT_WORKSPACES && workspace.capacity() <= LARGEST_WORKSPACE {
            spare.push(workspace);
        }
    }

    /// Writes the line `Date: …`, current to the second.
    pub(crate) fn write_date(&self, out: &mut Vec<u8>) {
        let now = time_of_day();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut date = self.date.borrow_mut();
        if date.second != second {
            date.second = second;
            date.line = format!("Date: {}\r\n", httpdate::fmt_http_date(now)).into_bytes();
        }
        out.extend_from_slice(&date.line);
    }

    /// Adds a line to the access log.
    pub(crate) fn log_access(&self, log: &Arc<AccessLog>, scope: &RequestValues<'_>) {
        let first = self.access.borrow_mut().push(log, scope);
        if first {
            self.access_flush.notify_one();
        }
    }

    /// Passes access log lines on, for ever: soon after the first has come, and many together.
    pub(crate) async fn run_access_log(&self) {
        loop {
            // If the log is behind, it takes the lines later. After a panic there may be some at once.
            while !self.flush_access_log() {
                tokio::time::sleep(LOG_DELAY).await;
            }
            self.access_flush.notified().await;
            tokio::time::sleep(LOG_DELAY).await;
        }
    }

    /// Passes the waiting lines on. `false` if the log is behind and did not take them.
    pub(crate) fn flush_access_log(&self) -> bool {
        self.access.borrow_mut().flush()
    }

    /// Hands the spans of a request that is over to the exporter.
    #[cold]
    pub(crate) fn end_trace(&self, tracer: &Tracer, trace: Trace, ending: TraceEnding<'_>) {
        if self.spans.borrow_mut().push(tracer.exporter(), trace, ending) {
            self.spans_flush.notify_one();
        }
    }

    /// Passes spans on, for ever: soon after the first have come, and many together.
    pub(crate) async fn run_spans(&self) {
        loop {
            // After a panic there may be some at once.
            self.spans.borrow_mut().flush();
            self.spans_flush.notified().await;
            tokio::time::sleep(SPANS_DELAY).await;
        }
    }

    /// Releases access logs other than that of the current configuration.
    pub(crate) fn keep_access_log(&self, log: Option<&Arc<AccessLog>>) {
        self.access.borrow_mut().forget_all_but(log);
    }

    /// Whether the server is stopping: connections close after their current request.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Starts draining.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.pool.close();
    }

    /// Whether idle connections of clients close, since the server stops. If another process goes on in its place, they
    /// have time until their next request.
    pub(crate) fn closes_idle(&self) -> bool {
        self.closing_idle.get()
    }

    /// Begins to close idle connections of clients.
    pub(crate) fn close_idle(&self) {
        self.closing_idle.set(true);
    }

    /// Registers a tunnel or an event stream.
    pub(crate) fn long_lived(&self, kind: LongLivedKind) -> LongLived<'_> {
        self.long_lived.begin(kind, &self.counters)
    }

    /// Whether the requests that are left end with the thread.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.ended.get()
    }

    /// Records that the remaining requests, tunnels and event streams end with the thread.
    pub(crate) fn cut_off(&self) {
        self.ended.set(true);
        self.counters.cut_off();
        self.long_lived.cut_off();
    }
}

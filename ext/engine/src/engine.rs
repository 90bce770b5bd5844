//! What an engine thread keeps for the requests it serves.

mod connections;

pub(crate) use connections::Registration;

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::access_log::{self, AccessLog};
use crate::forward::Extra;
use crate::handler::proxy::RenderedValues;
use crate::log::Log;
use crate::long_lived::{LongLived, LongLivedOnes};
use crate::message::{Lines, RequestHead, ResponseHead};
use crate::metrics::{Counters, LongLivedKind};
use crate::rewrite::{Captured, RenderedTarget, Scope};
use crate::snapshot::Snapshot;
use crate::upstream::pool::Pool;
use connections::Connections;

/// Workspaces that a thread keeps for later.
const KEPT_WORKSPACES: usize = 256;
/// Bytes that a kept one may hold: ordinary heads on both sides, several times over.
const LARGEST_WORKSPACE: usize = 64 * 1024;
/// How long an access log line may wait for company.
const LOG_DELAY: Duration = Duration::from_millis(100);

/// One engine thread's own things. Nothing in it is shared with another thread but through atomics.
pub(crate) struct Engine {
    source: Arc<ArcSwap<Snapshot>>,
    current: RefCell<Rc<Current>>,
    /// Idle backend connections.
    pub(crate) pool: Pool,
    pub(crate) counters: Arc<Counters>,
    pub(crate) log: Arc<Log>,
    /// Boxed: what is handed out and back is a pointer.
    #[allow(clippy::vec_box)]
    spare: RefCell<Vec<Box<Workspace>>>,
    date: RefCell<Date>,
    access: RefCell<access_log::Buffer>,
    access_flush: Notify,
    draining: Cell<bool>,
    connections: Connections,
    /// Tunnels and event streams.
    pub(crate) long_lived: LongLivedOnes,
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

/// Memory that one request works in, handed on to the next.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) request: RequestHead,
    /// When its first byte came, if that was before the rest of its head; from then on, when it was taken up.
    pub(crate) begun: Option<Instant>,
    /// The request's lines as the client sent them, if the access log will ask.
    pub(crate) as_sent: Lines,
    pub(crate) response: ResponseHead,
    /// Fields that filters want on the response, whoever makes it.
    pub(crate) extra: Extra,
    /// Whom a filter found the request to be from; empty if none did.
    pub(crate) user: Vec<u8>,
    /// What the locations that took the request captured.
    pub(crate) captured: Captured,
    pub(crate) target: RenderedTarget,
    /// What a new connection to the backend begins with.
    pub(crate) introduction: Vec<u8>,
    pub(crate) values: RenderedValues,
    pub(crate) scratch: Vec<u8>,
    /// What went wrong with one backend after the other, for one line of the log; usually empty.
    pub(crate) failures: String,
}

impl Workspace {
    /// Notes whom the request is from.
    pub(crate) fn set_user(&mut self, user: &[u8]) {
        self.user.clear();
        self.user.extend_from_slice(user);
    }

    /// Bytes of text that it has room for.
    fn capacity(&self) -> usize {
        let heads = self.request.fields.capacity() + self.response.fields.capacity() + self.extra.capacity();
        let target = self.target.authority.capacity() + self.target.path_and_query.capacity();
        heads
            + target
            + self.values.capacity()
            + self.scratch.capacity()
            + self.user.capacity()
            + self.failures.capacity()
    }
}

/// The `Date` field, written once a second.
#[derive(Debug, Default)]
struct Date {
    second: u64,
    line: Vec<u8>,
}

impl Engine {
    pub(crate) fn new(source: Arc<ArcSwap<Snapshot>>, counters: Arc<Counters>, log: Arc<Log>) -> Rc<Self> {
        let current = RefCell::new(Rc::new(Current(source.load_full())));
        Rc::new(Self {
            source,
            current,
            pool: Pool::default(),
            counters,
            log,
            spare: RefCell::default(),
            date: RefCell::default(),
            access: RefCell::default(),
            access_flush: Notify::new(),
            draining: Cell::new(false),
            connections: Connections::default(),
            long_lived: LongLivedOnes::default(),
        })
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

    /// Lets go of the configuration before, of which there may be no request for a long time. Those that it serves keep it.
    pub(crate) fn take_newest(&self) {
        let newest = self.snapshot();
        self.access.borrow_mut().forget_all_but(newest.access_log.as_ref());
    }

    /// Memory for a request.
    pub(crate) fn workspace(&self) -> Box<Workspace> {
        self.spare.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes the memory back, unless a huge head has made it grow.
    pub(crate) fn reuse(&self, workspace: Box<Workspace>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < KEPT_WORKSPACES && workspace.capacity() <= LARGEST_WORKSPACE {
            spare.push(workspace);
        }
    }

    /// Writes `Date: …`, current to the second.
    pub(crate) fn write_date(&self, out: &mut Vec<u8>) {
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut date = self.date.borrow_mut();
        if date.second != second {
            date.second = second;
            date.line = format!("Date: {}\r\n", httpdate::fmt_http_date(now)).into_bytes();
        }
        out.extend_from_slice(&date.line);
    }

    /// Adds a line to the access log.
    pub(crate) fn log_access(&self, log: &Arc<AccessLog>, scope: &Scope<'_>) {
        let first = self.access.borrow_mut().push(log, scope);
        if first {
            self.access_flush.notify_one();
        }
    }

    /// Hands access log lines on, for ever: soon after the first has come, and many together.
    pub(crate) async fn run_access_log(&self) {
        loop {
            self.access_flush.notified().await;
            tokio::time::sleep(LOG_DELAY).await;
            // A log that is behind takes them later.
            while !self.flush_access_log() {
                tokio::time::sleep(LOG_DELAY).await;
            }
        }
    }

    /// Hands on the lines there are. `false` if the log is behind and did not take them.
    pub(crate) fn flush_access_log(&self) -> bool {
        self.access.borrow_mut().flush()
    }

    /// Whether the server is stopping: connections close after the request they are serving, idle ones at once.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Begins to stop.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        self.pool.close();
        self.connections.wake_all();
    }

    /// A tunnel or an event stream begins.
    pub(crate) fn long_lived(&self, kind: LongLivedKind) -> LongLived<'_> {
        self.long_lived.begin(kind, &self.counters)
    }

    /// Says that whatever is left ends with the thread.
    pub(crate) fn cut_off(&self) {
        self.counters.cut_off();
        self.long_lived.cut_off();
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

//! The control API: HTTP and JSON for the operator, over a unix socket of the owner alone, or over TCP with a token.
//!
//! It is served on the background runtime. What its calls do is behind the trait [`Operations`]; the list of calls is
//! [`route::ROUTES`].

mod answer;
mod body;
mod connection;
mod events;
mod guard;
mod listener;
mod metrics_door;
mod operations;
mod orders;
mod page;
mod route;
mod service;
mod write_limit;

pub(crate) use answer::{json, stream, text, ControlAnswer, Refusal};
pub(crate) use events::{event, MEDIA_TYPE as EVENT_STREAM};
pub(crate) use listener::OpenDoor;
pub(crate) use operations::{Answering, ControlCall, Operations};
pub(crate) use orders::Orders;
pub use orders::{Order, OrderWaiter};

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch, Semaphore};
use tokio::time::Instant;

use crate::config::Problem;
use crate::control::place::ControlPlace;
use crate::fork_safe::Mutex;
use crate::listen::passed::serves;
use crate::listen::BindAddress;
use crate::listening_socket::ListeningSocket;
use crate::log::Log;
use guard::Guard;

/// Time that the end of the server waits for answers that are on their way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Limits of what clients may take up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiLimits {
    /// Time for the head of a request, which is also the time that a connection may be idle.
    head: Duration,
    /// Time for the body of a request.
    body: Duration,
    /// Time in which a client must take something of an answer.
    write: Duration,
    /// Most bytes of a body.
    max_body: usize,
    /// Connections at once over sockets, and the same over TCP. Others wait. Whoever can connect over TCP could
    /// otherwise keep the operator out.
    connections: usize,
    /// The same for places with metrics alone.
    metrics_connections: usize,
    /// Event streams at once. Others are refused.
    event_streams: usize,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            body: Duration::from_secs(20),
            write: Duration::from_secs(30),
            max_body: 1024 * 1024,
            connections: 64,
            metrics_connections: 16,
            event_streams: 32,
        }
    }
}

/// The control API of a server, with the places where it is served.
#[derive(Debug)]
pub(crate) struct ControlApi {
    shared: Arc<ApiState>,
    doors: Mutex<Vec<Door>>,
    /// What the Ruby side does for the API.
    pub(crate) orders: Orders,
    /// The receiver hears when the last connection has ended.
    connections: Mutex<Option<(mpsc::Sender<Infallible>, mpsc::Receiver<Infallible>)>>,
}

/// What every connection uses.
#[derive(Debug)]
struct ApiState {
    operations: OnceLock<Weak<dyn Operations>>,
    limits: ApiLimits,
    places: Arc<Semaphore>,
    tcp_places: Arc<Semaphore>,
    metrics_places: Arc<Semaphore>,
    event_streams: Arc<Semaphore>,
    figures: events::RecentFigures,
    /// Whether another process goes on with the sockets, and their files.
    passed_on: AtomicBool,
}

/// A place where the API is served.
#[derive(Debug)]
struct Door {
    place: ControlPlace,
    url: String,
    guard: watch::Sender<Arc<Guard>>,
    /// Hears that the socket is closed, after the guard is dropped.
    left: std::sync::mpsc::Receiver<Infallible>,
    /// Its socket, for another process.
    copy: Option<ListeningSocket>,
}

impl Default for ControlApi {
    fn default() -> Self {
        Self::with(ApiLimits::default())
    }
}

impl ControlApi {
    pub(crate) fn with(limits: ApiLimits) -> Self {
        let shared = ApiState {
            operations: OnceLock::new(),
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
            tcp_places: Arc::new(Semaphore::new(limits.connections)),
            metrics_places: Arc::new(Semaphore::new(limits.metrics_connections)),
            event_streams: Arc::new(Semaphore::new(limits.event_streams)),
            figures: events::RecentFigures::default(),
            passed_on: AtomicBool::new(false),
        };
        let connections = Mutex::new(Some(mpsc::channel(1)));
        Self { shared: Arc::new(shared), doors: Mutex::default(), orders: Orders::default(), connections }
    }

    /// Says who carries the calls out. A second call does nothing.
    pub(crate) fn serve_for(&self, operations: Weak<dyn Operations>) {
        let _ = self.shared.operations.set(operations);
    }

    /// Opens the places that are not open yet; `passed` are sockets of the process before. Nobody is served before
    /// [`Self::take`]. A place that is optional may fail, which is logged.
    pub(crate) fn open(
        &self,
        places: &[ControlPlace],
        passed: &[ListeningSocket],
        log: &Log,
    ) -> Result<Vec<OpenDoor>, Problem> {
        let doors = self.doors.lock();
        let mut known: Vec<&BindAddress> = doors.iter().map(|door| &door.place.address).collect();
        let mut opened = Vec::new();
        for place in places {
            if let Some(index) = known.iter().position(|address| **address == place.address) {
                known.swap_remove(index);
                continue;
            }
            let passed = passed.iter().find(|passed| serves(&place.address, passed));
            match passed.map_or_else(|| OpenDoor::open(place), |passed| OpenDoor::take_over(place, passed)) {
                Ok(door) => opened.push(door),
                Err(error) if place.is_optional => log.warn(format_args!("{}", place.problem(&error))),
                Err(error) => return Err(place.problem(&error)),
            }
        }
        Ok(opened)
    }

    /// Serves at these places from now on: those that were opened, and those of before that are among them. The others
    /// are closed.
    pub(crate) fn take(&self, places: &[ControlPlace], opened: Vec<OpenDoor>, background: &Handle, log: &Arc<Log>) {
        let Some(alive) = self.connections.lock().as_ref().map(|(alive, _)| alive.clone()) else { return };
        let mut doors = self.doors.lock();
        let mut before = std::mem::take(&mut *doors);
        let mut opened = opened;
        for place in places {
            if let Some(index) = before.iter().position(|door| door.place.address == place.address) {
                let door = before.swap_remove(index);
                door.guard.send_modify(|guard| *guard = Arc::new(guard.following(place)));
                doors.push(Door { place: place.clone(), ..door });
            } else if let Some(index) = opened.iter().position(|door| door.place.address == place.address) {
                let door = opened.swap_remove(index);
                let (guard, guarded) = watch::channel(Arc::new(door.guard()));
                let (leaves, left) = std::sync::mpsc::channel();
                doors.push(Door { place: place.clone(), url: door.url.clone(), guard, left, copy: door.copy() });
                let ends = (leaves, alive.clone());
                background.spawn(door.run(Arc::clone(&self.shared), guarded, ends, Arc::clone(log)));
            }
        }
    }

    /// Where the API is served, with the actual port in place of port 0.
    pub(crate) fn urls(&self) -> Vec<String> {
        let doors = self.doors.lock();
        doors.iter().filter(|door| door.place.metrics.is_none()).map(|door| door.url.clone()).collect()
    }

    /// Where metrics are served and nothing else, with the actual port in place of port 0.
    pub(crate) fn metrics_urls(&self) -> Vec<String> {
        let doors = self.doors.lock();
        doors.iter().filter_map(|door| Some(format!("{}{}", door.url, door.place.metrics.as_ref()?))).collect()
    }

    /// Copies of the sockets, for another process.
    pub(crate) fn copies(&self) -> Vec<(String, ListeningSocket)> {
        self.doors.lock().iter().filter_map(|door| Some((door.url.clone(), door.copy.clone()?))).collect()
    }

    /// Leaves every place to another process, and waits up to `limit` until that one has them alone: whoever connects
    /// then reaches it. Answers that are on their way are given. Not for the thread that serves the API.
    pub(crate) fn pass_on(&self, limit: Duration) {
        self.shared.passed_on.store(true, Relaxed);
        let doors = std::mem::take(&mut *self.doors.lock());
        let end = Instant::now() + limit;
        let left: Vec<_> = doors.into_iter().map(|door| door.left).collect();
        for left in left {
            let _ = left.recv_timeout(end.saturating_duration_since(Instant::now()));
        }
    }

    /// Closes every place, and waits a moment for the answers that are on their way.
    pub(crate) async fn finish(&self) {
        self.doors.lock().clear();
        self.orders.close();
        let connections = self.connections.lock().take();
        if let Some((alive, mut ended)) = connections {
            drop(alive);
            let _ = tokio::time::timeout(FAREWELL, ended.recv()).await;
            self.orders.give_up();
        }
    }
}

#[cfg(test)]
mod tests;

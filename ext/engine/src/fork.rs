//! Closes inherited sockets in a child of `fork`: those of the engines that run in the parent.
//!
//! A child inherits every descriptor and no thread. In the child, a listening socket would go on accepting without a
//! thread that serves, and an inherited connection would not be seen to end. Therefore the caller of `fork` takes a
//! [`Hold`] first. Every engine thread then stops between two of its tasks. At that point each socket is either
//! registered with the runtime of its thread or recorded as on its way to one. The system lists the registered sockets
//! (`/proc/self/fdinfo` of the runtimes' epoll instances), and the child closes them. This costs connections and
//! requests nothing. macOS has no such list: there the child keeps the sockets, and
//! [`Stream::cut`](crate::stream::Stream::cut) makes sure that a connection that is cut short is still seen to end.

mod descriptors;

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::sync::Notify;
use tokio::time::Instant;

use descriptors::Descriptor;

/// Time that a `fork` waits for an engine thread to stop. A longer task is not about to accept or to connect.
const PATIENCE: Duration = Duration::from_millis(250);
/// Interval between two looks of a thread that waits. It sleeps at no lock, because the child would inherit the lock.
const GLANCE: Duration = Duration::from_micros(100);

/// Time that the parent waits for its child to close the inherited sockets.
const CLOSING: Duration = Duration::from_millis(500);

/// Children that have not closed the inherited sockets yet, as far as their parents' threads know.
static CLOSING_CHILDREN: AtomicUsize = AtomicUsize::new(0);

/// Fork counter, odd while a thread is about to fork: engine threads then stand still. Each fork has its own number, so
/// that a thread that stopped for the last fork is not counted as stopped for this one.
static FORKING: AtomicU64 = AtomicU64::new(0);

/// The runtimes of all engines. A lock of the standard library holds only a number; in the child, the only thread holds
/// it.
static STATIONS: Mutex<Vec<Arc<Station>>> = Mutex::new(Vec::new());

/// Sockets that no runtime watches at the moment. It has a separate lock, which a thread that is about to stop may
/// take.
static ON_THEIR_WAY: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

/// Whether a child of `fork` may still hold sockets of this process, also such as are closed here.
pub(crate) fn is_under_way() -> bool {
    !FORKING.load(SeqCst).is_multiple_of(2) || CLOSING_CHILDREN.load(SeqCst) > 0
}

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One runtime's point of rest during a fork.
#[derive(Debug)]
struct Station {
    call: Notify,
    /// The value of [`FORKING`] that its thread has stopped for.
    stopped_for: AtomicU64,
    /// A descriptor that only this runtime watches. It identifies the runtime's epoll instance.
    beacon: Descriptor,
}

/// A runtime whose thread stops for a `fork`. It is registered as soon as it is made, before the runtime has any
/// socket.
#[derive(Debug)]
pub(crate) struct Stopping(Option<(Registered, UnixDatagram)>);

impl Stopping {
    /// Must be called within the runtime, before its first socket.
    pub(crate) fn new() -> Self {
        // Without a beacon the runtime is not found. Everything else works.
        let Ok(beacon) = UnixDatagram::unbound() else { return Self(None) };
        let Some(descriptor) = Descriptor::of(beacon.as_raw_fd()) else { return Self(None) };
        let station = Station { call: Notify::new(), stopped_for: AtomicU64::new(0), beacon: descriptor };
        Self(Some((Registered::take(Arc::new(station)), beacon)))
    }

    /// Lets the thread stop while the future is polled.
    pub(crate) async fn run(self) {
        let Some((place, _beacon)) = self.0 else { return };
        loop {
            place.0.call.notified().await;
            place.0.stop();
        }
    }
}

impl Station {
    /// Blocks while a thread is about to fork.
    fn stop(&self) {
        loop {
            let forking = FORKING.load(SeqCst);
            if forking.is_multiple_of(2) {
                return;
            }
            self.stopped_for.store(forking, SeqCst);
            std::thread::sleep(GLANCE);
        }
    }
}

/// Registration of a station, until it is dropped.
#[derive(Debug)]
struct Registered(Arc<Station>);

impl Registered {
    fn take(station: Arc<Station>) -> Self {
        lock(&STATIONS).push(Arc::clone(&station));
        Self(station)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // Its runtime's sockets are about to close. That must not happen during a fork, and the forking thread holds
        // the lock.
        self.0.stop();
        lock(&STATIONS).retain(|station| !Arc::ptr_eq(station, &self.0));
    }
}

/// Marks a socket that no runtime watches, until it is dropped.
#[derive(Debug)]
pub(crate) struct OnItsWay(RawFd);

impl OnItsWay {
    pub(crate) fn new(socket: &impl AsRawFd) -> Self {
        let fd = socket.as_raw_fd();
        lock(&ON_THEIR_WAY).push(fd);
        Self(fd)
    }

    /// Opens a socket outside the engine threads: no fork comes between the opening and the mark. `open` must not wait,
    /// because the accepting thread takes the same lock. Drop the mark before the socket, whose number is then free for
    /// a file that children are to keep.
    pub(crate) fn open<S: AsRawFd>(open: impl FnOnce() -> io::Result<S>) -> io::Result<(S, Self)> {
        let mut waiting = lock(&ON_THEIR_WAY);
        let socket = open()?;
        let fd = socket.as_raw_fd();
        waiting.push(fd);
        Ok((socket, Self(fd)))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let mut waiting = lock(&ON_THEIR_WAY);
        if let Some(index) = waiting.iter().position(|fd| *fd == self.0) {
            waiting.swap_remove(index);
        }
    }
}

/// Marks that a thread is about to fork, until it is dropped.
struct Standing;

impl Drop for Standing {
    fn drop(&mut self) {
        FORKING.fetch_add(1, SeqCst);
    }
}

/// Stops all engine threads of this process during a `fork`, until it is consumed or dropped.
pub struct Hold {
    stations: MutexGuard<'static, Vec<Arc<Station>>>,
    on_their_way: MutexGuard<'static, Vec<RawFd>>,
    theirs: Vec<Descriptor>,
    standing: Standing,
    /// The parent's end and the child's end. The child closes its end once it has closed every inherited socket.
    word: io::Result<(UnixStream, UnixStream)>,
}

impl Hold {
    /// Stops the engine threads and notes their sockets. `None` if there are no engine threads. Must not be called by
    /// an engine thread.
    pub fn take() -> Option<Self> {
        let stations = lock(&STATIONS);
        if stations.is_empty() && lock(&ON_THEIR_WAY).is_empty() {
            return None;
        }
        let word = UnixStream::pair();
        let forking = FORKING.fetch_add(1, SeqCst) + 1;
        let standing = Standing;
        let end = Instant::now() + PATIENCE;
        for station in stations.iter() {
            station.call.notify_one();
        }
        while stations.iter().any(|station| station.stopped_for.load(SeqCst) != forking) && Instant::now() < end {
            std::thread::sleep(GLANCE);
        }
        let on_their_way = lock(&ON_THEIR_WAY);
        let beacons: Vec<_> = stations.iter().map(|station| station.beacon).collect();
        let mut theirs = descriptors::watched_with(&beacons);
        theirs.extend(on_their_way.iter().filter_map(|fd| Descriptor::of(*fd)));
        Some(Self { stations, on_their_way, theirs, standing, word })
    }

    /// In the parent: lets the engines go on, and waits until the child has closed their sockets. An address where the
    /// server stops listening is then refused from the first moment on.
    pub fn go_on_in_parent(self) {
        let Self { stations, on_their_way, standing, word, .. } = self;
        // The count comes before the fork counter goes on, so that a child is seen at every moment.
        CLOSING_CHILDREN.fetch_add(1, SeqCst);
        drop((standing, stations, on_their_way));
        if let Ok((mut ours, childs)) = word {
            drop(childs);
            let _ = ours.set_read_timeout(Some(CLOSING)).and_then(|()| ours.read(&mut [0]));
        }
        CLOSING_CHILDREN.fetch_sub(1, SeqCst);
    }

    /// In the child: closes the sockets of the parent's engines.
    pub fn close_in_child(mut self) {
        descriptors::close(&self.theirs);
        CLOSING_CHILDREN.store(0, SeqCst);
        // These belong to threads that do not exist in the child, so nothing is dropped.
        std::mem::forget(std::mem::take(&mut *self.stations));
        std::mem::forget(std::mem::take(&mut *self.on_their_way));
    }
}

#[cfg(test)]
mod tests;

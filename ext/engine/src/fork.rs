//! What a child of `fork` must not keep: the sockets of the engines that run in the parent.
//!
//! A child inherits every descriptor and none of the threads. A listening socket that it holds goes on accepting where
//! nobody serves, and a connection that it holds is not seen to end. So whoever forks takes a [`Hold`] first: every
//! thread of an engine stops between two of its tasks, where each socket is registered with the runtime of its thread
//! or known to be on its way to one. The system itself then lists the sockets (`/proc/self/fdinfo` of the runtimes'
//! epoll instances), and the child closes these. Nothing of this costs a connection or a request anything. Where the
//! system has no such list (macOS) the child keeps the sockets; of those a connection that is cut short is seen to end
//! all the same, by [`Stream::cut`](crate::stream::Stream::cut).

mod descriptors;

use std::io::{self, Read};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UnixDatagram;
use tokio::sync::Notify;
use tokio::time::Instant;

use descriptors::Descriptor;

/// How long a `fork` waits for an engine thread to stop. A task that takes longer is about to do something else than to
/// accept or connect.
const PATIENCE: Duration = Duration::from_millis(250);
/// How often who waits for a moment looks again. No lock is slept at: the child would inherit it.
const GLANCE: Duration = Duration::from_micros(100);

/// How long the parent waits until its child has closed what is not its own.
const CLOSING: Duration = Duration::from_millis(500);

/// Odd while some thread is about to fork: the threads of the engines stand still then. Each time it is another number,
/// so that nobody is taken to stand still who did so the last time.
static FORKING: AtomicU64 = AtomicU64::new(0);

/// The runtimes of every engine. A lock of the standard library keeps nothing but a number, and in the child it is held
/// by the only thread there is.
static STATIONS: Mutex<Vec<Arc<Station>>> = Mutex::new(Vec::new());

/// Sockets that no runtime knows at the moment. A lock of its own, which a thread may take that is about to stop.
static ON_THEIR_WAY: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

fn lock<T>(mutex: &'static Mutex<T>) -> MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime's place to stop at.
#[derive(Debug)]
struct Station {
    call: Notify,
    /// The [`FORKING`] that its thread has stopped for.
    stopped_for: AtomicU64,
    /// A descriptor that only this runtime watches.
    beacon: Descriptor,
}

/// A runtime whose thread stops for a `fork`. It is known from the moment on in which this is made, so that no socket
/// comes before it.
#[derive(Debug)]
pub(crate) struct Stopping(Option<(Registered, UnixDatagram)>);

impl Stopping {
    /// To be made within the runtime, and before its first socket.
    pub(crate) fn new() -> Self {
        // Without it the runtime is not found, and everything else works.
        let Ok(beacon) = UnixDatagram::unbound() else { return Self(None) };
        let Some(descriptor) = Descriptor::of(beacon.as_raw_fd()) else { return Self(None) };
        let station = Station { call: Notify::new(), stopped_for: AtomicU64::new(0), beacon: descriptor };
        Self(Some((Registered::take(Arc::new(station)), beacon)))
    }

    /// Lets the thread stop, for as long as the future is polled.
    pub(crate) async fn run(self) {
        let Some((place, _beacon)) = self.0 else { return };
        loop {
            place.0.call.notified().await;
            place.0.stop();
        }
    }
}

impl Station {
    /// Stands still for as long as somebody is about to fork.
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

/// A station in the list, until it is dropped.
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
        // The sockets of its runtime are about to be closed: not while somebody forks, who holds the lock, too.
        self.0.stop();
        lock(&STATIONS).retain(|station| !Arc::ptr_eq(station, &self.0));
    }
}

/// A socket that no runtime watches, for as long as this is kept.
#[derive(Debug)]
pub(crate) struct OnItsWay(RawFd);

impl OnItsWay {
    pub(crate) fn new(socket: &impl AsRawFd) -> Self {
        let fd = socket.as_raw_fd();
        lock(&ON_THEIR_WAY).push(fd);
        Self(fd)
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

/// Somebody is about to fork, until this is dropped.
struct Standing;

impl Drop for Standing {
    fn drop(&mut self) {
        FORKING.fetch_add(1, SeqCst);
    }
}

/// The time of a `fork`: while this is kept no engine thread of this process does anything.
pub struct Hold {
    stations: MutexGuard<'static, Vec<Arc<Station>>>,
    on_their_way: MutexGuard<'static, Vec<RawFd>>,
    theirs: Vec<Descriptor>,
    standing: Standing,
    /// The parent's end and the child's, whose close says that the child has closed everything.
    word: io::Result<(UnixStream, UnixStream)>,
}

impl Hold {
    /// Stops the engine threads and notes their sockets. `None` if there are none. To be called by no engine thread.
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

    /// In the parent: lets the engines go on, and waits until the child has closed their sockets, so that an address
    /// which is no longer listened at is refused from the first moment on.
    pub fn go_on_in_parent(self) {
        let Self { stations, on_their_way, standing, word, .. } = self;
        drop((standing, stations, on_their_way));
        if let Ok((mut ours, childs)) = word {
            drop(childs);
            let _ = ours.set_read_timeout(Some(CLOSING)).and_then(|()| ours.read(&mut [0]));
        }
    }

    /// In the child: closes the sockets of the parent's engines.
    pub fn close_in_child(mut self) {
        descriptors::close(&self.theirs);
        // They belong to threads that do not exist here: nothing is dropped.
        std::mem::forget(std::mem::take(&mut *self.stations));
        std::mem::forget(std::mem::take(&mut *self.on_their_way));
    }
}

#[cfg(test)]
mod tests;

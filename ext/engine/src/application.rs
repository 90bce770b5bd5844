//! Requests on their way to an application in this process.
//!
//! An application is a backend whose connections are pairs of sockets: the engine has one end, and the other end goes
//! through an [`Inbox`] to a thread of the application. So all that holds for other backends holds for applications
//! too, and the inbox knows nothing of HTTP.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;

use crate::fork::OnItsWay;
use crate::fork_safe::{Condvar, Mutex};

/// Bytes of a request that are written before a thread gets it, unless the request is complete before. The buffer of a
/// socket has room for more.
const GATHERED: usize = 64 * 1024;

/// All open inboxes of this process.
static INBOXES: Mutex<Vec<(u64, Weak<Inbox>)>> = Mutex::new(Vec::new());
static NEXT_INBOX: AtomicU64 = AtomicU64::new(1);

/// The place of a request among those that the application may have at once. It is free again when this is dropped.
pub(crate) trait ApplicationPlace: fmt::Debug + Send + Sync {
    /// Frees the place.
    fn leave(&self);

    /// Logs that the application failed. `request_id` is the value of `X-Request-Id` that the application got.
    fn failed(&self, request_id: Option<&[u8]>, message: &str);
}

/// Requests that wait for a thread of an application.
#[derive(Debug)]
pub struct Inbox {
    requests: Mutex<Requests>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Requests {
    waiting: VecDeque<Parcel>,
    /// Requests that a thread has, by number.
    taken: HashMap<u64, Option<Arc<dyn ApplicationPlace>>>,
    last: u64,
    closed: bool,
}

/// The application's end of a connection, with the place of its request.
#[derive(Debug)]
struct Parcel {
    /// Dropped before the socket is closed.
    _on_its_way: OnItsWay,
    socket: OwnedFd,
    place: Option<Arc<dyn ApplicationPlace>>,
}

/// A request that a thread has taken.
#[derive(Debug)]
pub struct TakenRequest {
    /// The application's end of the connection.
    pub socket: OwnedFd,
    /// Number of the request in its inbox, for [`Inbox::done`].
    pub number: u64,
}

impl Inbox {
    /// An id for an inbox, unique in this process. A configuration names the inbox by it.
    pub fn new_id() -> u64 {
        NEXT_INBOX.fetch_add(1, Relaxed)
    }

    /// Opens the inbox with this id, of [`Inbox::new_id`]. One that had the id before, as in the parent of a forked
    /// process, is not found any more.
    pub fn open(id: u64) -> Arc<Self> {
        let inbox = Arc::new(Self { requests: Mutex::default(), changed: Condvar::default() });
        let mut inboxes = INBOXES.lock();
        inboxes.retain(|(known, _)| *known != id);
        inboxes.push((id, Arc::downgrade(&inbox)));
        drop(inboxes);
        inbox
    }

    fn find(id: u64) -> Option<Arc<Self>> {
        INBOXES.lock().iter().find(|(known, _)| *known == id).and_then(|(_, inbox)| inbox.upgrade())
    }

    fn push(&self, parcel: Parcel) {
        let mut requests = self.requests.lock();
        if !requests.closed {
            requests.waiting.push_back(parcel);
            drop(requests);
            self.changed.notify_one();
        }
    }

    /// The next request, if one waits.
    pub fn try_take(&self) -> Option<TakenRequest> {
        self.requests.lock().take()
    }

    /// Waits until a request waits, the inbox is closed, or [`Inbox::interrupt`] has set `interrupted`.
    pub fn wait(&self, interrupted: &AtomicBool) {
        let mut requests = self.requests.lock();
        while requests.waiting.is_empty() && !requests.closed && !interrupted.load(Relaxed) {
            requests = self.changed.wait(requests);
        }
    }

    /// Makes the [`Inbox::wait`] that has this flag return soon.
    pub fn interrupt(&self, interrupted: &AtomicBool) {
        let _requests = self.requests.lock();
        interrupted.store(true, Relaxed);
        self.changed.notify_all();
    }

    /// Wakes another waiting thread in place of one that was woken and cannot take a request.
    pub fn tell_another(&self) {
        self.changed.notify_one();
    }

    /// Gives the place of a request back: its thread is free for another one.
    pub fn leave(&self, number: u64) {
        if let Some(place) = self.place(number) {
            place.leave();
        }
    }

    /// Forgets a request, after it has given its place back.
    pub fn done(&self, number: u64) {
        let place = self.requests.lock().taken.remove(&number);
        // Wakes a waiting request, which takes locks of its own.
        drop(place);
    }

    fn place(&self, number: u64) -> Option<Arc<dyn ApplicationPlace>> {
        self.requests.lock().taken.get(&number).cloned().flatten()
    }

    /// Logs that the application failed to answer a request. `request_id` is the value of `X-Request-Id` that the
    /// application got.
    pub fn failed(&self, number: u64, request_id: Option<&[u8]>, message: &str) {
        if let Some(place) = self.place(number) {
            place.failed(request_id, message);
        }
    }

    /// Lets no more requests in. Those that wait can still be taken.
    pub fn close(&self) {
        self.requests.lock().closed = true;
        self.changed.notify_all();
        let own = |inbox: &Weak<Self>| std::ptr::eq(inbox.as_ptr(), self);
        INBOXES.lock().retain(|(_, inbox)| !own(inbox));
    }

    /// Whether no more requests come in, and none waits.
    pub fn is_over(&self) -> bool {
        let requests = self.requests.lock();
        requests.closed && requests.waiting.is_empty()
    }
}

impl Requests {
    fn take(&mut self) -> Option<TakenRequest> {
        let Parcel { _on_its_way, socket, place } = self.waiting.pop_front()?;
        self.last += 1;
        self.taken.insert(self.last, place);
        Some(TakenRequest { socket, number: self.last })
    }
}

/// An application as a backend's address. The inbox is closed when the last configuration with the application is gone.
#[derive(Debug)]
pub(crate) struct Application {
    id: u64,
    /// `None` in a configuration that is only checked.
    inbox: Option<Arc<Inbox>>,
}

impl Application {
    /// The application whose inbox has this id.
    pub(crate) fn with_inbox(id: u64) -> Arc<Self> {
        Arc::new(Self { id, inbox: Inbox::find(id) })
    }

    /// A new connection. `admit` says whether a descriptor may be used.
    ///
    /// # Errors
    /// If there are no descriptors left, or the application has ended.
    pub(crate) fn connect(&self, admit: impl Fn(RawFd) -> io::Result<()>) -> io::Result<ApplicationStream> {
        let inbox = self.inbox.clone().ok_or(io::ErrorKind::ConnectionRefused)?;
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        admit(ours.as_raw_fd())?;
        admit(theirs.as_raw_fd())?;
        ours.set_nonblocking(true)?;
        let parcel = Parcel { _on_its_way: OnItsWay::new(&theirs), socket: theirs.into(), place: None };
        Ok(ApplicationStream { socket: UnixStream::from_std(ours)?, inbox, parcel: Some(parcel), gathered: 0 })
    }
}

impl PartialEq for Application {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Application {}

impl Drop for Application {
    fn drop(&mut self) {
        if let Some(inbox) = &self.inbox {
            inbox.close();
        }
    }
}

/// The engine's end of a connection to an application.
#[derive(Debug)]
pub(crate) struct ApplicationStream {
    socket: UnixStream,
    inbox: Arc<Inbox>,
    /// The other end, until a thread may have it.
    parcel: Option<Parcel>,
    gathered: usize,
}

impl ApplicationStream {
    /// Sets the place of the request, which the other end then keeps.
    pub(crate) fn keep(&mut self, place: Arc<dyn ApplicationPlace>) {
        if let Some(parcel) = &mut self.parcel {
            parcel.place = Some(place);
        }
    }

    /// Lets a thread have the request. Later calls do nothing.
    pub(crate) fn deliver(&mut self) {
        if let Some(parcel) = self.parcel.take() {
            self.inbox.push(parcel);
        }
    }

    /// The socket itself.
    pub(crate) fn socket(&self) -> &UnixStream {
        &self.socket
    }
}

impl AsyncRead for ApplicationStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for ApplicationStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.parcel.is_some() {
            // The runtime does not know yet that a new socket can be written.
            if let Ok(n) = socket2::SockRef::from(&self.socket).send(bytes) {
                self.gathered += n;
                if self.gathered > GATHERED {
                    self.deliver();
                }
                return Poll::Ready(Ok(n));
            }
            // A full socket has to be read, however little it holds.
            self.deliver();
        }
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

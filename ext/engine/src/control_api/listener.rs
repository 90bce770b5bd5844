//! Sockets of the control API.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::{mpsc, watch, Semaphore};

use super::connection::{serve, ControlStream};
use super::guard::{ControlPeer, Guard};
use super::ApiState;
use crate::control::place::ControlPlace;
use crate::fork::OnItsWay;
use crate::listen::unix_socket::{self, SocketFile};
use crate::listen::{BindAddress, Rights};
use crate::listening_socket::{ListeningSocket, LocalAddress};
use crate::log::Log;
use crate::panics::enduring_with;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;
/// Pause of accepting after an error, such as too many open files.
const REST: Duration = Duration::from_millis(100);

/// A place that is open and not served yet.
#[derive(Debug)]
pub(crate) struct OpenDoor {
    pub(super) place: ControlPlace,
    /// With the actual port.
    pub(super) url: String,
    address: Option<SocketAddr>,
    /// Dropped before the socket.
    on_its_way: OnItsWay,
    socket: DoorSocket,
}

/// A socket that listens.
#[derive(Debug)]
enum DoorSocket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// The same, watched by a runtime.
enum WatchedSocket {
    Tcp(tokio::net::TcpListener),
    /// The file goes with it, if it is still ours.
    Unix(tokio::net::UnixListener, SocketFile),
}

impl OpenDoor {
    /// Binds the place. A socket's file belongs to its owner alone from the first moment on.
    pub(super) fn open(place: &ControlPlace) -> io::Result<Self> {
        let door = |url, address, socket, on_its_way| Self { place: place.clone(), url, address, socket, on_its_way };
        match &place.address {
            BindAddress::Unix(path) => {
                let (socket, file, on_its_way) = unix_socket::bind(path, BACKLOG, Rights::private())?;
                Ok(door(format!("unix://{}", path.display()), None, DoorSocket::Unix(socket, file), on_its_way))
            }
            BindAddress::Tcp(address) => {
                let (socket, on_its_way) =
                    OnItsWay::open(|| Socket::new(Domain::for_address(*address), Type::STREAM, Some(Protocol::TCP)))?;
                socket.set_nonblocking(true)?;
                socket.set_reuse_address(true)?;
                socket.bind(&(*address).into())?;
                socket.listen(BACKLOG)?;
                let socket = TcpListener::from(socket);
                let address = socket.local_addr()?;
                Ok(door(format!("http://{address}"), Some(address), DoorSocket::Tcp(socket), on_its_way))
            }
        }
    }

    /// Goes on with the socket of the process before. A file that belongs to it is ours from now on.
    pub(super) fn take_over(place: &ControlPlace, passed: &ListeningSocket) -> io::Result<Self> {
        let (socket, on_its_way) = passed.for_server()?;
        let (url, address, socket) = match passed.address() {
            LocalAddress::Unix(path) => {
                let file = SocketFile::of_another(path, Rights::private(), true)?;
                (passed.url(), None, DoorSocket::Unix(socket.into(), file))
            }
            LocalAddress::Tcp(address) => (passed.url(), Some(*address), DoorSocket::Tcp(socket.into())),
        };
        Ok(Self { place: place.clone(), url, address, on_its_way, socket })
    }

    /// A copy of the socket, for another process. `None` if the system gives none.
    pub(super) fn copy(&self) -> Option<ListeningSocket> {
        let socket = match &self.socket {
            DoorSocket::Tcp(socket) => socket.as_fd(),
            DoorSocket::Unix(socket, _) => socket.as_fd(),
        };
        ListeningSocket::duplicate(socket).ok()
    }

    pub(super) fn guard(&self) -> Guard {
        Guard::new(self.address, &self.place)
    }

    /// Serves until the sender of the guard is dropped. Its connections hear of that after the socket is closed: who
    /// then connects again reaches the process that goes on with it. `left` is dropped with the socket, and `alive`
    /// with the last connection.
    pub(super) async fn run(
        self,
        api: Arc<ApiState>,
        guard: watch::Receiver<Arc<Guard>>,
        (left, alive): (std::sync::mpsc::Sender<Infallible>, mpsc::Sender<Infallible>),
        log: Arc<Log>,
    ) {
        let socket = match WatchedSocket::watched(self.socket) {
            Ok(socket) => socket,
            Err(error) => return log.error(format_args!("control: {} is unusable: {error}", self.url)),
        };
        drop(self.on_its_way);
        let places = Arc::clone(match (&self.place.metrics, &socket) {
            (Some(_), _) => &api.metrics_places,
            (None, WatchedSocket::Tcp(_)) => &api.tcp_places,
            (None, WatchedSocket::Unix(..)) => &api.places,
        });
        let (open, seen_open) = watch::channel(());
        let rules = DoorRules { guard, open: seen_open };
        let served = ServedDoor { socket, places, api, rules, alive };
        drop(enduring_with("the control API", log, served, |served| Box::pin(served.accept())).await);
        drop(left);
        drop(open);
    }
}

/// A place that is served.
struct ServedDoor {
    socket: WatchedSocket,
    places: Arc<Semaphore>,
    api: Arc<ApiState>,
    rules: DoorRules,
    alive: mpsc::Sender<Infallible>,
}

/// What the connections of a place follow.
#[derive(Clone)]
pub(super) struct DoorRules {
    guard: watch::Receiver<Arc<Guard>>,
    /// Its sender lives as long as the socket.
    open: watch::Receiver<()>,
}

impl DoorRules {
    /// The rules of now.
    pub(super) fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard.borrow())
    }

    /// Waits until the place is closed.
    pub(super) async fn closed(&mut self) {
        while self.open.changed().await.is_ok() {}
    }
}

impl ServedDoor {
    async fn accept(&mut self) {
        let Self { socket, places, api, rules, alive } = self;
        loop {
            let next = async {
                let permit = Arc::clone(places).acquire_owned().await;
                (permit, socket.accept().await)
            };
            let accepted = tokio::select! {
                biased;
                () = ended(&mut rules.guard) => return,
                accepted = next => accepted,
            };
            match accepted {
                (permit, Ok((stream, peer))) => {
                    let (api, rules, alive) = (Arc::clone(api), rules.clone(), alive.clone());
                    tokio::spawn(async move {
                        let _kept = (permit, alive);
                        serve(stream, peer, api, rules).await;
                    });
                }
                (_, Err(_)) => tokio::time::sleep(REST).await,
            }
        }
    }
}

impl Drop for ServedDoor {
    /// Leaves the file to another process, if that one goes on with the socket. The socket is closed before its file.
    fn drop(&mut self) {
        if let (WatchedSocket::Unix(_, file), true) = (&mut self.socket, self.api.passed_on.load(Relaxed)) {
            file.share();
        }
    }
}

/// Waits until nobody changes the rules any more.
async fn ended(guard: &mut watch::Receiver<Arc<Guard>>) {
    while guard.changed().await.is_ok() {}
}

impl WatchedSocket {
    fn watched(socket: DoorSocket) -> io::Result<Self> {
        Ok(match socket {
            DoorSocket::Tcp(socket) => Self::Tcp(tokio::net::TcpListener::from_std(socket)?),
            DoorSocket::Unix(socket, file) => Self::Unix(tokio::net::UnixListener::from_std(socket)?, file),
        })
    }

    async fn accept(&self) -> io::Result<(ControlStream, ControlPeer)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, _) = socket.accept().await?;
                let _ = stream.set_nodelay(true);
                Ok((ControlStream::Tcp(stream), ControlPeer::Tcp))
            }
            Self::Unix(socket, _) => {
                let (stream, _) = socket.accept().await?;
                let uid = stream.peer_cred().ok().map(|peer| peer.uid());
                Ok((ControlStream::Unix(stream), ControlPeer::Unix(uid)))
            }
        }
    }
}

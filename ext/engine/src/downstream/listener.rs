//! Listening sockets, and the distribution of accepted connections to the engine threads.

mod accept_loop;
mod connection_limit;
mod socket;

pub(crate) use connection_limit::ConnectionLimit;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, OwnedSemaphorePermit};
use tokio::time::{timeout_at, Instant};

use super::adoption::AdoptedConnection;
use crate::client::ClientInfo;
use crate::descriptors;
use crate::fork::{self, OnItsWay};
use crate::listen::binds::Bind;
use crate::listen::{unix_socket, BindAddress};
use crate::listening_socket::{HandedOver, ListeningSocket, LocalAddress};
use crate::metrics::Counters;
use crate::stream::Stream;
use accept_loop::AcceptLoop;
use socket::RawStream;

/// Connections that may wait to be accepted if `backlog` is not set.
const BACKLOG: i32 = 1024;
/// Pause of accepting after an error that does not go away at once, such as too many open files.
const REST: Duration = Duration::from_millis(100);
/// The same when an idle connection is about to make room.
const MOMENT: Duration = Duration::from_millis(10);
/// Time without an error of `accept` after which the next one is logged again.
const QUIET: Duration = Duration::from_secs(30);

/// Time that an address may be in use before binding to it fails.
const IN_USE: Duration = Duration::from_millis(100);
/// The same while a child of `fork` may hold the socket. It starts late on a busy machine.
const FORKED: Duration = Duration::from_secs(2);
/// Interval between two attempts.
const GLANCE: Duration = Duration::from_millis(5);

/// A client connection on its way to an engine thread.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) client_info: ClientInfo,
    /// The connection's share of `max_connections`.
    pub(crate) permit: OwnedSemaphorePermit,
    /// The bind at which the connection arrived.
    pub(crate) bind: Arc<Bind>,
}

/// A client connection on its way to an engine thread, not yet bound to a runtime.
pub(crate) struct RawConnection {
    socket: RawStream,
    client_info: ClientInfo,
    permit: OwnedSemaphorePermit,
    bind: Arc<Bind>,
}

impl RawConnection {
    /// A TCP connection from a client without an address.
    #[cfg(test)]
    pub(crate) fn of(stream: std::net::TcpStream, permit: OwnedSemaphorePermit) -> Self {
        Self { socket: RawStream::tcp(stream), client_info: ClientInfo::default(), permit, bind: Bind::plain() }
    }

    /// Binds the connection to this thread's runtime.
    pub(crate) fn accept(self) -> io::Result<Accepted> {
        // Until the runtime watches it, it counts as on its way.
        let (stream, on_its_way) = match self.socket {
            RawStream::Tcp(stream, on_its_way) => (Stream::Tcp(TcpStream::from_std(stream)?), on_its_way),
            RawStream::Unix(stream, on_its_way) => (Stream::Unix(UnixStream::from_std(stream)?), on_its_way),
        };
        drop(on_its_way);
        Ok(Accepted { stream, client_info: self.client_info, permit: self.permit, bind: self.bind })
    }
}

/// What a reload does to a listener.
#[derive(Debug)]
pub(crate) enum ListenerOrder {
    /// Keep the socket, with the new options.
    Keep(Arc<Bind>),
    /// Accept the connections that wait, then close. The other end of the channel learns when that is done.
    Leave(std::sync::mpsc::Sender<Infallible>),
    /// Leave the socket and those that wait at it to another process, which has it too.
    Pass,
    /// Send a copy of the socket.
    Copy(std::sync::mpsc::Sender<(Arc<Bind>, ListeningSocket)>),
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    /// Dropped before the socket.
    on_its_way: OnItsWay,
    socket: BoundSocket,
    pub(crate) bind: Arc<Bind>,
    /// URL for display: `http://127.0.0.1:8080`.
    pub(crate) url: String,
}

/// A bound socket, not yet bound to a runtime.
#[derive(Debug)]
enum BoundSocket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, unix_socket::SocketFile),
}

impl Listener {
    /// The listener of a bind: the socket that the program hands over for it, or one that is bound here. With
    /// `only_v6`, an IPv6 address that is bound here takes no IPv4 connections.
    pub(crate) fn open(bind: &Arc<Bind>, handed_over: Option<&HandedOver>, only_v6: bool) -> io::Result<Self> {
        match handed_over {
            None => Self::bind(bind, only_v6),
            Some(HandedOver::Socket(socket)) => Self::take_over(bind, socket, false),
            Some(HandedOver::Inherited(socket)) => Self::take_over(bind, socket, true),
            Some(HandedOver::Closed) => Err(io::Error::other(
                "its listening socket was handed over and is closed by now: leave it out, or start the server with \
                 another one",
            )),
        }
    }

    fn bind(bind: &Arc<Bind>, only_v6: bool) -> io::Result<Self> {
        let backlog = bind.backlog.unwrap_or(BACKLOG);
        let bind = Arc::clone(bind);
        match &bind.key.address {
            BindAddress::Tcp(address) => {
                let (listener, on_its_way) = bind_tcp(*address, backlog, only_v6)?;
                let url = format!("{}://{}", bind.scheme(), listener.local_addr()?);
                Ok(Self { socket: BoundSocket::Tcp(listener), bind, url, on_its_way })
            }
            BindAddress::Unix(path) => {
                let (listener, file, on_its_way) = unix_socket::bind(path, backlog, bind.rights)?;
                let url = format!("{}://{}", bind.scheme(), path.display());
                Ok(Self { socket: BoundSocket::Unix(listener, file), bind, url, on_its_way })
            }
        }
    }

    /// `inherited`: from the process before, whose place this one takes.
    fn take_over(bind: &Arc<Bind>, handed_over: &ListeningSocket, inherited: bool) -> io::Result<Self> {
        let (socket, on_its_way) = handed_over.for_server()?;
        if let Some(backlog) = bind.backlog {
            socket.listen(backlog)?;
        }
        let scheme = bind.scheme();
        let (socket, url) = match (handed_over.address(), &bind.key.address) {
            (LocalAddress::Tcp(address), BindAddress::Tcp(_)) => {
                (BoundSocket::Tcp(socket.into()), format!("{scheme}://{address}"))
            }
            (LocalAddress::Unix(path), BindAddress::Unix(_)) => {
                let file = unix_socket::SocketFile::of_another(path, bind.rights, inherited)?;
                (BoundSocket::Unix(socket.into(), file), format!("{scheme}://{}", path.display()))
            }
            _ => {
                let message = format!("the socket that is handed over for it listens at {}", handed_over.url());
                return Err(io::Error::other(message));
            }
        };
        Ok(Self { socket, bind: Arc::clone(bind), url, on_its_way })
    }

    /// Accepts until the future is dropped or an order says to leave.
    pub(crate) async fn run(self, places: ConnectionLimit, orders: mpsc::UnboundedReceiver<ListenerOrder>) {
        let Self { socket, bind, on_its_way, .. } = self;
        let log = Arc::clone(&places.log);
        let socket = match socket::Socket::watched(socket) {
            Ok(socket) => socket,
            Err(error) => return log.error(format_args!("a listening socket is unusable: {error}")),
        };
        drop(on_its_way);
        AcceptLoop::new(socket, bind, places, orders).run(log).await;
    }
}

fn bind_tcp(address: SocketAddr, backlog: i32, only_v6: bool) -> io::Result<(std::net::TcpListener, OnItsWay)> {
    let (socket, on_its_way) =
        OnItsWay::open(|| Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP)))?;
    // Lets a restart bind while connections of the last run are still closing.
    socket.set_reuse_address(true)?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    bind_when_free(&socket, address)?;
    socket.listen(backlog)?;
    Ok((socket.into(), on_its_way))
}

/// Binds, and waits a moment for an address in use: a program that was started just now holds all sockets of this
/// process until it closes them, also one that a reload closed at this address.
fn bind_when_free(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    let start = Instant::now();
    loop {
        match socket.bind(&address.into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                let patience = if fork::is_under_way() { FORKED } else { IN_USE };
                if start.elapsed() >= patience {
                    return Err(error);
                }
                std::thread::sleep(GLANCE);
            }
            bound => return bound,
        }
    }
}

/// Handles an error of `accept`; `told` is when such an error last came: one that goes on is logged once. Most errors
/// concern one connection that is gone. When the process is out of file descriptors, idle connections are closed to
/// make room, and accepting pauses: an immediate retry would only burn CPU.
async fn rest(error: &io::Error, places: &ConnectionLimit, told: &mut Option<Instant>) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
        return;
    }
    let now = Instant::now();
    let before = told.replace(now);
    if before.is_none_or(|before| now.saturating_duration_since(before) > QUIET) {
        places.log.error(format_args!("no connection can be accepted: {error}"));
    }
    let makes_room = descriptors::ran_out(error) && places.threads.close_longest_idle().await;
    tokio::time::sleep(if makes_room { MOMENT } else { REST }).await;
}

/// A message to an engine thread.
pub(crate) enum Work {
    /// A connection to serve.
    Serve(RawConnection),
    /// A connection of another server, to answer its request.
    Adopt(Box<AdoptedConnection>),
    /// Asks for the time since when the thread's longest idle connection is idle. The reply has the thread's number.
    LongestIdle(usize, mpsc::UnboundedSender<(u64, usize)>),
    /// Closes the longest idle connection.
    CloseLongestIdle,
    /// Asks for a sign of life.
    Pulse(PulseQuestion),
}

/// A question to an engine thread: whether it turns.
#[derive(Debug, Clone)]
pub(crate) struct PulseQuestion(std::sync::mpsc::Sender<()>);

impl PulseQuestion {
    /// Answers.
    pub(crate) fn beat(self) {
        let _ = self.0.send(());
    }
}

/// The engine threads, as the accepting thread sees them.
pub(crate) struct Threads {
    pub(crate) inboxes: Vec<(mpsc::UnboundedSender<Work>, Arc<Counters>)>,
}

impl Threads {
    /// Time that a busy thread gets to reply.
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Gives a connection to the thread with the fewest connections.
    fn hand_over(&self, raw: RawConnection) {
        let _ = self.give(Work::Serve(raw));
    }

    /// Gives a connection of another server to the thread with the fewest connections. An error if it is too late.
    pub(crate) fn adopt(&self, connection: AdoptedConnection) -> Result<(), ()> {
        self.give(Work::Adopt(Box::new(connection)))
    }

    /// Asks every thread for a sign of life. Each that turns sends one; returns how many were asked.
    pub(crate) fn feel_pulse(&self, answers: &std::sync::mpsc::Sender<()>) -> usize {
        let question = || Work::Pulse(PulseQuestion(answers.clone()));
        self.inboxes.iter().filter(|(inbox, _)| inbox.send(question()).is_ok()).count()
    }

    fn give(&self, work: Work) -> Result<(), ()> {
        let least = self.inboxes.iter().min_by_key(|(_, counters)| counters.active());
        let (inbox, counters) = least.ok_or(())?;
        counters.connection_opened();
        inbox.send(work).map_err(|_| counters.connection_closed())
    }

    /// Closes the connection that has been idle longest, on any thread. The close takes a moment. `false` if none is
    /// idle.
    async fn close_longest_idle(&self) -> bool {
        let (answers, mut heard) = mpsc::unbounded_channel();
        for (number, (inbox, _)) in self.inboxes.iter().enumerate() {
            let _ = inbox.send(Work::LongestIdle(number, answers.clone()));
        }
        drop(answers);
        let until = Instant::now() + Self::PATIENCE;
        let mut longest: Option<(u64, usize)> = None;
        while let Ok(Some(idle)) = timeout_at(until, heard.recv()).await {
            longest = Some(longest.map_or(idle, |before| before.min(idle)));
        }
        if let Some((inbox, _)) = longest.and_then(|(_, number)| self.inboxes.get(number)) {
            let _ = inbox.send(Work::CloseLongestIdle);
        }
        longest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_an_address_as_soon_as_a_child_lets_go_of_it() {
        let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = held.local_addr().expect("its address");
        let error = bind_tcp(address, 1, false).expect_err("in use");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        let (bound, mark) = std::thread::scope(|scope| {
            let binding = scope.spawn(|| bind_tcp(address, 1, false));
            drop(held);
            binding.join().expect("no panic").expect("bound")
        });
        assert_eq!(bound.local_addr().expect("its address"), address);
        drop((mark, bound));
    }
}

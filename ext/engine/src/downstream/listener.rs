//! Listening sockets, and handing what they accept to the engine threads.

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
use tokio::task::JoinSet;
use tokio::time::{timeout_at, Instant};

use crate::client::ClientInfo;
use crate::descriptors;
use crate::fork::OnItsWay;
use crate::listen::binds::Bind;
use crate::listen::{unix_socket, BindAddress};
use crate::metrics::Counters;
use crate::stream::Stream;
use connection_limit::ConnectionPermit;
use socket::{RawClient, RawStream};

/// Connections that may wait to be accepted, unless `backlog` says otherwise.
const BACKLOG: i32 = 1024;
/// How long accepting rests after an error that will not go away at once: too many open files.
const REST: Duration = Duration::from_millis(100);

/// A client connection on its way to an engine thread.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) client_info: ClientInfo,
    /// Its share of `max_connections`.
    pub(crate) permit: OwnedSemaphorePermit,
    /// Where it came to.
    pub(crate) bind: Arc<Bind>,
}

/// The same, not yet bound to a runtime.
pub(crate) struct RawConnection {
    socket: RawStream,
    client_info: ClientInfo,
    permit: OwnedSemaphorePermit,
    bind: Arc<Bind>,
}

impl RawConnection {
    /// A TCP connection whose client has no address.
    #[cfg(test)]
    pub(crate) fn of(stream: std::net::TcpStream, permit: OwnedSemaphorePermit) -> Self {
        Self { socket: RawStream::tcp(stream), client_info: ClientInfo::default(), permit, bind: Bind::plain() }
    }

    /// Binds the connection to this thread's runtime.
    pub(crate) fn accept(self) -> io::Result<Accepted> {
        // Until the runtime watches it, it is on its way.
        let (stream, on_its_way) = match self.socket {
            RawStream::Tcp(stream, on_its_way) => (Stream::Tcp(TcpStream::from_std(stream)?), on_its_way),
            RawStream::Unix(stream, on_its_way) => (Stream::Unix(UnixStream::from_std(stream)?), on_its_way),
        };
        drop(on_its_way);
        Ok(Accepted { stream, client_info: self.client_info, permit: self.permit, bind: self.bind })
    }
}

/// What becomes of a listener when a configuration takes another's place.
#[derive(Debug)]
pub(crate) enum ListenerOrder {
    /// It stays, on these terms.
    Keep(Arc<Bind>),
    /// It accepts those who wait, and ends, which the other end of the channel learns from.
    Leave(std::sync::mpsc::Sender<Infallible>),
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: BoundSocket,
    pub(crate) bind: Arc<Bind>,
    /// As it is shown: `http://127.0.0.1:8080`.
    pub(crate) url: String,
    on_its_way: OnItsWay,
}

/// A bound socket, in nobody's runtime.
#[derive(Debug)]
enum BoundSocket {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, unix_socket::SocketFile),
}

impl Listener {
    /// Binds an address and begins to listen. With `only_v6` an IPv6 address takes no IPv4 connections.
    pub(crate) fn bind(bind: &Arc<Bind>, only_v6: bool) -> io::Result<Self> {
        let backlog = bind.backlog.unwrap_or(BACKLOG);
        let (socket, url) = match &bind.key.address {
            BindAddress::Tcp(address) => bind_tcp(*address, backlog, only_v6, bind.scheme())?,
            BindAddress::Unix(path) => {
                let (listener, file) = unix_socket::bind(path, backlog, bind.rights)?;
                (BoundSocket::Unix(listener, file), format!("{}://{}", bind.scheme(), path.display()))
            }
        };
        let on_its_way = match &socket {
            BoundSocket::Tcp(listener) => OnItsWay::new(listener),
            BoundSocket::Unix(listener, _) => OnItsWay::new(listener),
        };
        Ok(Self { socket, bind: Arc::clone(bind), url, on_its_way })
    }

    /// Accepts until the future is dropped or an order says to leave.
    pub(crate) async fn run(self, places: ConnectionLimit, mut orders: mpsc::UnboundedReceiver<ListenerOrder>) {
        let Self { socket, mut bind, on_its_way, .. } = self;
        let log = &places.log;
        let socket = match socket::Socket::watched(socket) {
            Ok(socket) => socket,
            Err(error) => return log.error(format_args!("a listening socket is unusable: {error}")),
        };
        drop(on_its_way);
        let mut guests = JoinSet::new();
        let mut told = false;
        // One that was accepted and has no place yet. The others wait in the backlog meanwhile.
        let mut held: Option<RawClient> = None;
        let left = loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(ListenerOrder::Keep(terms)) => {
                        socket.keep(&bind, &terms, log);
                        bind = terms;
                    }
                    Some(ListenerOrder::Leave(left)) => break Some(left),
                    None => break None,
                },
                accepted = socket.accept(), if held.is_none() => match accepted {
                    Ok((socket, client_info)) => {
                        told = false;
                        held = Some((places.out_of_reserve(socket).await, client_info));
                    }
                    Err(error) => rest(&error, &places, &mut told).await,
                },
                place = places.next(), if held.is_some() => {
                    let Some(place) = place else { return };
                    let Some((socket, client_info)) = held.take() else { continue };
                    let bind = Arc::clone(&bind);
                    match place {
                        ConnectionPermit::Own(permit) => {
                            places.threads.hand_over(RawConnection { socket, client_info, permit, bind });
                        }
                        ConnectionPermit::Guest(guest) => {
                            guests.spawn(places.clone().receive(socket, client_info, bind, guest));
                        }
                    }
                }
                Some(_) = guests.join_next() => {}
            };
        };
        match socket.leave() {
            Ok(socket) => socket.accept_the_last(held, &bind, &places).await,
            Err(error) => log.error(format_args!("connections that were waiting at {} were lost: {error}", bind.url)),
        }
        drop(left);
        // Guests are among those who were told that they are connected.
        while guests.join_next().await.is_some() {}
    }
}

fn bind_tcp(address: SocketAddr, backlog: i32, only_v6: bool, scheme: &str) -> io::Result<(BoundSocket, String)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart may bind while connections of the last run are still winding down.
    socket.set_reuse_address(true)?;
    if only_v6 {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(backlog)?;
    let listener = std::net::TcpListener::from(socket);
    let url = format!("{scheme}://{}", listener.local_addr()?);
    Ok((BoundSocket::Tcp(listener), url))
}

/// After an error of `accept`, which `told` says whether the log has. Most concern one connection that is gone already;
/// when the process is out of files, idle connections are closed to make room, and trying again at once would only burn
/// the processor.
async fn rest(error: &io::Error, places: &ConnectionLimit, told: &mut bool) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
        return;
    }
    if !std::mem::replace(told, true) {
        places.log.error(format_args!("no connection can be accepted: {error}"));
    }
    if descriptors::ran_out(error) {
        places.threads.close_longest_idle().await;
    }
    tokio::time::sleep(REST).await;
}

/// What an engine thread is given to do.
pub(crate) enum Work {
    /// A connection to serve.
    Serve(RawConnection),
    /// Since when the connection is idle that has been so longest, for the one who asks, with the thread's number.
    LongestIdle(usize, mpsc::UnboundedSender<(u64, usize)>),
    /// That one is to be closed.
    CloseLongestIdle,
}

/// The engine threads, as the acceptor sees them.
pub(crate) struct Threads {
    pub(crate) inboxes: Vec<(mpsc::UnboundedSender<Work>, Arc<Counters>)>,
}

impl Threads {
    /// How long a thread that is busy is waited for.
    const PATIENCE: Duration = Duration::from_millis(100);

    /// Gives a connection to the thread that has the fewest.
    fn hand_over(&self, raw: RawConnection) {
        let least = self.inboxes.iter().min_by_key(|(_, counters)| counters.active());
        if let Some((inbox, counters)) = least {
            counters.connection_opened();
            if inbox.send(Work::Serve(raw)).is_err() {
                counters.connection_closed();
            }
        }
    }

    /// Has the connection closed that has been idle longest, on whichever thread. It takes a moment to be gone.
    async fn close_longest_idle(&self) {
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
    }
}

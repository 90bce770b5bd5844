//! Listening sockets, and handing what they accept to the engine threads.

mod address;
mod socket;
mod unix;

pub(crate) use address::{is_https, BindAddress};
pub(crate) use unix::Rights;

use std::convert::Infallible;
use std::future::{poll_fn, Future};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{mpsc, OwnedSemaphorePermit, Semaphore};

use super::binds::Bind;
use crate::fork::OnItsWay;
use crate::log::Log;
use crate::metrics::Counters;
use crate::rewrite::ClientInfo;
use crate::stream::Stream;
use socket::{Client, RawStream};

/// Connections that may wait to be accepted, unless `backlog` says otherwise.
const BACKLOG: i32 = 1024;
/// How long accepting rests after an error that will not go away at once: too many open files.
const REST: Duration = Duration::from_millis(100);

/// A client connection on its way to an engine thread.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) link: ClientInfo,
    /// Its share of `max_connections`.
    pub(crate) permit: OwnedSemaphorePermit,
    /// Where it came to.
    pub(crate) bind: Arc<Bind>,
}

/// The same, not yet bound to a runtime.
pub(crate) struct Raw {
    socket: RawStream,
    link: ClientInfo,
    permit: OwnedSemaphorePermit,
    bind: Arc<Bind>,
    on_its_way: OnItsWay,
}

impl Raw {
    fn new(socket: RawStream, link: ClientInfo, permit: OwnedSemaphorePermit, bind: Arc<Bind>) -> Self {
        let on_its_way = match &socket {
            RawStream::Tcp(stream) => OnItsWay::new(stream),
            RawStream::Unix(stream) => OnItsWay::new(stream),
        };
        Self { socket, link, permit, bind, on_its_way }
    }

    /// A TCP connection whose client has no address.
    #[cfg(test)]
    pub(crate) fn of(stream: std::net::TcpStream, permit: OwnedSemaphorePermit) -> Self {
        Self::new(RawStream::Tcp(stream), ClientInfo::default(), permit, Bind::plain())
    }

    /// Binds the connection to this thread's runtime.
    pub(crate) fn accept(self) -> io::Result<Accepted> {
        let stream = match self.socket {
            RawStream::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream)?),
            RawStream::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)?),
        };
        drop(self.on_its_way);
        Ok(Accepted { stream, link: self.link, permit: self.permit, bind: self.bind })
    }
}

/// What becomes of a listener when a configuration takes another's place.
#[derive(Debug)]
pub(crate) enum Order {
    /// It stays, on these terms.
    Keep(Arc<Bind>),
    /// It accepts those who wait, and ends, which the other end of the channel learns from.
    Leave(std::sync::mpsc::Sender<Infallible>),
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Bound,
    pub(crate) bind: Arc<Bind>,
    /// As it is shown: `http://127.0.0.1:8080`.
    pub(crate) url: String,
    on_its_way: OnItsWay,
}

/// A bound socket, in nobody's runtime.
#[derive(Debug)]
enum Bound {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener, unix::SocketFile),
}

impl Listener {
    /// Binds an address and begins to listen. With `only_v6` an IPv6 address takes no IPv4 connections.
    pub(crate) fn bind(bind: &Arc<Bind>, only_v6: bool) -> io::Result<Self> {
        let backlog = bind.backlog.unwrap_or(BACKLOG);
        let (socket, url) = match &bind.key.address {
            BindAddress::Tcp(address) => bind_tcp(*address, backlog, only_v6, bind.scheme())?,
            BindAddress::Unix(path) => {
                let (listener, file) = unix::bind(path, backlog, bind.rights)?;
                (Bound::Unix(listener, file), format!("{}://{}", bind.scheme(), path.display()))
            }
        };
        let on_its_way = match &socket {
            Bound::Tcp(listener) => OnItsWay::new(listener),
            Bound::Unix(listener, _) => OnItsWay::new(listener),
        };
        Ok(Self { socket, bind: Arc::clone(bind), url, on_its_way })
    }

    /// Accepts until the future is dropped or an order says to leave. `threads` get each connection.
    pub(crate) async fn run(
        self,
        permits: Arc<Semaphore>,
        threads: Arc<Threads>,
        log: Arc<Log>,
        mut orders: mpsc::UnboundedReceiver<Order>,
    ) {
        let Self { socket, mut bind, on_its_way, .. } = self;
        let socket = match socket.watched() {
            Ok(socket) => socket,
            Err(error) => return log.error(format_args!("a listening socket is unusable: {error}")),
        };
        drop(on_its_way);
        let _left = loop {
            let accepted = tokio::select! {
                accepted = accept(&permits, |cx| socket.poll_accept(cx)) => accepted,
                order = orders.recv() => match order {
                    Some(Order::Keep(terms)) => {
                        socket.keep(&bind, &terms, &log);
                        bind = terms;
                        continue;
                    }
                    Some(Order::Leave(left)) => break Some(left),
                    None => break None,
                },
            };
            let Some((accepted, permit)) = accepted else { return };
            match accepted.and_then(Client::into_raw) {
                Ok((socket, link)) => threads.hand_over(Raw::new(socket, link, permit, Arc::clone(&bind))),
                Err(error) => rest(&error, &log).await,
            }
        };
        match socket.leave() {
            Ok(socket) => socket.accept_the_last(&bind, &permits, &threads, &log).await,
            Err(error) => log.error(format_args!("those who wait at {} were lost: {error}", bind.url)),
        }
    }
}

fn bind_tcp(address: SocketAddr, backlog: i32, only_v6: bool, scheme: &str) -> io::Result<(Bound, String)> {
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
    Ok((Bound::Tcp(listener), url))
}

/// Waits for the next connection, and for a share of `max_connections` to accept it with. The share is held only while a
/// connection is there: a listener where nobody comes would keep it from the others. `None` if there will be no more shares.
async fn accept<C>(
    permits: &Arc<Semaphore>,
    mut poll_accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<C>>,
) -> Option<(io::Result<C>, OwnedSemaphorePermit)> {
    let mut in_line = None;
    poll_fn(|cx| {
        let permit = match Arc::clone(permits).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let turn = in_line.get_or_insert_with(|| Box::pin(Arc::clone(permits).acquire_owned()));
                match ready!(turn.as_mut().poll(cx)) {
                    Ok(permit) => permit,
                    Err(_closed) => return Poll::Ready(None),
                }
            }
        };
        in_line = None;
        poll_accept(cx).map(|accepted| Some((accepted, permit)))
    })
    .await
}

/// After an error of `accept`. Most concern one connection that is gone already; when the process is out of files, trying again at
/// once would only burn the processor.
async fn rest(error: &io::Error, log: &Log) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
        return;
    }
    log.error(format_args!("no connection can be accepted: {error}"));
    tokio::time::sleep(REST).await;
}

/// The engine threads, as the acceptor sees them.
pub(crate) struct Threads {
    pub(crate) inboxes: Vec<(mpsc::UnboundedSender<Raw>, Arc<Counters>)>,
}

impl Threads {
    /// Gives a connection to the thread that has the fewest.
    fn hand_over(&self, raw: Raw) {
        let least = self.inboxes.iter().min_by_key(|(_, counters)| counters.active());
        if let Some((inbox, counters)) = least {
            counters.connection_opened();
            if inbox.send(raw).is_err() {
                counters.connection_closed();
            }
        }
    }
}

//! The client's end of an exchange, and detection of clients that have gone.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::waits::Waits;
use crate::channel::Channel;
use crate::deadline::DeadlineTimer;
use crate::error::{Error, Kind};
use crate::stream::Departure;
use crate::stream::Http1Connection;

/// Interval at which the system is asked about a client that cannot be read for the moment: without a read there is no
/// news of its end.
const LOOK: Duration = Duration::from_millis(500);

/// Longest time that a request of a half-closed client waits in a queue or for a connection. A client that sends its
/// request and half-closes is usually answered at once, and never gets there.
const IN_LINE: Duration = Duration::from_millis(100);

/// The client's end of an exchange.
#[derive(Debug)]
pub(crate) struct ClientChannel {
    /// The client's connection or stream.
    pub(crate) channel: Channel,
    /// Timer for all time limits while the client is served.
    pub(crate) alarm: DeadlineTimer,
    /// State of a client that has half-closed or cannot be read; `None` for nearly all clients.
    watch: Option<Box<Watch>>,
    /// Waits of the current request for a backend.
    pub(crate) waits: Waits,
}

#[derive(Debug, Default)]
struct Watch {
    /// Time at which the half-close was seen.
    ended: Option<Instant>,
    /// Time at which the system is asked again.
    look: Option<Instant>,
}

/// Handling of the bytes that a client sends while it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    /// They are read here, and nowhere else.
    Reading,
    /// The reader of the body reads them, and notices when the client is gone.
    Elsewhere,
    /// They cannot be read, since there is no room for them.
    Blocked,
}

impl ClientChannel {
    /// A client at the other end of `peer`.
    pub(crate) fn new(peer: Channel) -> Self {
        Self { channel: peer, alarm: DeadlineTimer::default(), watch: None, waits: Waits::default() }
    }

    /// A client on an HTTP/1.1 connection.
    pub(crate) fn http1(connection: Http1Connection) -> Self {
        Self::new(Channel::Http1(connection))
    }

    /// The connection of an HTTP/1.1 client, and the timer.
    pub(crate) fn connection(&mut self) -> Option<(&mut Http1Connection, &mut DeadlineTimer)> {
        self.channel.http1().map(|connection| (connection, &mut self.alarm))
    }

    /// Begins another request: the time since a half-close counts anew.
    pub(crate) fn begin_request(&mut self) {
        self.watch = None;
        self.waits.begin_request();
    }

    /// Whether the client has half-closed its connection: it sends nothing more, and may be gone.
    pub(crate) fn has_ended(&self) -> bool {
        // The end of an HTTP/2 stream is only the end of the request.
        matches!(self.channel.plain(), Channel::Http1(connection) if connection.peer_ended())
            || self.watch.as_ref().is_some_and(|watch| watch.ended.is_some())
    }

    /// Ready once the client is gone: its connection or stream was closed, or it half-closed its connection more than
    /// `patience` ago. `None`: a half-close may last for ever.
    pub(crate) fn poll_gone(
        &mut self,
        cx: &mut Context<'_>,
        listening: Listening,
        patience: Option<Duration>,
    ) -> Poll<Error> {
        match (self.channel.plain_mut(), listening) {
            (Channel::Http2(stream), _) => return stream.poll_gone(cx).map(|error| Error::client(Kind::Io(error))),
            (Channel::Http1(_), Listening::Elsewhere) => return Poll::Pending,
            (Channel::Http1(connection), Listening::Reading) => {
                if let Poll::Ready(error) = connection.poll_gone(cx) {
                    return Poll::Ready(Error::client(Kind::Io(error)));
                }
                if !connection.peer_ended() && !connection.input.is_full() {
                    return Poll::Pending;
                }
            }
            (Channel::Http1(_), Listening::Blocked) => {}
            (Channel::Coded(_), _) => return Poll::Pending,
        }
        self.poll_departed(cx, patience)
    }

    #[cold]
    fn poll_departed(&mut self, cx: &mut Context<'_>, patience: Option<Duration>) -> Poll<Error> {
        let Channel::Http1(connection) = self.channel.plain() else { return Poll::Pending };
        let watch = self.watch.get_or_insert_default();
        if connection.peer_ended() {
            watch.ended.get_or_insert_with(Instant::now);
        } else {
            loop {
                let now = Instant::now();
                if watch.look.is_none_or(|look| look <= now) {
                    watch.look = Some(now + LOOK);
                    match connection.stream().departure() {
                        Some(Departure::Reset) => return Poll::Ready(gone()),
                        Some(Departure::Ended) => {
                            watch.ended.get_or_insert(now);
                        }
                        None => {}
                    }
                }
                if self.alarm.poll(cx, watch.look.unwrap_or(now)).is_pending() {
                    break;
                }
            }
        }
        match watch.ended.zip(patience) {
            Some((ended, patience)) => self.alarm.poll(cx, ended + patience).map(|()| gone()),
            None => Poll::Pending,
        }
    }

    /// Does `work`, which the request has to wait for, unless the client goes away meanwhile. `patience` is the limit
    /// of a half-close for the whole request.
    pub(crate) async fn awaiting<T>(
        &mut self,
        patience: Option<Duration>,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Error> {
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll_gone_in_line(cx, patience).map(Err),
        })
        .await
    }

    /// Like [`ClientChannel::poll_gone`], for a request that waits in a queue or for a connection: a half-close is
    /// allowed for a shorter time.
    pub(crate) fn poll_gone_in_line(&mut self, cx: &mut Context<'_>, patience: Option<Duration>) -> Poll<Error> {
        self.poll_gone(cx, Listening::Reading, patience.map(|patience| patience.min(IN_LINE)))
    }
}

fn gone() -> Error {
    Error::client(Kind::Ended)
}

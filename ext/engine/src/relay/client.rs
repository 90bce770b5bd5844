//! The client's end of an exchange, and whether the client is still there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use crate::channel::Channel;
use crate::deadline::DeadlineTimer;
use crate::error::{Error, Kind};
use crate::stream::Departure;
use crate::stream::Http1Connection;

/// How often the system is asked about a client from which nothing can be read for the moment: then it does not tell by itself.
const LOOK: Duration = Duration::from_millis(500);

/// The longest that a request is kept waiting in a line, or for a connection, for a client that has ended its side. One that is answered at
/// once, as one that sends its request and ends is, never gets there.
const IN_LINE: Duration = Duration::from_millis(100);

/// The client's end of an exchange.
#[derive(Debug)]
pub(crate) struct ClientChannel {
    /// Its connection or stream.
    pub(crate) channel: Channel,
    /// The timer for everything that is awaited while it is served.
    pub(crate) alarm: DeadlineTimer,
    /// What is known of a client that is on its way out, or cannot be heard. Nothing, for nearly all.
    watch: Option<Box<Watch>>,
}

#[derive(Debug, Default)]
struct Watch {
    /// When it was seen to have ended its side.
    ended: Option<Instant>,
    /// When the system is asked again.
    look: Option<Instant>,
}

/// What is done with what a client sends, while it is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listening {
    /// It is read: nothing else is.
    Reading,
    /// Whoever takes its body reads it, and learns that it has gone.
    Elsewhere,
    /// It cannot be read, since there is nowhere to put it.
    Blocked,
}

impl ClientChannel {
    /// A client whose request comes from there.
    pub(crate) fn new(peer: Channel) -> Self {
        Self { channel: peer, alarm: DeadlineTimer::default(), watch: None }
    }

    /// A client of HTTP/1.1.
    pub(crate) fn http1(connection: Http1Connection) -> Self {
        Self::new(Channel::Http1(connection))
    }

    /// Its connection, if it speaks HTTP/1.1, and the timer.
    pub(crate) fn connection(&mut self) -> Option<(&mut Http1Connection, &mut DeadlineTimer)> {
        match &mut self.channel {
            Channel::Http1(connection) => Some((connection, &mut self.alarm)),
            Channel::Http2(_) => None,
        }
    }

    /// Another request begins: how long its client may have ended its side for counts from there.
    pub(crate) fn begin_request(&mut self) {
        self.watch = None;
    }

    /// Whether it has ended its side of a connection: it sends nothing more, and may have gone.
    pub(crate) fn has_ended(&self) -> bool {
        // A stream's end is that of its request, and says nothing.
        matches!(&self.channel, Channel::Http1(connection) if connection.peer_ended())
            || self.watch.as_ref().is_some_and(|watch| watch.ended.is_some())
    }

    /// Ready once the client has gone: its connection or stream is no more, or it has ended its side of a connection for as long as `patience`
    /// allows. `None`: it may have done so for ever.
    pub(crate) fn poll_gone(
        &mut self,
        cx: &mut Context<'_>,
        listening: Listening,
        patience: Option<Duration>,
    ) -> Poll<Error> {
        match (&mut self.channel, listening) {
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
        }
        self.poll_departed(cx, patience)
    }

    #[cold]
    fn poll_departed(&mut self, cx: &mut Context<'_>, patience: Option<Duration>) -> Poll<Error> {
        let Channel::Http1(connection) = &self.channel else { return Poll::Pending };
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

    /// Does something that its request has to wait for, unless the client goes away meanwhile. `patience` is that of the whole request.
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

    /// The same as [`Client::poll_gone`] for a request that waits in a line, or for a connection.
    pub(crate) fn poll_gone_in_line(&mut self, cx: &mut Context<'_>, patience: Option<Duration>) -> Poll<Error> {
        self.poll_gone(cx, Listening::Reading, patience.map(|patience| patience.min(IN_LINE)))
    }
}

fn gone() -> Error {
    Error::client(Kind::Ended)
}

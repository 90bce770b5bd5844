//! The client's end of an exchange, and detection of clients that have gone.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use proxy_http::http2;
use tokio::time::Instant;

use super::pace::Rate;
use super::waits::Waits;
use crate::channel::{Acknowledged, Channel, Outflow, Passage};
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

/// Bytes of a window that a client has to miss before it may be kept from sending: half of what it has at first.
const UNTOLD: u64 = 64 * 1024;

/// The client's end of an exchange.
#[derive(Debug)]
pub(crate) struct ClientChannel {
    /// The client's connection or stream.
    pub(crate) channel: Channel,
    /// Timer for all time limits while the client is served.
    pub(crate) alarm: DeadlineTimer,
    /// State of a client that has half-closed, cannot be read or is slow; `None` for nearly all clients.
    watch: Option<Box<Watch>>,
    /// The way out of the connection that a stream belongs to.
    outflow: Option<Rc<Outflow>>,
    /// Waits of the current request for a backend.
    pub(crate) waits: Waits,
}

#[derive(Debug, Default)]
struct Watch {
    /// Time at which the half-close was seen.
    ended: Option<Instant>,
    /// Time at which the system is asked again.
    look: Option<Instant>,
    /// What is on its way on a stream.
    passage: Option<Passage>,
    /// What the client of a stream was told of its window.
    told: Option<Told>,
}

/// What a client has been told of the window for its body.
#[derive(Debug)]
struct Told {
    /// How far that has come: each byte that was read is told of behind all that was sent before.
    passage: Passage,
    /// Bytes of the connection that the client's system had acknowledged at the last look, and its time.
    acknowledged: u64,
    at: Option<Instant>,
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
        Self { channel: peer, alarm: DeadlineTimer::default(), watch: None, outflow: None, waits: Waits::default() }
    }

    /// A client on a stream of an HTTP/2 connection, with the way out of that.
    pub(crate) fn http2(stream: Box<http2::Stream>, outflow: Rc<Outflow>) -> Self {
        Self { outflow: Some(outflow), ..Self::new(Channel::Http2(stream)) }
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

    /// What the client's system has acknowledged so far, for a client that is waited for. Within TLS the bytes that
    /// wait are longer than those that were sent, so this is only good for a comparison. One system call.
    pub(super) fn taken(&mut self) -> Acknowledged {
        let sent = self.channel.total_sent();
        let Some(outflow) = &self.outflow else { return Acknowledged::of(sent.saturating_sub(self.channel.queued())) };
        let reached = outflow.reached();
        let watch = self.watch.get_or_insert_default();
        watch.passage.get_or_insert_with(|| Passage::begin(reached, sent)).look(reached, sent)
    }

    /// Bytes on their way to the client, up to the last one that was sent; 0 if the system does not say. Those of a
    /// stream are among those of others. One system call.
    pub(super) fn queued(&mut self) -> u64 {
        if self.outflow.is_none() {
            return self.channel.queued();
        }
        self.taken();
        self.watch.as_ref().and_then(|watch| watch.passage).map_or(0, |passage| passage.left())
    }

    /// For a client that has sent too little of its body in time: whether it could not send more, because what it was
    /// told of its window is still behind other bytes on the way to it. Then the task is woken, to begin anew. The
    /// client has to take those bytes, and not more slowly than `rate` allows.
    pub(super) fn is_excused(&mut self, cx: &Context<'_>, rate: Rate) -> bool {
        let Some(outflow) = &self.outflow else { return false };
        let (reached, read, now) = (outflow.reached(), self.channel.total_read(), Instant::now());
        let begin = || Told { passage: Passage::begin(reached, read), acknowledged: 0, at: None };
        let told = self.watch.get_or_insert_default().told.get_or_insert_with(begin);
        let known = told.passage.look(reached, read).bytes;
        let before = std::mem::replace(&mut told.acknowledged, reached.acknowledged);
        let came = reached.acknowledged.saturating_sub(before);
        let pause = told.at.replace(now).map_or(Duration::ZERO, |at| now - at);
        let moves = came as f64 >= (rate.least as f64 * pause.as_secs_f64()).max(1.0);
        let excused = moves && told.passage.left() > 0 && read.saturating_sub(known) >= UNTOLD;
        if excused {
            cx.waker().wake_by_ref();
        }
        excused
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

//! Reading and dropping bodies that are not needed.

use std::future::poll_fn;
use std::task::{ready, Poll};
use std::time::Duration;

use proxy_http::http2::Stream;
use proxy_http::message::Piece;
use tokio::time::Instant;

use super::pace::{Pace, Rate};
use super::ClientChannel;
use crate::channel::Channel;
use crate::deadline::DeadlineTimer;
use crate::error::{Error, Kind, Waited};

/// Longest pause while the rest is read.
const REST_PAUSE: Duration = Duration::from_secs(2);
/// Longest time in which the rest is read.
const REST: Duration = Duration::from_secs(10);

/// Reads the request's body and drops it, within the time limits of a client.
pub(crate) async fn skip_body(client: &mut ClientChannel, limit: Duration, rate: Rate) -> Result<(), Error> {
    let mut pace = Pace::from(client.channel.total_read());
    let mut since = Instant::now();
    let mut read = client.channel.total_read();
    poll_fn(|cx| {
        let peer = &mut client.channel;
        loop {
            match peer.poll_body(cx) {
                Poll::Ready(Ok(Piece::End)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(Piece::Data(n))) => peer.consume_body(n),
                Poll::Ready(Ok(Piece::More)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(error.into()))),
                Poll::Pending => break,
            }
        }
        if peer.total_read() != read {
            read = peer.total_read();
            since = Instant::now();
        }
        let (mut until, mut waited) = (since + limit, Waited::ClientBody);
        if let Some(end) = pace.note(rate, true, read).filter(|end| *end < until) {
            (until, waited) = (end, Waited::ClientRate);
        }
        ready!(client.alarm.poll(cx, until));
        if client.is_excused(cx, rate) {
            (since, pace) = (Instant::now(), Pace::from(read));
            return Poll::Pending;
        }
        Poll::Ready(Err(Error::client(Kind::Timeout(waited))))
    })
    .await
}

/// Reads the body of a response and drops it. `false` if it is longer than `most` bytes, takes longer than `time`, or
/// is broken.
pub(crate) async fn drop_response(backend: &mut Channel, most: u64, time: Duration) -> bool {
    let before = backend.body_read();
    let dropped = poll_fn(|cx| loop {
        match backend.poll_body(cx) {
            Poll::Ready(Ok(Piece::End)) => return Poll::Ready(true),
            Poll::Ready(Ok(Piece::Data(n))) => backend.consume_body(n),
            Poll::Ready(Ok(Piece::More)) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(false),
            Poll::Pending => return Poll::Pending,
        }
        if backend.body_read() - before > most {
            return Poll::Ready(false);
        }
    });
    tokio::time::timeout(time, dropped).await.unwrap_or(false)
}

/// Reads and drops the rest of a request body of an HTTP/2 client, as far as it comes in time.
pub(crate) async fn take_the_rest(stream: &mut Stream, alarm: &mut DeadlineTimer) {
    let end = Instant::now() + REST;
    let mut pause = Instant::now() + REST_PAUSE;
    poll_fn(|cx| {
        loop {
            match stream.poll_skip(cx) {
                Poll::Ready(true) => pause = Instant::now() + REST_PAUSE,
                Poll::Ready(false) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        alarm.poll(cx, pause.min(end))
    })
    .await;
}

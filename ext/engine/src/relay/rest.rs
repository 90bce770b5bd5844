//! What is left of a request's body that nobody wants.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use proxy_http::http2::Stream;
use proxy_http::message::Piece;
use tokio::time::Instant;

use super::pace::{Pace, Rate};
use super::ClientChannel;
use crate::deadline::DeadlineTimer;
use crate::error::{Error, Kind, Waited};

/// It is taken as long as it goes on without such a pause, …
const REST_PAUSE: Duration = Duration::from_secs(2);
/// … and no longer than this.
const REST: Duration = Duration::from_secs(10);

/// Takes the request's body and drops it, within the time that a client may take.
pub(crate) async fn skip_body(client: &mut ClientChannel, limit: Duration, rate: Rate) -> Result<(), Error> {
    let mut pace = Pace::from(client.channel.total_read());
    let mut since = Instant::now();
    let mut read = client.channel.total_read();
    poll_fn(|cx| {
        let ClientChannel { channel: peer, alarm, .. } = &mut *client;
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
        alarm.poll(cx, until).map(|()| Err(Error::client(Kind::Timeout(waited))))
    })
    .await
}

/// Takes what a client of HTTP/2 sends of a request's body that nobody wants, as far as it comes in time.
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

//! Taking a small request in before a backend is asked.

use std::future::poll_fn;
use std::task::{ready, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::{Pace, Rate};
use super::{ClientChannel, RequestBody};
use crate::error::{Error, Kind, Waited};

/// Reads the request's body until it is complete or longer than `most` bytes; what is longer goes to the disk if
/// [`RequestBody::store`] was called. A go-ahead in the client's output is sent
/// first. `limit` is the longest pause between two pieces of the body, `rate` the lowest rate.
pub(crate) async fn gather(
    client: &mut ClientChannel,
    body: &mut RequestBody,
    most: usize,
    limit: Duration,
    rate: Rate,
) -> Result<(), Error> {
    let mut pace = Pace::from(client.channel.total_read());
    let mut since = Instant::now();
    let mut read = client.channel.total_read();
    poll_fn(|cx| {
        let peer = &mut client.channel;
        if !peer.is_flushed() {
            if let Poll::Ready(Err(error)) = peer.poll_flush(cx) {
                return Poll::Ready(Err(Error::client(Kind::Io(error))));
            }
        }
        if let Poll::Ready(done) = body.poll_gather(cx, peer, most) {
            return Poll::Ready(done);
        }
        if body.is_storing() {
            // The client is not to blame.
            since = Instant::now();
            pace.note(rate, false, peer.total_read());
            return Poll::Pending;
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

//! Taking a response in while its client is still busy with what came before.

use std::future::poll_fn;
use std::task::{ready, Poll};
use std::time::Duration;

use proxy_http::headers::trailers;
use proxy_http::message::{Fields, Piece};

use super::held::{Held, HeldEnd};
use super::pace::{Pace, Rate};
use super::patience::{moved_to, Patience, Silence};
use super::{ClientChannel, Limits, Listening, RequestBody};
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Waited};

/// Takes the rest of a response in as fast as `backend` sends it, and passes it on as fast as the client takes it.
/// Ready once the backend has nothing more to say: what the client has not taken is then in `held`, and
/// [`Held::failure`] says whether it is whole. An error if the response cannot be passed on. See [`super::relay()`] for
/// the other values.
#[allow(clippy::too_many_arguments)]
pub(crate) async fn take_in(
    client: &mut ClientChannel,
    backend: &mut Channel,
    body: &mut RequestBody,
    heads: (&Fields, &Fields),
    limits: &Limits,
    held: &mut Held,
    pace: &mut Pace,
    mut tap: impl FnMut(&[u8]),
) -> Result<(), Error> {
    let (mut reading, mut writing) = (Silence::default(), Silence::default());
    let mut up = Pace::from(client.channel.total_read());
    poll_fn(|cx| {
        let mut listening = Listening::Reading;
        let mut sending = false;
        if !body.is_over() && body.poll(cx, &mut client.channel, backend, heads.0)?.is_pending() {
            listening = body.listening(body.waits_for());
            sending = body.waits_for() == Waited::ClientBody;
        }
        // Whether the client takes all that there is.
        let mut keeps_up = held.poll_send(cx, &mut client.channel)?.is_ready();
        let mut waits = false;
        loop {
            let room = held.room();
            if room == 0 && !keeps_up {
                backend.gather(cx);
                break;
            }
            match backend.poll_body(cx) {
                Poll::Ready(Ok(Piece::End)) => {
                    let late = backend.trailers().map(|late| trailers::of_response(late, heads.1));
                    held.end = Some(HeldEnd::Whole(late));
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(Piece::Data(n))) => {
                    let data = &backend.received()[..n];
                    let mut moved = 0;
                    if keeps_up {
                        match client.channel.poll_send(cx, data) {
                            Poll::Ready(Ok(n)) => moved = n,
                            Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                            Poll::Pending => keeps_up = false,
                        }
                    }
                    if !keeps_up {
                        moved = n.min(room);
                        if moved > 0 {
                            held.keep(&data[..moved]);
                            held.poll_disk(cx)?;
                        }
                    }
                    tap(&data[..moved]);
                    backend.consume_body(moved);
                }
                Poll::Ready(Ok(Piece::More)) => {}
                Poll::Ready(Err(error)) => {
                    held.end = Some(HeldEnd::Cut(Error::backend(error.into(), Retry::Never)));
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending => {
                    waits = true;
                    break;
                }
            }
        }
        if keeps_up {
            match client.channel.poll_flush(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                Poll::Pending => keeps_up = false,
            }
        }
        if let Poll::Ready(error) = client.poll_gone(cx, listening, None) {
            return Poll::Ready(Err(error));
        }
        let awaits_client = !keeps_up && !client.channel.rests() && (held.has_next() || held.is_empty());
        let sent = moved_to(client, awaits_client);
        let sends = up.note(limits.rate, sending, client.channel.total_read());
        let ends = [
            (reading.until(waits, backend.total_read() + backend.total_sent(), limits.read), Waited::Read),
            (writing.until(awaits_client, sent.mark, limits.client_write), Waited::ClientWrite),
            (pace.note(limits.rate, awaits_client, sent.bytes), Waited::ClientRate),
            (sends, Waited::ClientRate),
        ];
        let first = ends.into_iter().filter_map(|(end, waited)| Some((end?, waited))).min_by_key(|(end, _)| *end);
        // Only the disk is waited for if there is none.
        let Some((end, waited)) = first else { return Poll::Pending };
        ready!(client.alarm.poll(cx, end));
        if sends == Some(end) && client.is_excused(cx, limits.rate) {
            up = Pace::from(client.channel.total_read());
            return Poll::Pending;
        }
        Poll::Ready(match waited {
            Waited::Read => {
                held.end = Some(HeldEnd::Cut(Error::backend(Kind::Timeout(waited), Retry::Never)));
                Ok(())
            }
            _ => Err(Error::client(Kind::Timeout(waited))),
        })
    })
    .await
}

/// Sends what a client has not taken yet of a response that was taken in. Nothing of it comes from the backend any
/// more. An error also if the response is not whole.
pub(crate) async fn send_held(
    client: &mut ClientChannel,
    mut held: Held,
    pace: Pace,
    limit: Duration,
    rate: Rate,
) -> Result<(), Error> {
    let mut patience = Patience::at(pace, limit, rate);
    poll_fn(|cx| {
        if held.poll_send(cx, &mut client.channel)?.is_ready() {
            if let Some(HeldEnd::Whole(late)) = &held.end {
                // The second call does nothing.
                client.channel.end_body(late.as_ref());
            }
            if let Poll::Ready(flushed) = client.channel.poll_flush(cx) {
                return Poll::Ready(flushed.map_err(|error| Error::client(Kind::Io(error))));
            }
        }
        let awaits_client = held.has_next() || held.is_empty();
        patience.poll(cx, client, awaits_client).map(Err)
    })
    .await?;
    match held.end {
        Some(HeldEnd::Cut(error)) => Err(error),
        Some(HeldEnd::Whole(_)) | None => Ok(()),
    }
}

/// Takes in a body of `length` bytes, of which nothing is passed on meanwhile. `limit` is the longest pause between two
/// pieces.
pub(crate) async fn take_whole(
    client: &mut ClientChannel,
    backend: &mut Channel,
    length: usize,
    limit: Duration,
) -> Result<Vec<u8>, Error> {
    let mut whole = Vec::with_capacity(length);
    let mut reading = Silence::default();
    poll_fn(|cx| loop {
        match backend.poll_body(cx) {
            Poll::Ready(Ok(Piece::End)) => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(Piece::Data(n))) => {
                whole.extend_from_slice(&backend.received()[..n]);
                backend.consume_body(n);
            }
            Poll::Ready(Ok(Piece::More)) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::backend(error.into(), Retry::Never))),
            Poll::Pending => {
                if let Poll::Ready(error) = client.poll_gone(cx, Listening::Reading, None) {
                    return Poll::Ready(Err(error));
                }
                let Some(end) = reading.until(true, backend.total_read(), limit) else { return Poll::Pending };
                let late = || Err(Error::backend(Kind::Timeout(Waited::Read), Retry::Never));
                return client.alarm.poll(cx, end).map(|()| late());
            }
        }
    })
    .await
    .map(|()| whole)
}

//! Sending a body that does not come from another channel.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::client::ClientChannel;
use super::pace::Rate;
use super::patience::Patience;
use crate::error::{Error, Kind};

/// A body in pieces.
pub(crate) trait BodyPieces {
    /// The next piece, of which [`BodyPieces::consume`] was not called for; `None` at the end.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>>;

    /// Notes that `n` bytes of the last piece were used.
    fn consume(&mut self, n: usize);
}

/// Sends a body whose head stands in the client's output, within the time limits of a client. Data leaves before more
/// is awaited.
pub(crate) async fn send_pieces(
    client: &mut ClientChannel,
    pieces: &mut impl BodyPieces,
    limit: Duration,
    rate: Rate,
) -> Result<(), Error> {
    let mut patience = Patience::with(client, limit, rate);
    let mut ended = false;
    poll_fn(|cx| {
        let stuck = loop {
            let piece = match ended {
                true => Poll::Pending,
                false => pieces.poll_piece(cx),
            };
            match piece {
                Poll::Ready(Ok(Some(piece))) => match client.channel.poll_send(cx, &piece) {
                    Poll::Ready(Ok(n)) => pieces.consume(n),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                    Poll::Pending => break true,
                },
                Poll::Ready(Ok(None)) => {
                    client.channel.end_body(None);
                    ended = true;
                }
                Poll::Ready(Err(error)) => {
                    // Bytes that came before the failure still belong to the client.
                    let _ = client.channel.poll_flush(cx);
                    return Poll::Ready(Err(error));
                }
                Poll::Pending => match client.channel.poll_flush(cx) {
                    Poll::Ready(Ok(())) if ended => return Poll::Ready(Ok(())),
                    Poll::Ready(Ok(())) => break false,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                    Poll::Pending => break true,
                },
            }
        };
        patience.poll(cx, client, stuck).map(Err)
    })
    .await
}

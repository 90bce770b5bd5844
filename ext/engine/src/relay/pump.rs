//! Moving a body from one side to the other.

use std::io;
use std::task::{Context, Poll};

use proxy_http::message::Fields;
use proxy_http::message::{Piece, ReadError};

use crate::channel::Channel;

/// Which side failed.
#[derive(Debug)]
pub(super) enum PumpError {
    Read(ReadError),
    Write(io::Error),
}

/// The side that is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stuck {
    Reading,
    Writing,
}

/// Moves the body that `from` receives into the one that `to` sends, with its trailers, and flushes. No more is read
/// than `to` can take (back-pressure). Data leaves before more is awaited, so that an event of a stream is not held
/// back. `tap` sees the data and `to`. `late` selects the trailers that are passed on.
pub(super) fn poll_pump(
    cx: &mut Context<'_>,
    from: &mut Channel,
    to: &mut Channel,
    stuck: &mut Stuck,
    mut tap: impl FnMut(&[u8], &Channel),
    late: impl FnOnce(&Fields, &Channel) -> Option<Fields>,
) -> Poll<Result<(), PumpError>> {
    loop {
        match from.poll_body(cx) {
            Poll::Ready(Ok(Piece::End)) => break,
            Poll::Ready(Ok(Piece::Data(n))) => {
                let data = &from.received()[..n];
                match to.poll_send(cx, data) {
                    Poll::Ready(Ok(n)) => {
                        tap(&data[..n], to);
                        from.consume_body(n);
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Write(error))),
                    Poll::Pending => {
                        from.gather(cx);
                        *stuck = Stuck::Writing;
                        return Poll::Pending;
                    }
                }
            }
            Poll::Ready(Ok(Piece::More)) => {}
            Poll::Ready(Err(error)) => {
                // Bytes that came before the failure still belong to the receiver.
                let _ = to.poll_flush(cx);
                return Poll::Ready(Err(PumpError::Read(error)));
            }
            Poll::Pending => {
                *stuck = match to.poll_flush(cx) {
                    Poll::Ready(Ok(())) => Stuck::Reading,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Write(error))),
                    Poll::Pending => Stuck::Writing,
                };
                return Poll::Pending;
            }
        }
    }
    match from.trailers() {
        Some(trailers) => to.end_body(late(trailers, to).as_ref()),
        None => to.end_body(None),
    }
    match to.poll_flush(cx) {
        Poll::Ready(done) => Poll::Ready(done.map_err(PumpError::Write)),
        Poll::Pending => {
            *stuck = Stuck::Writing;
            Poll::Pending
        }
    }
}

//! Holding back a response head until the first byte of its body.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::client::{ClientChannel, Listening};
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry};

/// Longest time that a head waits for the first byte of its body. A server that writes both in turn takes microseconds;
/// if one takes longer, its head is passed on.
const PATIENCE: Duration = Duration::from_millis(100);

/// Waits for the first byte of a body that `backend` has announced. An error if the backend goes away before it: then
/// nothing of its response has been passed on. `retry` says whether the request may be sent again in that case.
pub(crate) async fn await_first_byte(
    client: &mut ClientChannel,
    backend: &mut Channel,
    retry: Retry,
) -> Result<(), Error> {
    let until = Instant::now() + PATIENCE;
    poll_fn(|cx| {
        match backend.poll_read(cx) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(Error::backend(Kind::Ended, retry))),
            Poll::Ready(Ok(_)) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::backend(Kind::Io(error), retry))),
            Poll::Pending => {}
        }
        if let Poll::Ready(error) = client.poll_gone(cx, Listening::Reading, None) {
            return Poll::Ready(Err(error));
        }
        client.alarm.poll(cx, until).map(Ok)
    })
    .await
}

//! An upgraded connection: bytes in both directions until both sides have ended.

use std::future::poll_fn;
use std::io;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::Client;
use crate::error::{Error, Kind, Retry, Waited};
use crate::peer::Peer;

/// Copies until both sides have ended. Each side may end on its own; the other goes on. Silence in both directions for `limit`
/// ends the tunnel.
pub(crate) async fn tunnel(client: &mut Client, backend: &mut Peer, limit: Duration) -> Result<(), Error> {
    let mut up = false;
    let mut down = false;
    let mut moved = None;
    let mut since = Instant::now();
    poll_fn(|cx| {
        let Client { peer: client, alarm, .. } = &mut *client;
        if !up {
            match poll_copy(cx, client, backend) {
                Poll::Ready(Ok(())) => up = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::client(Kind::Io(error)))),
                Poll::Pending => {}
            }
        }
        if !down {
            match poll_copy(cx, backend, client) {
                Poll::Ready(Ok(())) => down = true,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(Error::backend(Kind::Io(error), Retry::Never)));
                }
                Poll::Pending => {}
            }
        }
        if up && down {
            return Poll::Ready(Ok(()));
        }
        if up {
            // It has ended its side, and takes the other or goes away.
            if let Poll::Ready(error) = client.poll_gone(cx) {
                return Poll::Ready(Err(Error::client(Kind::Io(error))));
            }
        }
        let now_moved = Some(client.total_read() + client.total_sent() + backend.total_read() + backend.total_sent());
        if moved != now_moved {
            moved = now_moved;
            since = Instant::now();
        }
        alarm.poll(cx, since + limit).map(|()| Err(Error::backend(Kind::Timeout(Waited::Read), Retry::Never)))
    })
    .await
}

fn poll_copy(cx: &mut Context<'_>, from: &mut Peer, to: &mut Peer) -> Poll<io::Result<()>> {
    loop {
        while !from.received().is_empty() {
            let Poll::Ready(sent) = to.poll_send_bytes(cx, from.received()) else {
                from.gather(cx);
                return Poll::Pending;
            };
            let n = sent?;
            from.consume(n);
        }
        ready!(to.poll_flush(cx))?;
        if from.peer_ended() {
            return to.poll_shutdown(cx);
        }
        ready!(from.poll_read(cx))?;
    }
}

//! A tunnel: bytes in both directions after an upgrade, until both sides have ended or the server stops.

use std::future::poll_fn;
use std::io;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use proxy_http::websocket::{Sender, WebSocketFrames};
use tokio::time::Instant;

use super::farewell::{say_farewell, TunnelWay};
use super::ClientChannel;
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Side, Waited};
use crate::long_lived::LongLived;

/// Copies until both sides have ended. Each side may half-close; the other goes on. The tunnel also ends after `limit`
/// without a byte in either direction, and when `open` is over. In the latter case the sides of a `websocket` get close
/// frames.
pub(crate) async fn tunnel(
    client: &mut ClientChannel,
    backend: &mut Channel,
    limit: Duration,
    mut open: LongLived<'_>,
    websocket: bool,
) -> Result<(), Error> {
    let mut up = TunnelWay::new(websocket, Sender::Client);
    let mut down = TunnelWay::new(websocket, Sender::Server);
    let (mut moved, mut queued) = (None, None);
    let mut since = Instant::now();
    let ended = poll_fn(|cx| {
        let peer = &mut client.channel;
        if !up.over {
            match poll_copy(cx, peer, backend, &mut up.frames) {
                Poll::Ready(Ok(())) => up.over = true,
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(Error::client(Kind::Io(error))))),
                Poll::Pending => {}
            }
        }
        if !down.over {
            match poll_copy(cx, backend, peer, &mut down.frames) {
                Poll::Ready(Ok(())) => down.over = true,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Some(Err(Error::backend(Kind::Io(error), Retry::Never))));
                }
                Poll::Pending => {}
            }
        }
        if up.over && down.over {
            return Poll::Ready(Some(Ok(())));
        }
        if up.over {
            // The client has half-closed: it still takes bytes from the other side, or goes away.
            if let Poll::Ready(error) = peer.poll_gone(cx) {
                return Poll::Ready(Some(Err(Error::client(Kind::Io(error)))));
            }
        }
        if open.poll_over(cx).is_ready() {
            return Poll::Ready(None);
        }
        let now_moved = Some(peer.total_read() + peer.total_sent() + backend.total_read() + backend.total_sent());
        if moved != now_moved {
            moved = now_moved;
            since = Instant::now();
        }
        let late = || Some(Err(Error::backend(Kind::Timeout(Waited::Read), Retry::Never)));
        while client.alarm.poll(cx, since + limit).is_ready() {
            // A side that reads slowly and steadily is not silent while our system waits for more room to tell of.
            let waiting = client.queued() + backend.queued();
            if waiting == 0 || queued.replace(waiting) == Some(waiting) {
                return Poll::Ready(late());
            }
            since = Instant::now();
        }
        Poll::Pending
    })
    .await;
    if let Some(ended) = ended {
        return ended;
    }
    let in_order = websocket && say_farewell(client, backend, up, down).await;
    in_order.then_some(()).ok_or(Error { kind: Kind::Stopping, side: Side::Us, retry: Retry::Never })
}

fn poll_copy(
    cx: &mut Context<'_>,
    from: &mut Channel,
    to: &mut Channel,
    frames: &mut Option<WebSocketFrames>,
) -> Poll<io::Result<()>> {
    loop {
        while !from.received().is_empty() {
            let Poll::Ready(sent) = to.poll_send_bytes(cx, from.received()) else {
                from.gather(cx);
                return Poll::Pending;
            };
            let n = sent?;
            if let Some(frames) = frames {
                frames.pass(&from.received()[..n]);
            }
            from.consume(n);
        }
        ready!(to.poll_flush(cx))?;
        if from.peer_ended() {
            return to.poll_shutdown(cx);
        }
        ready!(from.poll_read(cx))?;
    }
}

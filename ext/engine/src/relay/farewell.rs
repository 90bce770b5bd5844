//! The end of a WebSocket that its sides have not ended: each is told by a close frame, and gets a moment to answer.

use std::future::poll_fn;
use std::io;
use std::task::{ready, Context, Poll};

use proxy_http::websocket::{going_away, Sender, WebSocketFrames};
use tokio::time::Instant;

use super::ClientChannel;
use crate::channel::Channel;
use crate::long_lived::FAREWELL;

/// One direction of a tunnel.
#[derive(Debug)]
pub(super) struct TunnelWay {
    /// Whether it has ended.
    pub(super) over: bool,
    /// Where the frames end that have passed, if it is a WebSocket.
    pub(super) frames: Option<WebSocketFrames>,
}

impl TunnelWay {
    /// One that is open.
    pub(super) fn new(websocket: bool, sender: Sender) -> Self {
        Self { over: false, frames: websocket.then(|| WebSocketFrames::of(sender)) }
    }
}

/// Tells both sides that the other goes away, and waits for them to say so too. `false` if one did not, or could not be
/// told: it gets no frame but where one may stand, so that what it makes of the last one that has begun is never wrong.
pub(super) async fn say_farewell(
    client: &mut ClientChannel,
    backend: &mut Channel,
    up: TunnelWay,
    down: TunnelWay,
) -> bool {
    let (Some(mut up), Some(mut down)) = (Last::of(up, Sender::Client), Last::of(down, Sender::Server)) else {
        return false;
    };
    let until = Instant::now() + FAREWELL;
    let answered = poll_fn(|cx| {
        let ClientChannel { channel: client, alarm, .. } = &mut *client;
        let up = up.poll_end(cx, client, backend);
        let down = down.poll_end(cx, backend, client);
        match (up, down) {
            (Poll::Ready(up), Poll::Ready(down)) => Poll::Ready(up && down),
            _ => alarm.poll(cx, until).map(|()| false),
        }
    })
    .await;
    if answered || up.is_told(backend) && down.is_told(&client.channel) {
        poll_fn(|cx| {
            // What cannot be ended now ends with its connection.
            let _ = (client.channel.poll_shutdown(cx), backend.poll_shutdown(cx));
            Poll::Ready(())
        })
        .await;
    }
    answered
}

/// The last of one direction.
struct Last {
    frames: WebSocketFrames,
    sender: Sender,
    /// Whether nothing more may be sent: the close was, by us or by the side that goes.
    told: bool,
    failed: bool,
}

impl Last {
    fn of(way: TunnelWay, sender: Sender) -> Option<Self> {
        let frames = way.frames?;
        let told = way.over || frames.is_closed();
        Some(Self { frames, sender, told, failed: false })
    }

    fn is_told(&self, to: &Channel) -> bool {
        self.told && to.is_flushed()
    }

    /// Ready once `to` was told, and `from` has said that it goes, or has gone. `false` if what it sends is no
    /// WebSocket.
    fn poll_end(&mut self, cx: &mut Context<'_>, from: &mut Channel, to: &mut Channel) -> Poll<bool> {
        if !self.failed {
            match self.poll_last(cx, from, to) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => self.failed = true,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(!self.frames.is_lost())
    }

    fn poll_last(&mut self, cx: &mut Context<'_>, from: &mut Channel, to: &mut Channel) -> Poll<io::Result<()>> {
        loop {
            if !self.told && self.frames.is_between() {
                let close = going_away(self.sender);
                // So little is taken whole, or not yet.
                ready!(to.poll_send_bytes(cx, &close))?;
                self.told = true;
            }
            let received = from.received();
            let n = match self.told {
                // The answer to what the other direction has told it. Nobody is to get that.
                true => received.len(),
                false => {
                    let rest = self.frames.rest_of_frame(received);
                    if rest > 0 {
                        ready!(to.poll_send_bytes(cx, &received[..rest]))?
                    } else {
                        0
                    }
                }
            };
            if self.frames.is_lost() {
                return Poll::Ready(Ok(()));
            }
            if n > 0 {
                self.frames.pass(&from.received()[..n]);
                from.consume(n);
                continue;
            }
            ready!(to.poll_flush(cx))?;
            if from.peer_ended() || self.told && self.frames.is_closed() {
                return Poll::Ready(Ok(()));
            }
            if ready!(from.poll_read(cx))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

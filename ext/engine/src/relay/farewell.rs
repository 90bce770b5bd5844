//! Closing handshake of a WebSocket that the proxy has to end: each side gets a close frame and a moment to answer.

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
    /// Whether the direction has ended.
    pub(super) over: bool,
    /// Boundaries of the frames that have passed, if it is a WebSocket.
    pub(super) frames: Option<WebSocketFrames>,
}

impl TunnelWay {
    /// An open direction.
    pub(super) fn new(websocket: bool, sender: Sender) -> Self {
        Self { over: false, frames: websocket.then(|| WebSocketFrames::of(sender)) }
    }
}

/// Sends a close frame to both sides and waits for theirs. `false` if one side did not answer or could not be told. A
/// close frame is only sent between two frames, so that it never damages one that has begun.
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
            // A side that cannot be ended now ends with its connection.
            let _ = (client.channel.poll_shutdown(cx), backend.poll_shutdown(cx));
            Poll::Ready(())
        })
        .await;
    }
    answered
}

/// The end of one direction.
struct Last {
    frames: WebSocketFrames,
    sender: Sender,
    /// Whether the close frame has passed, from us or from the other side, so that nothing more may be sent.
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

    /// Ready once `to` was told, and `from` has sent its close or is gone. `false` if the bytes of `from` are no
    /// WebSocket frames.
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
                // A frame this small is taken whole or not at all.
                ready!(to.poll_send_bytes(cx, &close))?;
                self.told = true;
            }
            let received = from.received();
            let n = match self.told {
                // The answer to our close in the other direction. It is not forwarded.
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

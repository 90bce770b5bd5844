//! The lingering close: our side is ended first, and what the client still sends is taken for a while. To close at once would have the
//! system answer it with a reset, which destroys the last answer before the client has read it (RFC 9112, section 9.6).

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::Instant;

use crate::relay::ClientChannel;
use crate::worker::Registration;

/// Longest pause between two pieces of what the client sends; also the time for it to take the last answer.
pub(super) const PAUSE: Duration = Duration::from_secs(2);
/// Time for all of it.
const WHOLE: Duration = Duration::from_secs(10);
/// [`PAUSE`] of an HTTP/2 connection while others wait for its place.
pub(super) const PAUSE_IN_NEED: Duration = Duration::from_millis(250);
/// Time for all of it after a TLS handshake that failed, …
pub(super) const AFTER_HANDSHAKE: Duration = Duration::from_secs(1);
/// … and most bytes.
const BYTES_AFTER_HANDSHAKE: usize = 64 * 1024;

/// Ends our side of an HTTP/1.1 connection.
pub(super) async fn shut_down(client: &mut ClientChannel) {
    let until = Instant::now() + PAUSE;
    let Some((connection, alarm)) = client.connection() else { return };
    poll_fn(|cx| {
        if connection.poll_shutdown(cx).is_ready() {
            return Poll::Ready(());
        }
        alarm.poll(cx, until)
    })
    .await;
}

/// Takes what the client of an HTTP/1.1 connection still sends, unless others need its place.
pub(super) async fn take_the_rest(registration: &Registration, client: &mut ClientChannel) {
    let end = Instant::now() + WHOLE;
    let mut pause = Instant::now() + PAUSE;
    let Some((connection, alarm)) = client.connection() else { return };
    poll_fn(|cx| {
        let taken = |_| {
            pause = Instant::now() + PAUSE;
            true
        };
        if poll_discard(connection.stream_mut(), cx, taken).is_ready() || registration.must_leave() {
            return Poll::Ready(());
        }
        alarm.poll(cx, pause.min(end))
    })
    .await;
}

/// The whole of it after a TLS handshake that failed; within [`AFTER_HANDSHAKE`].
pub(super) async fn after_handshake(socket: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    socket.shutdown().await?;
    let mut left = BYTES_AFTER_HANDSHAKE;
    poll_fn(|cx| {
        poll_discard(socket, cx, |n| {
            left = left.saturating_sub(n);
            left > 0
        })
    })
    .await;
    Ok(())
}

/// Reads and throws away. `taken` hears of each piece, and says whether to go on. Ready at the end of what comes, or if it does not.
pub(super) fn poll_discard(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    mut taken: impl FnMut(usize) -> bool,
) -> Poll<()> {
    let mut memory = [MaybeUninit::uninit(); 4096];
    loop {
        let mut buffer = ReadBuf::uninit(&mut memory);
        match ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer)) {
            Ok(()) if !buffer.filled().is_empty() && taken(buffer.filled().len()) => {}
            _ => return Poll::Ready(()),
        }
    }
}

//! Sending a part of a file, or bytes of the proxy's own, as data of a response.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use super::pace::Rate;
use super::patience::Patience;
use super::ClientChannel;
use crate::channel::Channel;
use crate::disk::FileReader;
use crate::error::{Error, Kind, Retry, Side};

/// Bytes that are sent before others on the thread have their turn.
const TURN: u64 = 512 * 1024;
/// Parts up to this length are read and sent together with the head. To look whether the system has a part in memory
/// before it sends it, and then to send it, costs more than these bytes do.
#[cfg(target_os = "linux")]
const SHORT: u64 = 8 * 1024;

/// Which side is waited for, or has failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bottleneck {
    Disk,
    Client,
}

/// Sends a part of a file, as data of the response whose head stands in the client's output, within the time limits of
/// a client. The data leaves with the next flush at the latest.
pub(crate) async fn send_file(
    client: &mut ClientChannel,
    reader: &mut FileReader,
    part: Range<u64>,
    limit: Duration,
    rate: Rate,
) -> Result<(), Error> {
    let mut patience = Patience::with(client, limit, rate);
    let mut offset = part.start;
    let by_system = sends_by_system(&client.channel, reader, &part);
    poll_fn(|cx| {
        let turn = part.end.min(offset.saturating_add(TURN));
        let mut side = Bottleneck::Disk;
        while offset < turn {
            match poll_step(cx, &mut client.channel, reader, offset..turn, by_system, &mut side) {
                Poll::Ready(Ok(n)) => offset += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(failed(error, side))),
                Poll::Pending => return patience.poll(cx, client, side == Bottleneck::Client).map(Err),
            }
        }
        if offset >= part.end {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Sends bytes, as data of the response whose head stands in the client's output, within the time limits of a client.
/// They leave with the next flush at the latest.
pub(crate) async fn send_bytes(
    client: &mut ClientChannel,
    mut bytes: &[u8],
    limit: Duration,
    rate: Rate,
) -> Result<(), Error> {
    let mut patience = Patience::with(client, limit, rate);
    poll_fn(|cx| {
        while !bytes.is_empty() {
            match client.channel.poll_send(cx, bytes) {
                Poll::Ready(Ok(n)) => bytes = &bytes[n..],
                Poll::Ready(Err(error)) => return Poll::Ready(Err(failed(error, Bottleneck::Client))),
                Poll::Pending => return patience.poll(cx, client, true).map(Err),
            }
        }
        Poll::Ready(Ok(()))
    })
    .await
}

/// Sends something of `part`, and returns how much. `side` is the one that is waited for, or that has failed.
fn poll_step(
    cx: &mut Context<'_>,
    to: &mut Channel,
    reader: &mut FileReader,
    part: Range<u64>,
    by_system: bool,
    side: &mut Bottleneck,
) -> Poll<io::Result<u64>> {
    let most = part.end - part.start;
    *side = Bottleneck::Disk;
    #[cfg(target_os = "linux")]
    if by_system {
        use std::os::fd::AsFd;
        let warm = ready!(reader.poll_warm(cx, part.start, most))?;
        *side = Bottleneck::Client;
        let n = ready!(to.poll_send_file(cx, reader.file().as_fd(), part.start, warm as usize))?;
        if n == 0 {
            *side = Bottleneck::Disk;
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        return Poll::Ready(Ok(n as u64));
    }
    let _ = by_system;
    let n = ready!(reader.poll_piece(cx, part.start, most, |cx, data| {
        *side = Bottleneck::Client;
        to.poll_send(cx, data)
    }))?;
    Poll::Ready(Ok(n as u64))
}

/// Whether the system reads what it sends. A slow file system would make the thread wait for that.
#[cfg(target_os = "linux")]
fn sends_by_system(channel: &Channel, reader: &FileReader, part: &Range<u64>) -> bool {
    part.end.saturating_sub(part.start) > SHORT && channel.takes_files() && reader.file().is_near()
}

#[cfg(not(target_os = "linux"))]
fn sends_by_system(_: &Channel, _: &FileReader, _: &Range<u64>) -> bool {
    false
}

fn failed(error: io::Error, side: Bottleneck) -> Error {
    // The system cannot read what it is to send.
    let unread = error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error());
    match side {
        Bottleneck::Client if !unread => Error::client(Kind::Io(error)),
        _ => Error { kind: Kind::Io(error), side: Side::Us, retry: Retry::Never },
    }
}

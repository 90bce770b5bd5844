//! A channel to a client, for the time of a response whose body is coded on its way.

use std::io;
use std::ops::{Deref, DerefMut};
use std::task::{ready, Context, Poll};

use proxy_http::message::{Fields, Framing, Known, Piece, ReadError, ResponseHead, Version};

use super::Channel;
use crate::coding::Encoder;
use crate::stream::{Http1Connection, Stream};

/// Bytes that are coded before other tasks of the thread run.
const TURN: usize = 32 * 1024;
/// Coded bytes that may wait before no more data is taken (back-pressure).
const WAITING: usize = 16 * 1024;
/// Bytes that an HTTP/1.1 connection copies in place of writing them at once.
const COPIED: usize = 4 * 1024;
/// Memory that is kept while a body pauses.
const ORDINARY: usize = 16 * 1024;

/// A channel with an encoder before it. Data of a body is taken as it is, and the client gets it coded. All other
/// methods are those of the channel.
#[derive(Debug)]
pub(crate) struct Coded {
    peer: Channel,
    encoder: Encoder,
    /// Coded bytes, of which the first `sent` were taken by the peer.
    out: Vec<u8>,
    sent: usize,
    /// Bytes that were coded in this turn.
    coded: usize,
    /// Whether the last data was not taken, or not coded, for other tasks of the thread, and not for the peer.
    rests: bool,
    /// Whether the encoder may hold data back.
    behind: bool,
    /// A whole body of the proxy's own, of which `done` bytes were coded.
    whole: Vec<u8>,
    done: usize,
    ending: CodedEnd,
    failure: Option<io::Error>,
}

/// The end of a coded body.
#[derive(Debug)]
enum CodedEnd {
    /// More data may come.
    Open,
    /// The end stands in the coded bytes; these trailers follow it.
    Due(Option<Fields>),
    /// The peer has it.
    Passed,
}

impl Channel {
    /// Codes the body of the response that is about to be written, until [`Channel::end_coding`]. A body is coded once.
    #[cold]
    pub(crate) fn code(&mut self, encoder: Encoder) {
        if !self.is_coded() {
            let peer = std::mem::replace(self, nobody());
            *self = Self::Coded(Box::new(Coded::new(peer, encoder)));
        }
    }

    /// Whether data was not taken for other tasks of the thread alone: the peer is not waited for.
    pub(crate) fn rests(&self) -> bool {
        matches!(self, Self::Coded(coded) if coded.rests)
    }

    /// Whether the body of the response is coded on its way.
    pub(crate) fn is_coded(&self) -> bool {
        matches!(self, Self::Coded(_))
    }

    /// Codes nothing more: the response is over.
    #[inline]
    pub(crate) fn end_coding(&mut self) {
        if self.is_coded() {
            self.uncover();
        }
    }

    #[cold]
    fn uncover(&mut self) {
        let channel = std::mem::replace(self, nobody());
        *self = match channel {
            Self::Coded(coded) => coded.into_peer(),
            plain => plain,
        };
    }

    /// The channel itself, without an encoder before it.
    pub(crate) fn plain(&self) -> &Self {
        match self {
            Self::Coded(coded) => coded,
            plain => plain,
        }
    }

    /// The channel itself, without an encoder before it.
    pub(crate) fn plain_mut(&mut self) -> &mut Self {
        match self {
            Self::Coded(coded) => coded,
            plain => plain,
        }
    }
}

/// Stands in for a channel while that is moved.
fn nobody() -> Channel {
    Channel::Http1(Http1Connection::new(Stream::Gone(tokio::io::empty())))
}

impl Deref for Coded {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.peer
    }
}

impl DerefMut for Coded {
    fn deref_mut(&mut self) -> &mut Channel {
        &mut self.peer
    }
}

/// Methods that are those of the channel below. They are out of line, so that the methods of [`Channel`] stay short:
/// most responses are not coded.
macro_rules! below {
    ($(fn $name:ident(&self) -> $out:ty;)*) => {
        impl Coded {
            $(
                #[cold]
                #[inline(never)]
                pub(super) fn $name(&self) -> $out {
                    self.peer.$name()
                }
            )*
        }
    };
    ($(fn $name:ident(&mut self $(, $argument:ident: $type:ty)*) $(-> $out:ty)?;)*) => {
        impl Coded {
            $(
                #[cold]
                #[inline(never)]
                pub(super) fn $name(&mut self $(, $argument: $type)*) $(-> $out)? {
                    self.peer.$name($($argument),*)
                }
            )*
        }
    };
}

below! {
    fn total_sent(&self) -> u64;
    fn body_sent(&self) -> u64;
    fn body_read(&self) -> u64;
    fn total_read(&self) -> u64;
    fn peer_ended(&self) -> bool;
    fn received(&self) -> &[u8];
    fn is_read(&self) -> bool;
    fn trailers(&self) -> Option<&Fields>;
    fn version(&self) -> Version;
}

below! {
    fn http1(&mut self) -> Option<&mut Http1Connection>;
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error>;
    fn begin_reading(&mut self, framing: Framing);
    fn limit_body(&mut self, bytes: u64);
    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ReadError>>;
    fn consume_body(&mut self, n: usize);
    fn drop_body(&mut self) -> bool;
    fn poll_response_head(&mut self, cx: &mut Context<'_>, head: &mut ResponseHead, limit: usize)
        -> Poll<Result<(), ReadError>>;
    fn write_interim(&mut self, head: &ResponseHead);
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>>;
    fn consume(&mut self, n: usize);
    fn poll_send_bytes(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl Coded {
    /// A channel that codes a body for `peer`.
    pub(super) fn new(peer: Channel, encoder: Encoder) -> Self {
        Self {
            peer,
            encoder,
            out: Vec::new(),
            sent: 0,
            coded: 0,
            rests: false,
            behind: false,
            whole: Vec::new(),
            done: 0,
            ending: CodedEnd::Open,
            failure: None,
        }
    }

    /// The channel, for another response. An encoder that has ended its body can be used again.
    pub(super) fn into_peer(self) -> Channel {
        self.encoder.reuse();
        self.peer
    }

    #[cold]
    #[inline(never)]
    pub(super) fn is_flushed(&self) -> bool {
        let is_coded = self.whole.is_empty() && !self.behind;
        is_coded && self.out.is_empty() && !matches!(self.ending, CodedEnd::Due(_)) && self.peer.is_flushed()
    }

    /// Writes the head. The length of the body is not known beforehand.
    #[cold]
    #[inline(never)]
    pub(super) fn write_response(&mut self, head: &mut ResponseHead, framing: Framing, own: impl FnOnce(&mut Vec<u8>)) {
        let framing = if framing.is_empty() { framing } else { Framing::Chunked };
        self.peer.write_response(head, framing, own);
    }

    #[cold]
    #[inline(never)]
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if !matches!(self.ending, CodedEnd::Open) {
            return Poll::Ready(Ok(data.len()));
        }
        self.rests = false;
        if self.out.len() - self.sent >= WAITING {
            ready!(self.poll_out(cx))?;
        }
        self.rests = self.coded >= TURN;
        if self.rests {
            self.coded = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let n = data.len().min(TURN - self.coded);
        self.encoder.write(&data[..n], &mut self.out)?;
        self.coded += n;
        self.behind = true;
        Poll::Ready(Ok(n))
    }

    /// Takes a whole body and ends it. It is coded while it is flushed.
    #[cold]
    #[inline(never)]
    pub(super) fn write_body(&mut self, body: &[u8]) {
        self.whole = body.to_vec();
        if body.is_empty() {
            self.end_body(None);
        }
    }

    /// Codes a whole body, in turns, and ends it.
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.done < self.whole.len() {
            let n = TURN.min(self.whole.len() - self.done);
            self.encoder.write(&self.whole[self.done..self.done + n], &mut self.out)?;
            self.done += n;
            if self.done == self.whole.len() {
                self.whole = Vec::new();
                self.done = 0;
                self.end_body(None);
            } else {
                ready!(self.poll_out(cx))?;
                self.rests = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the body. If the encoder fails, the body never ends, so that the client can tell.
    #[cold]
    #[inline(never)]
    pub(super) fn end_body(&mut self, trailers: Option<&Fields>) {
        if !matches!(self.ending, CodedEnd::Open) || self.failure.is_some() {
            return;
        }
        match self.encoder.finish(&mut self.out) {
            Ok(()) => self.ending = CodedEnd::Due(trailers.map(of_coded)),
            Err(error) => self.failure = Some(error),
        }
        self.behind = false;
    }

    /// Whether the body may end: what is incomplete is completed by the next flush.
    #[cold]
    #[inline(never)]
    pub(super) fn may_end_body(&self) -> bool {
        self.failure.is_none()
    }

    #[cold]
    #[inline(never)]
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.coded = 0;
        self.rests = false;
        ready!(self.poll_whole(cx))?;
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(error));
        }
        if self.behind {
            self.encoder.flush(&mut self.out)?;
            self.behind = false;
        }
        ready!(self.poll_out(cx))?;
        if let CodedEnd::Due(trailers) = &self.ending {
            self.peer.end_body(trailers.as_ref());
            self.ending = CodedEnd::Passed;
        }
        self.peer.poll_flush(cx)
    }

    /// Gives the coded bytes to the peer.
    fn poll_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Pieces that are copied leave together with the end of the body, in one write.
        let is_short = self.out.len() <= WAITING && matches!(self.peer, Channel::Http1(_));
        let most = if is_short { COPIED } else { usize::MAX };
        while self.sent < self.out.len() {
            let n = most.min(self.out.len() - self.sent);
            self.sent += ready!(self.peer.poll_send(cx, &self.out[self.sent..self.sent + n]))?;
        }
        self.sent = 0;
        self.out.clear();
        if self.out.capacity() > ORDINARY {
            self.out = Vec::new();
        }
        Poll::Ready(Ok(()))
    }
}

/// The trailers behind a coded body: a tag of the plain body is not its.
fn of_coded(trailers: &Fields) -> Fields {
    let mut trailers = trailers.clone();
    trailers.remove(Known::Etag);
    trailers
}

#[cfg(test)]
mod tests;

//! The request body on its way to a backend, and the copy that is kept for a retry.

mod stored;

use std::io;
use std::rc::Rc;
use std::task::{ready, Context, Poll};
use std::time::Duration;

use proxy_http::headers::trailers;
use proxy_http::message::{Fields, Version};
use proxy_http::message::{Framing, Piece, ReadError};

use self::stored::StoredBody;
use super::client::Listening;
use super::memory_budget::MemoryBudget;
use super::pump::{poll_pump, PumpError, Stuck};
use super::DiskRules;
use crate::channel::Channel;
use crate::error::{Error, Kind, Retry, Waited};

/// The body of one request, over all attempts to send it.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Bytes taken from the client so far, while they may be needed for a retry.
    kept: Vec<u8>,
    /// Most bytes that may be kept; `None` once some were dropped.
    limit: Option<usize>,
    /// Whether bytes are kept even after one has left to an HTTP/1.1 backend. An HTTP/2 backend may say of any request
    /// that it has not processed it.
    idempotent: bool,
    /// Bytes of `kept` that this attempt has sent.
    replayed: usize,
    has_body: bool,
    /// Whether HTTP/1.1 backends get the trailers too.
    trailers_to_http1: bool,
    stuck: Stuck,
    state: BodyState,
    failure: Option<io::Error>,
    /// A copy of the bytes that have come from the client, if one is wanted.
    copy: Option<Box<BodyCopy>>,
    /// What was taken in before the request may have a backend, and did not fit into `kept`.
    stored: Option<Box<StoredBody>>,
}

/// A copy of a body, up to a limit.
#[derive(Debug)]
struct BodyCopy {
    bytes: Vec<u8>,
    most: usize,
    is_whole: bool,
}

impl BodyCopy {
    fn add(&mut self, data: &[u8]) {
        self.is_whole &= self.bytes.len() + data.len() <= self.most;
        match self.is_whole {
            true => self.bytes.extend_from_slice(data),
            false => self.bytes = Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BodyState {
    Sending,
    Sent,
    /// The backend takes no more. It may still answer.
    Failed,
}

impl RequestBody {
    /// The body of a request. At most `limit` bytes are kept for a retry; see `idempotent`.
    pub(crate) fn new(framing: Framing, idempotent: bool, limit: usize) -> Self {
        Self {
            kept: Vec::new(),
            limit: Some(limit),
            idempotent,
            replayed: 0,
            has_body: !framing.is_empty(),
            trailers_to_http1: false,
            stuck: Stuck::Writing,
            state: BodyState::Sending,
            failure: None,
            copy: None,
            stored: None,
        }
    }

    /// Lets the part of the body that does not fit into memory go to the disk when it is taken in.
    pub(crate) fn store(&mut self, rules: DiskRules, budget: &Rc<MemoryBudget>) {
        self.stored = Some(Box::new(StoredBody::new(rules, budget)));
    }

    /// Bytes that were taken in.
    pub(crate) fn gathered(&self) -> u64 {
        self.kept.len() as u64 + self.stored.as_ref().map_or(0, |stored| stored.len())
    }

    /// Whether the disk is waited for.
    pub(super) fn is_storing(&self) -> bool {
        self.stored.as_ref().is_some_and(|stored| stored.is_busy())
    }

    /// Keeps a copy of the body, if it has at most so many bytes.
    pub(crate) fn copy(&mut self, most: usize) {
        self.copy = Some(Box::new(BodyCopy { bytes: Vec::new(), most, is_whole: true }));
    }

    /// The copy of a body that was sent whole. `None` if it was too long, or was not sent.
    pub(crate) fn take_copy(&mut self) -> Option<Vec<u8>> {
        if !self.is_complete() {
            return None;
        }
        match self.copy.take() {
            None => (!self.has_body).then(Vec::new),
            Some(copy) => copy.is_whole.then_some(copy.bytes),
        }
    }

    /// Sets whether HTTP/1.1 backends get the trailers: they may take them for fields of the head.
    pub(crate) fn with_trailers(self, to_http1: bool) -> Self {
        Self { trailers_to_http1: to_http1, ..self }
    }

    /// Begins another attempt.
    #[inline(always)]
    pub(crate) fn rewind(&mut self) {
        self.replayed = 0;
        self.state = BodyState::Sending;
        self.failure = None;
        if let Some(stored) = &mut self.stored {
            stored.rewind();
        }
    }

    /// Drops the bytes that were kept for a retry: there will be none.
    pub(crate) fn let_go(&mut self) {
        self.limit = None;
        if self.replayed == self.kept.len() {
            self.kept = Vec::new();
            self.replayed = 0;
            self.stored.take_if(|stored| stored.is_sent());
        }
    }

    /// Whether the request may be sent again after a failure that allows for `retry`: that is safe, and the body is
    /// still there.
    pub(crate) fn may_repeat(&self, retry: Retry) -> bool {
        let is_safe = match retry {
            Retry::Never => false,
            Retry::IfIdempotent => self.idempotent,
            Retry::Always => true,
        };
        is_safe && self.limit.is_some()
    }

    /// Whether every byte was sent.
    pub(crate) fn is_complete(&self) -> bool {
        self.state == BodyState::Sent
    }

    /// Whether sending is over: the body was sent, or given up.
    pub(crate) fn is_over(&self) -> bool {
        self.state != BodyState::Sending
    }

    pub(crate) fn has_body(&self) -> bool {
        self.has_body
    }

    /// Whether a byte of the body has come from the client.
    pub(crate) fn has_begun(&self) -> bool {
        !self.kept.is_empty() || self.limit.is_none()
    }

    /// The side that a pending [`RequestBody::poll`] waits for.
    pub(crate) fn waits_for(&self) -> Waited {
        match self.stuck {
            Stuck::Reading => Waited::ClientBody,
            Stuck::Writing => Waited::Write,
        }
    }

    /// How the client is watched while `waited` is awaited.
    pub(super) fn listening(&self, waited: Waited) -> Listening {
        match waited {
            _ if self.is_over() => Listening::Reading,
            Waited::Write if self.has_body => Listening::Blocked,
            Waited::Write => Listening::Reading,
            _ => Listening::Elsewhere,
        }
    }

    /// Limits how long the system goes on sending bytes that a backend has not taken. For a connection that is about to
    /// be closed.
    pub(crate) fn let_go_of(&self, backend: &Channel, patience: Duration) {
        match (self.state, self.stuck) {
            (BodyState::Sending, Stuck::Writing) => backend.abandon(),
            _ => backend.leave(patience),
        }
    }

    /// The error that ended sending. Only the first call returns it.
    pub(crate) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Takes the body from the client before it is sent. Ready at its end, or once there are more than `most` bytes; if
    /// more is stored on the disk, once that takes no more.
    pub(super) fn poll_gather(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Channel,
        most: usize,
    ) -> Poll<Result<(), Error>> {
        loop {
            let mut in_memory = self.kept.len() <= most;
            let mut room = if in_memory { usize::MAX } else { 0 };
            if let Some(stored) = &mut self.stored {
                ready!(stored.poll_write(cx)).map_err(|error| Error::ours(Kind::Disk(error)))?;
                in_memory &= stored.len() == 0 && stored.share.left() > 0;
                if !in_memory {
                    room = stored.room();
                }
                if room == 0 {
                    // What follows is not taken in, and so not there for a retry.
                    self.limit = Some(self.kept.len());
                }
            }
            if room == 0 {
                break;
            }
            match ready!(client.poll_body(cx)) {
                Ok(Piece::End) => break,
                Ok(Piece::Data(n)) => {
                    let n = n.min(room);
                    let data = &client.received()[..n];
                    if let Some(copy) = &mut self.copy {
                        copy.add(data);
                    }
                    match &mut self.stored {
                        Some(stored) if !in_memory => stored.keep(data),
                        stored => {
                            self.kept.extend_from_slice(data);
                            if let Some(stored) = stored {
                                stored.share.take(n);
                            }
                        }
                    }
                    client.consume_body(n);
                }
                Ok(Piece::More) => {}
                Err(error) => return Poll::Ready(Err(of_client(error))),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends head and body. Ready when nothing is left to do, which includes a backend that takes no more: it may have
    /// answered already. An error comes from the client. `head` is the request's head as the backend gets it.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Channel,
        backend: &mut Channel,
        head: &Fields,
    ) -> Result<Poll<()>, Error> {
        if self.is_over() {
            return Ok(Poll::Ready(()));
        }
        let sent = match self.poll_send(cx, client, backend, head) {
            Poll::Pending => {
                return match self.stored.as_mut().and_then(|stored| stored.take_failure()) {
                    Some(error) => Err(Error::ours(Kind::Disk(error))),
                    None => Ok(Poll::Pending),
                };
            }
            Poll::Ready(sent) => sent,
        };
        match sent {
            Ok(()) => {
                self.state = BodyState::Sent;
                backend.end_request();
            }
            Err(PumpError::Write(error)) => {
                self.state = BodyState::Failed;
                self.failure = Some(error);
            }
            Err(PumpError::Read(error)) => {
                return Err(of_client(error));
            }
        }
        Ok(Poll::Ready(()))
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        client: &mut Channel,
        backend: &mut Channel,
        head: &Fields,
    ) -> Poll<Result<(), PumpError>> {
        self.stuck = Stuck::Writing;
        if !self.has_body {
            return backend.poll_flush(cx).map_err(PumpError::Write);
        }
        while self.replayed < self.kept.len() {
            match backend.poll_send(cx, &self.kept[self.replayed..]) {
                Poll::Ready(Ok(n)) => self.replayed += n,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(PumpError::Write(error))),
                Poll::Pending => return Poll::Pending,
            }
        }
        if let Some(stored) = &mut self.stored {
            ready!(stored.poll_send(cx, backend)).map_err(PumpError::Write)?;
        }
        let Self { kept, limit, idempotent, replayed, stuck, trailers_to_http1, copy, .. } = self;
        let keep = |data: &[u8], backend: &Channel| {
            if let Some(copy) = copy {
                copy.add(data);
            }
            let Some(most) = *limit else { return };
            let gone = !*idempotent && backend.total_sent() > 0 && backend.version() != Version::Http2;
            if gone || kept.len() + data.len() > most {
                *limit = None;
                *kept = Vec::new();
                *replayed = 0;
            } else {
                kept.extend_from_slice(data);
                *replayed = kept.len();
            }
        };
        poll_pump(cx, client, backend, stuck, keep, |late, backend| {
            let wanted = *trailers_to_http1 || backend.version() == Version::Http2;
            wanted.then(|| trailers::of_request(late, head))
        })
    }
}

fn of_client(error: ReadError) -> Error {
    Error::client(match error {
        ReadError::Io(error) => Kind::Io(error),
        ReadError::Malformed(why) => Kind::Malformed(why),
        ReadError::TooLarge => Kind::TooLarge,
        ReadError::BodyTooLarge => Kind::BodyTooLarge,
        ReadError::Ended | ReadError::Truncated | ReadError::Refused | ReadError::Unserved | ReadError::Foreign => {
            Kind::Ended
        }
    })
}

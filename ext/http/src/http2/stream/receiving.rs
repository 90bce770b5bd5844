//! Receiving on a stream: response heads and bodies.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::Buf;
use http::{HeaderMap, StatusCode};

use super::{Receiving, Stream};
use crate::headers::trailers;
use crate::http2::error::read_error;
use crate::http2::read_fields;
use crate::message::{
    reason, Fields, Malformed, Piece, ReadError, ResponseHead, Version, MAX_FIELDS, MAX_RESPONSE_FIELDS,
};

impl Stream {
    /// The next piece of the body that is being received: a number of bytes of [`Stream::received`], or its end.
    pub fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ReadError>> {
        if self.data.is_empty() && ready!(self.poll_data(cx))? == 0 {
            return Poll::Ready(Ok(Piece::End));
        }
        if self.bodyless {
            return Poll::Ready(Err(ReadError::Malformed(Malformed::UnexpectedBody)));
        }
        if self.data.len() as u64 > self.allowed {
            return Poll::Ready(Err(ReadError::BodyTooLarge));
        }
        Poll::Ready(Ok(Piece::Data(self.data.len())))
    }

    /// Waits for data if there is none; 0 at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, ReadError>> {
        loop {
            let body = match &mut self.receiving {
                Receiving::Body(body) => body,
                Receiving::Ended => return Poll::Ready(Ok(0)),
                Receiving::Nothing | Receiving::Head(_) | Receiving::Failed(_) => {
                    return Poll::Ready(Err(ReadError::Malformed(Malformed::BodyBeforeHead)))
                }
            };
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    if let Some(pieces) = &self.pieces {
                        pieces.took(data.len());
                    }
                    self.total_read += data.len() as u64;
                    self.data = data;
                    return Poll::Ready(Ok(self.data.len()));
                }
                Some(Err(error)) => return Poll::Ready(Err(self.broken(error))),
                None => {
                    if let Some(pieces) = &mut self.pieces {
                        pieces.end();
                    }
                    if let Some(map) = ready!(body.poll_trailers(cx)).map_err(read_error)? {
                        // The sieve has added one of them.
                        if map.len() > MAX_FIELDS + 1 {
                            return Poll::Ready(Err(Malformed::TooManyFields.into()));
                        }
                        let fields = self.trailers.insert(Fields::default());
                        read_fields(&map, fields);
                        trailers::clean(fields);
                    }
                    self.receiving = Receiving::Ended;
                    return Poll::Ready(Ok(0));
                }
            }
        }
    }

    /// Buffers data that comes while earlier data cannot be passed on: `h2` holds each piece on its own, and ends a
    /// connection on which too many small pieces wait. The peer's window, which is not enlarged here, bounds the
    /// memory.
    pub fn gather(&mut self, cx: &mut Context<'_>) {
        let (false, Receiving::Body(body)) = (self.data.is_empty(), &mut self.receiving) else { return };
        // Whoever reads on finds an end or an error again.
        while let Poll::Ready(Some(Ok(data))) = body.poll_data(cx) {
            if let Some(pieces) = &self.pieces {
                pieces.took(data.len());
            }
            self.behind.extend_from_slice(&data);
        }
    }

    /// Takes a piece of the body and drops it. Ready with `false` if no more will come.
    pub fn poll_skip(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.behind.clear();
        self.data.clear();
        let Receiving::Body(body) = &mut self.receiving else { return Poll::Ready(false) };
        // The window gets back all that came: the peer may send more.
        let came = body.flow_control().used_capacity();
        let _ = body.flow_control().release_capacity(came);
        let Some(Ok(data)) = ready!(body.poll_data(cx)) else { return Poll::Ready(false) };
        if let Some(pieces) = &self.pieces {
            pieces.took(data.len());
        }
        Poll::Ready(true)
    }

    /// Why reading fails. A backend that breaks the protocol gets no further request on that connection.
    pub(super) fn broken(&self, error: h2::Error) -> ReadError {
        // The preface is made so that HTTP/1.1 servers do not go on to interpret the bytes after it (RFC 9113, section
        // 3.4).
        if error.is_library() && error.is_go_away() && self.lease.as_ref().is_some_and(|lease| !lease.is_settled()) {
            return ReadError::Foreign;
        }
        let error = read_error(error);
        if let (ReadError::Malformed(_), Some(lease)) = (&error, &self.lease) {
            lease.retire();
        }
        error
    }

    /// Consumes `n` bytes of [`Stream::received`] and returns them to the peer's window.
    pub fn consume(&mut self, n: usize) {
        self.data.advance(n.min(self.data.len()));
        if self.data.is_empty() && !self.behind.is_empty() {
            self.data = self.behind.split().freeze();
            self.total_read += self.data.len() as u64;
        }
        self.allowed = self.allowed.saturating_sub(n as u64);
        self.body_read += n as u64;
        if let Receiving::Body(body) = &mut self.receiving {
            // An error means that the stream is over; the next read reports why.
            let _ = body.flow_control().release_capacity(n);
        }
    }

    /// Reads what there is, for a tunnel. 0 at the end.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.data.is_empty() {
            return Poll::Ready(Ok(self.data.len()));
        }
        self.poll_data(cx).map_err(|error| match error {
            ReadError::Io(error) => error,
            _ => io::ErrorKind::ConnectionReset.into(),
        })
    }

    /// Reads the head of a backend's response, which may be an interim one.
    pub fn poll_response_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
        limit: usize,
    ) -> Poll<Result<(), ReadError>> {
        let response = match &mut self.receiving {
            Receiving::Head(response) => response,
            Receiving::Failed(why) => return Poll::Ready(Err(why.take().unwrap_or(ReadError::Ended))),
            _ => return Poll::Pending,
        };
        if let Poll::Ready(Some(Ok(interim))) = response.poll_informational(cx) {
            self.total_read += 1;
            return Poll::Ready(read_head(interim.status(), interim.headers(), head, limit));
        }
        let response = match ready!(Pin::new(response).poll(cx)) {
            Ok(response) => response,
            Err(error) => return Poll::Ready(Err(self.broken(error))),
        };
        self.total_read += 1;
        let (parts, body) = response.into_parts();
        self.receiving = if body.is_end_stream() { Receiving::Ended } else { Receiving::Body(body) };
        read_head(parts.status, &parts.headers, head, limit)?;
        if let Some(upgrade) = self.upgrade.as_ref().filter(|_| parts.status.is_success()) {
            upgrade.answered(head);
        }
        Poll::Ready(Ok(()))
    }
}

fn read_head(status: StatusCode, map: &HeaderMap, head: &mut ResponseHead, limit: usize) -> Result<(), ReadError> {
    // The limits of HTTP/1.1 for size and number.
    if map.len() > MAX_RESPONSE_FIELDS {
        return Err(Malformed::TooManyFields.into());
    }
    if map.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() > limit {
        return Err(ReadError::TooLarge);
    }
    head.fields.clear();
    head.status = status.as_u16();
    head.version = Version::Http2;
    read_fields(map, &mut head.fields);
    // HTTP/2 has no reason phrase; a client of HTTP/1.1 needs one.
    head.set_reason(reason(head.status));
    Ok(())
}

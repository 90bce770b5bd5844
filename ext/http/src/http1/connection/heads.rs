//! Reading of message heads.

use std::task::{ready, Context, Poll};

use super::{read, Connection, HeadScan};
use crate::message::{Malformed, ReadError, RequestHead, ResponseHead};
use crate::transport::Transport;

impl<S: Transport> Connection<S> {
    /// Reads a head with `parse`, which returns the head's length once it is complete.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
        mut parse: impl FnMut(&[u8]) -> Result<Option<usize>, Malformed>,
    ) -> Poll<Result<(), ReadError>> {
        loop {
            match self.scan.read(self.input.filled(), &mut parse)? {
                Some(len) if len > limit => return Poll::Ready(Err(ReadError::TooLarge)),
                Some(len) => {
                    self.scan = HeadScan::default();
                    self.input.consume(len);
                    return Poll::Ready(Ok(()));
                }
                None => {}
            }
            if self.input.len() >= limit {
                return Poll::Ready(Err(ReadError::TooLarge));
            }
            if self.input.is_full() {
                self.input.grow(self.input.len() * 2);
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) if self.input.is_empty() => return Poll::Ready(Err(ReadError::Ended)),
                Ok(0) => return Poll::Ready(Err(ReadError::Truncated)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Drops empty lines at the front of the input. `true` if a request has begun after them.
    pub fn skip_empty_lines(&mut self) -> bool {
        while self.input.filled().starts_with(b"\r\n") {
            self.input.consume(2);
        }
        !matches!(self.input.filled(), [] | [b'\r'])
    }

    /// Reads a request head. Empty lines before it are skipped (RFC 9112, section 2.2). After an error the bytes are
    /// still in the input.
    pub fn poll_request_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut RequestHead,
        limit: usize,
    ) -> Poll<Result<(), ReadError>> {
        // Skipping stops once the scan has begun: scanned bytes must stay in place.
        while self.scan.is_new() && !self.skip_empty_lines() {
            if ready!(self.poll_read(cx))? == 0 {
                return Poll::Ready(Err(ReadError::Ended));
            }
        }
        self.poll_head(cx, limit, |bytes| read::parse_request(bytes, head))
    }

    /// Reads a response head.
    pub fn poll_response_head(
        &mut self,
        cx: &mut Context<'_>,
        head: &mut ResponseHead,
        limit: usize,
    ) -> Poll<Result<(), ReadError>> {
        self.poll_head(cx, limit, |bytes| read::parse_response(bytes, head))
    }
}

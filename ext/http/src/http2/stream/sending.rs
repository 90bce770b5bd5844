//! Sending on a stream: heads and bodies.

use std::io;
use std::task::{ready, Context, Poll};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::{Request, Response, StatusCode};

use super::{Ending, Receiving, Sending, Stream};
use crate::headers::websocket;
use crate::http2::error::into_io;
use crate::http2::upgrade::Upgrade;
use crate::http2::write_fields;
use crate::message::{Fields, ResponseHead};

/// Bytes of a body that are taken at once.
const PIECE: usize = 16 * 1024;

impl Stream {
    /// Takes data of the body and returns how many bytes were taken. They leave with the next call, or with
    /// [`Stream::poll_flush`].
    pub fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if !matches!(self.ending, Ending::Open) {
            return Poll::Ready(Ok(data.len()));
        }
        ready!(self.poll_flush(cx))?;
        let n = data.len().min(PIECE);
        self.held = Bytes::copy_from_slice(&data[..n]);
        Poll::Ready(Ok(n))
    }

    /// Takes a whole body of the proxy's own and ends the stream.
    pub fn write_body(&mut self, body: &[u8]) {
        if matches!(self.ending, Ending::Open) {
            self.held = if self.head_alone { Bytes::new() } else { Bytes::copy_from_slice(body) };
            self.ending = Ending::Due(None);
        }
    }

    /// Ends the body, with trailers if there are any.
    pub fn end_body(&mut self, trailers: Option<&Fields>) {
        if matches!(self.ending, Ending::Open) {
            let trailers = trailers.map(write_fields).filter(|trailers| !trailers.is_empty());
            self.ending = Ending::Due(trailers);
        }
    }

    /// Gives everything written so far to the connection, as far as the peer's window has room for it.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(error) = self.failure.take() {
            return Poll::Ready(Err(into_io(error)));
        }
        if let Sending::Request(request) = &mut self.sending {
            let (Some(lease), true) = (&mut self.lease, request.is_some()) else { return Poll::Ready(Ok(())) };
            let ready = ready!(lease.requests().poll_ready(cx));
            let Some((request, end)) = request.take().map(|request| *request) else { return Poll::Ready(Ok(())) };
            match ready.and_then(|()| lease.requests().send_request(request, end)) {
                Ok((response, body)) => {
                    self.total_sent += 1;
                    self.pieces = lease.pieces(response.stream_id().as_u32());
                    self.receiving = Receiving::Head(response);
                    self.sending = Sending::Body(body);
                }
                Err(error) => {
                    self.receiving = Receiving::Failed(Some(self.broken(error)));
                    return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                }
            }
        }
        let Sending::Body(body) = &mut self.sending else { return Poll::Ready(Ok(())) };
        while !self.held.is_empty() {
            body.reserve_capacity(self.held.len());
            if body.capacity() == 0 {
                loop {
                    match ready!(body.poll_capacity(cx)) {
                        Some(Ok(0)) => {}
                        Some(Ok(_)) => break,
                        Some(Err(error)) => return Poll::Ready(Err(into_io(error))),
                        None => return Poll::Ready(Err(why_closed(body, cx))),
                    }
                }
            }
            let piece = self.held.split_to(body.capacity().min(self.held.len()));
            let last = self.held.is_empty() && matches!(self.ending, Ending::Due(None));
            self.total_sent += piece.len() as u64;
            if let Some(handed_over) = &self.handed_over {
                handed_over.add(piece.len());
            }
            body.send_data(piece, last).map_err(into_io)?;
            if last {
                self.ending = Ending::Sent;
            }
        }
        if matches!(self.ending, Ending::Due(_)) {
            match std::mem::replace(&mut self.ending, Ending::Sent) {
                Ending::Due(Some(trailers)) => body.send_trailers(trailers),
                _ => body.send_data(Bytes::new(), true),
            }
            .map_err(into_io)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Half-closes a tunnel: ends our side.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_body(None);
        self.poll_flush(cx)
    }

    /// Sends the head of an interim response.
    pub fn write_interim(&mut self, head: &ResponseHead) {
        if let (Sending::Response(response), Some(message)) = (&mut self.sending, message(head)) {
            // An interim response that cannot be sent may be lost.
            let _ = response.send_informational(message);
        }
    }

    /// Sends the head of the response. `end`: no body follows. In HTTP/2 a tunnel begins with a 2xx, without the proof
    /// that HTTP/1.1 has.
    pub fn write_response(&mut self, head: &ResponseHead, end: bool) {
        let Sending::Response(response) = &mut self.sending else { return };
        let Some(mut message) = message(head) else { return };
        if self.tunnel && head.status == 101 {
            *message.status_mut() = StatusCode::OK;
            message.headers_mut().remove(websocket::ACCEPT);
        }
        match response.send_response(message, end) {
            Ok(body) => {
                self.total_sent += 1;
                self.sending = Sending::Body(body);
                if end {
                    self.ending = Ending::Sent;
                }
            }
            Err(error) => self.failure = Some(error),
        }
    }

    /// Sends the head of a request with the next flush. `end`: no body follows.
    pub fn write_request(&mut self, head: Request<()>, end: bool) {
        if let Sending::Request(request) = &mut self.sending {
            *request = Some(Box::new((head, end)));
            if end {
                self.ending = Ending::Sent;
            }
        }
    }

    /// Sends the head of a request that asks for another protocol, with the next flush. Our side stays open for the
    /// tunnel.
    pub fn write_upgrade(&mut self, head: Request<()>, upgrade: Upgrade) {
        self.write_request(head, false);
        self.upgrade = Some(upgrade);
    }

    /// Resets the stream.
    pub fn reset(&mut self, reason: Reason) {
        match &mut self.sending {
            Sending::Response(response) => response.send_reset(reason),
            Sending::Body(body) => body.send_reset(reason),
            Sending::Request(_) => {}
        }
        self.ending = Ending::Sent;
    }
}

fn message(head: &ResponseHead) -> Option<Response<()>> {
    let mut message = Response::new(());
    *message.status_mut() = StatusCode::from_u16(head.status).ok()?;
    *message.headers_mut() = write_fields(&head.fields);
    Some(message)
}

/// The error for a stream that can send no more.
fn why_closed(body: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> io::Error {
    match body.poll_reset(cx) {
        Poll::Ready(Ok(reason)) => io::Error::new(io::ErrorKind::ConnectionReset, h2::Error::from(reason)),
        Poll::Ready(Err(error)) => into_io(error),
        Poll::Pending => io::ErrorKind::BrokenPipe.into(),
    }
}

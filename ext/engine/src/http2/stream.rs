//! One HTTP/2 stream: a request of a client, or one that a backend is sent.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};

use super::upgrade::Upgrade;
use super::{read_fields, write_fields};
use crate::headers::{clean_trailers, websocket};
use crate::http1::{Malformed, Piece, ReadError, MAX_FIELDS, TOO_MANY_FIELDS};
use crate::message::{Fields, ResponseHead, Version};
use crate::respond::reason;
use crate::upstream::http2::Lease;

/// Data that is taken at once.
const PIECE: usize = 16 * 1024;

/// A stream, from the end that we hold.
#[derive(Debug)]
pub(crate) struct Stream {
    sending: Sending,
    receiving: Receiving,
    /// Data that has come and was not yet used.
    data: Bytes,
    /// What was taken behind that while nobody had use for it.
    behind: BytesMut,
    /// How many bytes of the body may still come.
    allowed: u64,
    /// Whether not one may.
    bodyless: bool,
    trailers: Option<Fields>,
    /// Data to be sent. Held back until more is known, so that the end goes with the last piece.
    held: Bytes,
    ending: Ending,
    failure: Option<h2::Error>,
    /// Whether a client asked for a tunnel (RFC 8441). What it sends then is no body.
    tunnel: bool,
    /// Whether a client asked for a head alone.
    head_alone: bool,
    /// What a request for another protocol asked for, which a backend answers in its own way.
    upgrade: Option<Upgrade>,
    total_sent: u64,
    total_read: u64,
    /// The place on a connection to a backend. Dropped after the stream itself.
    lease: Option<Lease>,
}

#[derive(Debug)]
// It is part of a box already, and a request stands in it for a moment.
#[allow(clippy::large_enum_variant)]
enum Sending {
    /// To a client, whose response has not begun.
    Response(SendResponse<Bytes>),
    /// To a backend, whose request has not begun.
    Request(Option<Box<(Request<()>, bool)>>),
    /// The head was sent.
    Body(SendStream<Bytes>),
}

#[derive(Debug)]
enum Receiving {
    /// A backend's response, once the request was sent.
    Nothing,
    Head(ResponseFuture),
    Body(RecvStream),
    Ended,
    /// The request could not be sent.
    Failed(Option<ReadError>),
}

#[derive(Debug)]
enum Ending {
    /// More may come.
    Open,
    /// The end is still to be sent.
    Due(Option<HeaderMap>),
    Sent,
}

impl Stream {
    /// A request that a client sent.
    pub(crate) fn of_client(request: &Parts, body: RecvStream, response: SendResponse<Bytes>) -> Self {
        let receiving = if body.is_end_stream() { Receiving::Ended } else { Receiving::Body(body) };
        let tunnel = request.extensions.get::<Protocol>().is_some();
        let head_alone = request.method == http::Method::HEAD;
        Self { tunnel, head_alone, ..Self::new(Sending::Response(response), receiving) }
    }

    /// One more request on a connection to a backend. [`Stream::write_request`] says which.
    pub(crate) fn to_backend(lease: Lease) -> Self {
        Self { lease: Some(lease), ..Self::new(Sending::Request(None), Receiving::Nothing) }
    }

    fn new(sending: Sending, receiving: Receiving) -> Self {
        Self {
            sending,
            receiving,
            data: Bytes::new(),
            behind: BytesMut::new(),
            allowed: u64::MAX,
            bodyless: false,
            trailers: None,
            held: Bytes::new(),
            ending: Ending::Open,
            failure: None,
            tunnel: false,
            head_alone: false,
            upgrade: None,
            total_sent: 0,
            total_read: 0,
            lease: None,
        }
    }

    /// Bytes of bodies that were given to the connection, and one for a head.
    pub(crate) fn total_sent(&self) -> u64 {
        self.total_sent
    }

    /// Bytes of bodies that came, and one for a head.
    pub(crate) fn total_read(&self) -> u64 {
        self.total_read
    }

    /// Whether everything that was written was also given to the connection.
    pub(crate) fn is_flushed(&self) -> bool {
        self.held.is_empty()
            && !matches!(self.ending, Ending::Due(_))
            && !matches!(self.sending, Sending::Request(Some(_)))
    }

    /// Whether the peer has ended its side and all of it was used.
    pub(crate) fn is_read(&self) -> bool {
        self.data.is_empty() && matches!(self.receiving, Receiving::Ended)
    }

    /// Whether the client asked for a tunnel.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel
    }

    /// Whether the peer has ended its side, with data perhaps that was not yet used.
    pub(crate) fn peer_ended(&self) -> bool {
        match &self.receiving {
            Receiving::Body(body) => body.is_end_stream(),
            Receiving::Ended => true,
            Receiving::Nothing | Receiving::Head(_) | Receiving::Failed(_) => false,
        }
    }

    /// Data that has come and was not yet used.
    pub(crate) fn received(&self) -> &[u8] {
        &self.data
    }

    /// The trailers of a body that was read to its end.
    pub(crate) fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_ref()
    }

    /// Says how long the body may be of which nothing was taken yet. More of it is an error.
    pub(crate) fn limit_body(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// Says that the message whose head was just read has no body. One that comes all the same is an error.
    pub(crate) fn expect_no_body(&mut self) {
        self.bodyless = true;
    }

    /// Ready only with an error: the peer has reset the stream, or its connection is gone.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let reset = match &mut self.sending {
            Sending::Response(response) => ready!(response.poll_reset(cx)),
            Sending::Body(body) if !matches!(self.ending, Ending::Sent) => ready!(body.poll_reset(cx)),
            Sending::Body(_) | Sending::Request(..) => return Poll::Pending,
        };
        Poll::Ready(match reset {
            Ok(reason) => io::Error::new(io::ErrorKind::ConnectionReset, h2::Error::from(reason)),
            Err(error) => into_io(error),
        })
    }

    /// The next piece of the body that is being received: so many bytes of [`Stream::received`], or its end.
    pub(crate) fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, ReadError>> {
        if self.data.is_empty() && ready!(self.poll_data(cx))? == 0 {
            return Poll::Ready(Ok(Piece::End));
        }
        if self.bodyless {
            return Poll::Ready(Err(ReadError::Malformed(Malformed("there is a body where none may be"))));
        }
        if self.data.len() as u64 > self.allowed {
            return Poll::Ready(Err(ReadError::BodyTooLarge));
        }
        Poll::Ready(Ok(Piece::Data(self.data.len())))
    }

    /// Waits for data where there is none; 0 at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, ReadError>> {
        loop {
            let body = match &mut self.receiving {
                Receiving::Body(body) => body,
                Receiving::Ended => return Poll::Ready(Ok(0)),
                Receiving::Nothing | Receiving::Head(_) | Receiving::Failed(_) => {
                    return Poll::Ready(Err(ReadError::Malformed(Malformed("a body before its head"))))
                }
            };
            match ready!(body.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    self.total_read += data.len() as u64;
                    self.data = data;
                    return Poll::Ready(Ok(self.data.len()));
                }
                Some(Err(error)) => return Poll::Ready(Err(self.broken(error))),
                None => {
                    if let Some(trailers) = ready!(body.poll_trailers(cx)).map_err(read_error)? {
                        if trailers.len() > MAX_FIELDS {
                            return Poll::Ready(Err(Malformed(TOO_MANY_FIELDS).into()));
                        }
                        let fields = self.trailers.insert(Fields::default());
                        read_fields(&trailers, fields);
                        clean_trailers(fields);
                    }
                    self.receiving = Receiving::Ended;
                    return Poll::Ready(Ok(0));
                }
            }
        }
    }

    /// Takes what comes while what is there cannot be passed on: `h2` holds each piece on its own, and ends a connection on which too many
    /// small ones wait. The peer's window, which nothing here widens, says how much it may become.
    pub(crate) fn gather(&mut self, cx: &mut Context<'_>) {
        let (false, Receiving::Body(body)) = (self.data.is_empty(), &mut self.receiving) else { return };
        // Its end, or that it has none, is found again by whoever reads on.
        while let Poll::Ready(Some(Ok(data))) = body.poll_data(cx) {
            self.behind.extend_from_slice(&data);
        }
    }

    /// Why nothing more can be read. A backend that breaks the rules gets no further request on that connection.
    fn broken(&self, error: h2::Error) -> ReadError {
        let error = read_error(error);
        if let (ReadError::Malformed(_), Some(lease)) = (&error, &self.lease) {
            lease.retire();
        }
        error
    }

    /// Uses up `n` bytes of [`Stream::received`]: the peer may send as many more.
    pub(crate) fn consume(&mut self, n: usize) {
        self.data.advance(n.min(self.data.len()));
        if self.data.is_empty() && !self.behind.is_empty() {
            self.data = self.behind.split().freeze();
            self.total_read += self.data.len() as u64;
        }
        self.allowed = self.allowed.saturating_sub(n as u64);
        if let Receiving::Body(body) = &mut self.receiving {
            // An error means that the stream is over; reading it says why.
            let _ = body.flow_control().release_capacity(n);
        }
    }

    /// Reads what there is, for a tunnel. 0 at the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.data.is_empty() {
            return Poll::Ready(Ok(self.data.len()));
        }
        self.poll_data(cx).map_err(|error| match error {
            ReadError::Io(error) => error,
            _ => io::ErrorKind::ConnectionReset.into(),
        })
    }

    /// Takes data of the body: how much of it. It leaves when more is known, or with [`Stream::poll_flush`].
    pub(crate) fn poll_send(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if !matches!(self.ending, Ending::Open) {
            return Poll::Ready(Ok(data.len()));
        }
        ready!(self.poll_flush(cx))?;
        let n = data.len().min(PIECE);
        self.held = Bytes::copy_from_slice(&data[..n]);
        Poll::Ready(Ok(n))
    }

    /// Takes a whole body of the proxy's own, and ends with it.
    pub(crate) fn write_body(&mut self, body: &[u8]) {
        if matches!(self.ending, Ending::Open) {
            self.held = if self.head_alone { Bytes::new() } else { Bytes::copy_from_slice(body) };
            self.ending = Ending::Due(None);
        }
    }

    /// Ends the body, with trailers if there are any.
    pub(crate) fn end_body(&mut self, trailers: Option<&Fields>) {
        if matches!(self.ending, Ending::Open) {
            let trailers = trailers.map(write_fields).filter(|trailers| !trailers.is_empty());
            self.ending = Ending::Due(trailers);
        }
    }

    /// Gives everything written so far to the connection, as far as the peer has room for it.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
                    self.receiving = Receiving::Head(response);
                    self.sending = Sending::Body(body);
                }
                Err(error) => {
                    self.receiving = Receiving::Failed(Some(read_error(error)));
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

    /// Ends our side of a tunnel.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_body(None);
        self.poll_flush(cx)
    }

    /// Sends the head of an interim response.
    pub(crate) fn write_interim(&mut self, head: &ResponseHead) {
        if let (Sending::Response(response), Some(message)) = (&mut self.sending, message(head)) {
            // One that cannot be sent is missed by nobody.
            let _ = response.send_informational(message);
        }
    }

    /// Sends the head of the response. `end`: nothing follows. That a tunnel begins is a success in HTTP/2, and proven by nothing.
    pub(crate) fn write_response(&mut self, head: &ResponseHead, end: bool) {
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

    /// Sends the head of a request with the next flush. `end`: nothing follows.
    pub(crate) fn write_request(&mut self, head: Request<()>, end: bool) {
        if let Sending::Request(request) = &mut self.sending {
            *request = Some(Box::new((head, end)));
            if end {
                self.ending = Ending::Sent;
            }
        }
    }

    /// The same for a request that asks for another protocol. Our side stays open: it is the tunnel's.
    pub(crate) fn write_upgrade(&mut self, head: Request<()>, upgrade: Upgrade) {
        self.write_request(head, false);
        self.upgrade = Some(upgrade);
    }

    /// Whether the backend takes requests for other protocols.
    pub(crate) fn takes_upgrades(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::takes_upgrades)
    }

    /// Reads the head of a backend's response, perhaps an interim one.
    pub(crate) fn poll_response_head(
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

    /// Ends the stream with an error.
    pub(crate) fn reset(&mut self, reason: Reason) {
        match &mut self.sending {
            Sending::Response(response) => response.send_reset(reason),
            Sending::Body(body) => body.send_reset(reason),
            Sending::Request(_) => {}
        }
        self.ending = Ending::Sent;
    }
}

fn read_head(status: StatusCode, map: &HeaderMap, head: &mut ResponseHead, limit: usize) -> Result<(), ReadError> {
    // As long as it would be in HTTP/1.1, and no more of them.
    if map.len() > MAX_FIELDS {
        return Err(Malformed(TOO_MANY_FIELDS).into());
    }
    if map.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>() > limit {
        return Err(ReadError::TooLarge);
    }
    head.fields.clear();
    head.status = status.as_u16();
    head.version = Version::Http2;
    read_fields(map, &mut head.fields);
    // Whoever gets it in HTTP/1.1 is told one.
    head.set_reason(reason(head.status));
    Ok(())
}

fn message(head: &ResponseHead) -> Option<Response<()>> {
    let mut message = Response::new(());
    *message.status_mut() = StatusCode::from_u16(head.status).ok()?;
    *message.headers_mut() = write_fields(&head.fields);
    Some(message)
}

/// The same error as one of a connection.
pub(crate) fn into_io(error: h2::Error) -> io::Error {
    match error.is_io() {
        true => error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into()),
        false => io::Error::other(error),
    }
}

/// Why a stream takes no more.
fn why_closed(body: &mut SendStream<Bytes>, cx: &mut Context<'_>) -> io::Error {
    match body.poll_reset(cx) {
        Poll::Ready(Ok(reason)) => io::Error::new(io::ErrorKind::ConnectionReset, h2::Error::from(reason)),
        Poll::Ready(Err(error)) => into_io(error),
        Poll::Pending => io::ErrorKind::BrokenPipe.into(),
    }
}

/// Why nothing more can be read.
fn read_error(error: h2::Error) -> ReadError {
    // A stream that lives when GOAWAY comes, and is not above the last one that will be served, hears nothing of it: whoever does was
    // not served (RFC 9113, section 6.8).
    if error.is_remote() && error.is_go_away() {
        return ReadError::Unserved;
    }
    if error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM) {
        return ReadError::Refused;
    }
    if error.is_library() && error.is_reset() {
        return ReadError::Malformed(Malformed("it breaks the rules of HTTP/2"));
    }
    ReadError::Io(into_io(error))
}

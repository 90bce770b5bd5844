//! An HTTP/2 stream: a request of a client, or a request to a backend.

mod receiving;
mod sending;

use std::io;
use std::task::{ready, Context, Poll};

use bytes::{Bytes, BytesMut};
use h2::client::ResponseFuture;
use h2::ext::Protocol;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderMap, Request};

use super::error::into_io;
use super::handed_over::HandedOver;
use super::lease::Lease;
use super::sieve::{Pieces, Tally};
use super::upgrade::Upgrade;
use crate::message::{Fields, ReadError};

/// A stream, from our end.
#[derive(Debug)]
pub struct Stream {
    sending: Sending,
    receiving: Receiving,
    /// Data that was received and not yet used.
    data: Bytes,
    /// Further data, taken from `h2` while `data` could not be passed on.
    behind: BytesMut,
    /// Bytes of the body that may still come.
    allowed: u64,
    /// Whether no byte of a body may come.
    bodyless: bool,
    trailers: Option<Fields>,
    /// Data to be sent. Held back until more follows, so that the end goes with the last piece.
    held: Bytes,
    ending: Ending,
    failure: Option<h2::Error>,
    /// Whether a client asked for a tunnel (RFC 8441). The bytes that it sends then are no body.
    tunnel: bool,
    /// Whether a client sent a HEAD request.
    head_alone: bool,
    /// The upgrade that was asked of a backend, whose answer has another form than in HTTP/1.1.
    upgrade: Option<Upgrade>,
    total_sent: u64,
    total_read: u64,
    body_read: u64,
    /// Counts small pieces as they are taken.
    pieces: Option<Pieces>,
    /// Counts bytes for the connection to a client.
    handed_over: Option<HandedOver>,
    /// Place on a connection to a backend. Dropped after the stream itself.
    lease: Option<Lease>,
}

#[derive(Debug)]
enum Sending {
    /// To a client; the response has not begun.
    Response(SendResponse<Bytes>),
    /// To a backend; the request has not begun.
    Request(Option<Box<(Request<()>, bool)>>),
    /// The head was sent.
    Body(SendStream<Bytes>),
}

#[derive(Debug)]
enum Receiving {
    /// No response yet: the request was not sent.
    Nothing,
    Head(ResponseFuture),
    Body(RecvStream),
    Ended,
    /// The request could not be sent.
    Failed(Option<ReadError>),
}

#[derive(Debug)]
enum Ending {
    /// More data may come.
    Open,
    /// The end is still to be sent.
    Due(Option<HeaderMap>),
    Sent,
}

impl Stream {
    /// A stream with the request of a client. `handed_over` counts what the streams of the connection send.
    pub fn of_client(
        request: &Parts,
        body: RecvStream,
        response: SendResponse<Bytes>,
        tally: &Tally,
        handed_over: &HandedOver,
    ) -> Self {
        let stream = body.stream_id().as_u32();
        let receiving = if body.is_end_stream() { Receiving::Ended } else { Receiving::Body(body) };
        let pieces = matches!(receiving, Receiving::Body(_)).then(|| Pieces::new(tally, stream));
        let tunnel = request.extensions.get::<Protocol>().is_some();
        let head_alone = request.method == http::Method::HEAD;
        let handed_over = Some(handed_over.clone());
        Self { tunnel, head_alone, pieces, handed_over, ..Self::new(Sending::Response(response), receiving) }
    }

    /// A stream for one more request on a connection to a backend. [`Stream::write_request`] sets the request.
    pub fn to_backend(lease: Lease) -> Self {
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
            body_read: 0,
            pieces: None,
            handed_over: None,
            lease: None,
        }
    }

    /// Bytes of bodies that were given to the connection, plus 1 for a head.
    pub fn total_sent(&self) -> u64 {
        self.total_sent
    }

    /// Bytes of bodies that were given to the connection.
    pub fn body_sent(&self) -> u64 {
        self.total_sent - u64::from(matches!(self.sending, Sending::Body(_)))
    }

    /// Bytes of bodies and of tunnels that were taken.
    pub fn body_read(&self) -> u64 {
        self.body_read
    }

    /// Bytes of bodies that were received, plus 1 for a head.
    pub fn total_read(&self) -> u64 {
        self.total_read
    }

    /// Whether everything written was given to the connection.
    pub fn is_flushed(&self) -> bool {
        self.held.is_empty()
            && !matches!(self.ending, Ending::Due(_))
            && !matches!(self.sending, Sending::Request(Some(_)))
    }

    /// Whether the peer has ended its side and all its data was used.
    pub fn is_read(&self) -> bool {
        self.data.is_empty() && matches!(self.receiving, Receiving::Ended)
    }

    /// Whether the client asked for a tunnel.
    pub fn is_tunnel(&self) -> bool {
        self.tunnel
    }

    /// Whether the peer has ended its side. Some of its data may still be unused.
    pub fn peer_ended(&self) -> bool {
        match &self.receiving {
            Receiving::Body(body) => body.is_end_stream(),
            Receiving::Ended => true,
            Receiving::Nothing | Receiving::Head(_) | Receiving::Failed(_) => false,
        }
    }

    /// Data that was received and not yet used.
    pub fn received(&self) -> &[u8] {
        &self.data
    }

    /// The trailers of a body that was read to its end.
    pub fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_ref()
    }

    /// Sets the limit of a body of which nothing was taken yet. A longer one is an error.
    pub fn limit_body(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// Declares that the message whose head was just read has no body. If one comes, it is an error.
    pub fn expect_no_body(&mut self) {
        self.bodyless = true;
    }

    /// Ready only with an error: the peer has reset the stream, or its connection is gone.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
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

    /// Whether the backend's settings have come.
    pub fn is_settled(&self) -> bool {
        self.lease.as_ref().is_none_or(Lease::is_settled)
    }

    /// Whether the backend accepts extended CONNECT (RFC 8441).
    pub fn takes_upgrades(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::takes_upgrades)
    }
}

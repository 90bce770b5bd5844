//! One HTTP/2 stream: a request of a client, or one that a backend is sent.

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
use super::lease::Lease;
use super::sieve::{Pieces, Tally};
use super::upgrade::Upgrade;
use crate::message::{Fields, ReadError};

/// A stream, from the end that we hold.
#[derive(Debug)]
pub struct Stream {
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
    /// What it takes of small pieces.
    pieces: Option<Pieces>,
    /// The place on a connection to a backend. Dropped after the stream itself.
    lease: Option<Lease>,
}

#[derive(Debug)]
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
    pub fn of_client(request: &Parts, body: RecvStream, response: SendResponse<Bytes>, tally: &Tally) -> Self {
        let stream = body.stream_id().as_u32();
        let receiving = if body.is_end_stream() { Receiving::Ended } else { Receiving::Body(body) };
        let pieces = matches!(receiving, Receiving::Body(_)).then(|| Pieces::new(tally, stream));
        let tunnel = request.extensions.get::<Protocol>().is_some();
        let head_alone = request.method == http::Method::HEAD;
        Self { tunnel, head_alone, pieces, ..Self::new(Sending::Response(response), receiving) }
    }

    /// One more request on a connection to a backend. [`Stream::write_request`] says which.
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
            pieces: None,
            lease: None,
        }
    }

    /// Bytes of bodies that were given to the connection, and one for a head.
    pub fn total_sent(&self) -> u64 {
        self.total_sent
    }

    /// The bytes of bodies among them.
    pub fn body_sent(&self) -> u64 {
        self.total_sent - u64::from(matches!(self.sending, Sending::Body(_)))
    }

    /// Bytes of bodies that came, and one for a head.
    pub fn total_read(&self) -> u64 {
        self.total_read
    }

    /// Whether everything that was written was also given to the connection.
    pub fn is_flushed(&self) -> bool {
        self.held.is_empty()
            && !matches!(self.ending, Ending::Due(_))
            && !matches!(self.sending, Sending::Request(Some(_)))
    }

    /// Whether the peer has ended its side and all of it was used.
    pub fn is_read(&self) -> bool {
        self.data.is_empty() && matches!(self.receiving, Receiving::Ended)
    }

    /// Whether the client asked for a tunnel.
    pub fn is_tunnel(&self) -> bool {
        self.tunnel
    }

    /// Whether the peer has ended its side, with data perhaps that was not yet used.
    pub fn peer_ended(&self) -> bool {
        match &self.receiving {
            Receiving::Body(body) => body.is_end_stream(),
            Receiving::Ended => true,
            Receiving::Nothing | Receiving::Head(_) | Receiving::Failed(_) => false,
        }
    }

    /// Data that has come and was not yet used.
    pub fn received(&self) -> &[u8] {
        &self.data
    }

    /// The trailers of a body that was read to its end.
    pub fn trailers(&self) -> Option<&Fields> {
        self.trailers.as_ref()
    }

    /// Says how long the body may be of which nothing was taken yet. More of it is an error.
    pub fn limit_body(&mut self, bytes: u64) {
        self.allowed = bytes;
    }

    /// Says that the message whose head was just read has no body. One that comes all the same is an error.
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

    /// Whether the backend's settings are known.
    pub fn is_settled(&self) -> bool {
        self.lease.as_ref().is_none_or(Lease::is_settled)
    }

    /// Whether the backend takes requests for other protocols.
    pub fn takes_upgrades(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::takes_upgrades)
    }
}

//! Clients that speak HTTP/2: one with all its rules, and one with none.

use std::future::Future;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::RecvStream;
use http::{HeaderMap, Request, Response};
use tokio::net::TcpStream;

use super::{End, Peer, Proxy, PATIENCE};

/// A connection of HTTP/2 without TLS, for as long as `work` takes.
pub(crate) fn http2<W: Future>(proxy: &Proxy, work: impl FnOnce(Http2) -> W) -> W::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let stream = TcpStream::connect(proxy.address()).await.expect("the proxy accepts");
        stream.set_nodelay(true).expect("no delay");
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(64 * 1024)
            .initial_connection_window_size(1024 * 1024)
            .enable_push(false)
            .initial_max_send_streams(128)
            // It is no client of ours to be protected.
            .data_frame_budget(1 << 30);
        let (requests, connection) = builder.handshake(stream).await.expect("HTTP/2");
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        let client = Http2 { requests };
        tokio::time::timeout(PATIENCE * 3, work(client)).await.expect("in time")
    })
}

/// A client that keeps to the rules.
#[derive(Clone)]
pub(crate) struct Http2 {
    pub(crate) requests: SendRequest<Bytes>,
}

/// A response that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: HeaderMap,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().expect("text"))
    }
}

/// A request for `target` of a site.
pub(crate) fn request(method: &str, target: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://site.example{target}"))
}

impl Http2 {
    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.send(request("GET", target).body(()).expect("a request"), None).await.expect("an answer")
    }

    /// Sends a request and reads the whole response.
    pub(crate) async fn send(&self, request: Request<()>, body: Option<&[u8]>) -> Result<Answer, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut sending) = requests.send_request(request, body.is_none())?;
        if let Some(body) = body {
            sending.send_data(Bytes::copy_from_slice(body), true)?;
        }
        read(response.await?).await
    }
}

/// Reads a response to its end.
pub(crate) async fn read(response: Response<RecvStream>) -> Result<Answer, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await?.unwrap_or_default();
    Ok(Answer { status: parts.status.as_u16(), fields: parts.headers, body, trailers })
}

/// A frame as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

#[allow(dead_code)]
impl Frame {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;

    pub(crate) fn new(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Self {
        Self { kind, flags, stream, payload: payload.as_ref().to_vec() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = (self.payload.len() as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }

    /// The error code of RST_STREAM or GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == Self::GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }
}

/// A client that sends any frame it is told to.
pub(crate) struct RawHttp2 {
    pub(crate) peer: Peer,
}

impl RawHttp2 {
    /// Begins with the preface and empty settings.
    pub(crate) fn connect(proxy: &Proxy) -> Self {
        Self::over(proxy.client(), &[])
    }

    /// The same with settings: identifiers and values.
    pub(crate) fn over(mut peer: Peer, settings: &[(u16, u32)]) -> Self {
        let payload: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        peer.send(
            [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), Frame::new(Frame::SETTINGS, 0, 0, payload).bytes()].concat(),
        );
        Self { peer }
    }

    pub(crate) fn send(&mut self, frame: Frame) {
        self.peer.send(frame.bytes());
    }

    /// A GET of `target`, its stream ended.
    pub(crate) fn get(&mut self, stream: u32, target: &str) {
        self.send(Self::head(
            stream,
            &[(":method", "GET"), (":scheme", "http"), (":path", target), (":authority", "a")],
        ));
    }

    /// A request of these fields, its stream ended.
    pub(crate) fn head(stream: u32, fields: &[(&str, &str)]) -> Frame {
        Frame::new(Frame::HEADERS, Frame::END_STREAM | Frame::END_HEADERS, stream, block(fields))
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let header = self.peer.try_read(9)?;
        let len = u32::from_be_bytes([0, header[0], header[1], header[2]]) as usize;
        let stream = u32::from_be_bytes(header[5..9].try_into().expect("four bytes"));
        let payload = self.peer.try_read(len)?;
        Some(Frame { kind: header[3], flags: header[4], stream, payload })
    }

    /// The next frame of a kind; others are passed over.
    pub(crate) fn next_of(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().unwrap_or_else(|| panic!("the connection ends before a frame of kind {kind}"));
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// The connection ends with GOAWAY and this code.
    pub(crate) fn expect_go_away(&mut self, code: u32) {
        let frame = self.next_of(Frame::GOAWAY);
        assert_eq!(frame.code(), code, "{frame:?}");
        let (rest, end) = self.peer.rest();
        assert_eq!(end, End::Closed, "after {rest:?}");
    }
}

/// A block of fields in the plainest form of HPACK: literals without a table.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            write_length(&mut out, text.len());
            out.extend(text.as_bytes());
        }
    }
    out
}

/// An integer with a prefix of seven bits (RFC 7541, section 5.1).
pub(crate) fn write_length(out: &mut Vec<u8>, len: usize) {
    if len < 127 {
        return out.push(len as u8);
    }
    out.push(127);
    let mut rest = len - 127;
    while rest >= 128 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
}

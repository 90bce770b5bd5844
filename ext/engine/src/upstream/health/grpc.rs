//! Health check by gRPC's own health service: the call `grpc.health.v1.Health/Check` over HTTP/2.

use std::future::poll_fn;
use std::io;

use http::header::{HeaderMap, HeaderName, HeaderValue, HOST, USER_AGENT};
use http::{Method, Request, Uri, Version};
use percent_encoding::percent_decode;
use proxy_http::http2;
use proxy_http::message::{Fields, Known, Piece, ReadError, ResponseHead};

use super::check::{MAX_HEAD, MAX_INTERIM};
use crate::compile::Report;
use crate::config::HealthCheck;
use crate::grpc;
use crate::stream::Stream;
use crate::upstream::http2::alone;

const PATH: &str = "/grpc.health.v1.Health/Check";
/// Largest response, in bytes. A complete one has two.
const LARGEST: usize = 4096;
/// Fields that are not metadata.
const OURS: [&str; 4] = ["content-type", "te", "grpc-timeout", "grpc-encoding"];

/// A call of the health service.
#[derive(Debug)]
pub(super) struct GrpcProbe {
    metadata: HeaderMap,
    /// Host from the configuration, in place of the backend's own.
    host: Option<Box<str>>,
    /// Message of the request, with the five bytes that begin every gRPC message.
    message: Vec<u8>,
}

impl GrpcProbe {
    pub(super) fn compile(spec: &HealthCheck, report: &mut Report<'_>) -> Self {
        let mut metadata = HeaderMap::new();
        let mut host = None;
        for (name, value) in &spec.headers {
            let (Ok(field), Ok(content)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
            else {
                report.error(format!(
                    "{name:?} cannot be sent as metadata: use letters, digits and hyphens, and plain text"
                ));
                continue;
            };
            if OURS.contains(&field.as_str()) || super::check::is_ours(name) {
                report.error(format!("{name:?} is set by the proxy itself: leave it out"));
            } else if field == HOST {
                host = Some(value.as_str().into());
            } else {
                metadata.append(field, content);
            }
        }
        metadata.entry(USER_AGENT).or_insert(HeaderValue::from_static("proxy-health-check"));
        metadata.insert("te", HeaderValue::from_static("trailers"));
        metadata.insert("content-type", HeaderValue::from_static("application/grpc"));
        Self { metadata, host, message: framed(&request(&spec.service)) }
    }

    /// Makes the call over a new connection. An error is a short reason why the backend is not healthy.
    pub(super) async fn ask(&self, stream: Stream, authority: &str) -> Result<(), String> {
        let scheme = if stream.server_name().is_some() { "https" } else { "http" };
        let authority = self.host.as_deref().unwrap_or(authority);
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(PATH).build();
        let uri = uri.map_err(|_| format!("{authority:?} cannot be the name of an HTTP/2 server"))?;
        let mut head = Request::new(());
        *head.method_mut() = Method::POST;
        *head.uri_mut() = uri;
        *head.version_mut() = Version::HTTP_2;
        *head.headers_mut() = self.metadata.clone();
        let (mut stream, moving) = alone(stream, MAX_HEAD).await.map_err(why)?;
        tokio::select! {
            biased;
            answer = self.converse(&mut stream, head) => answer,
            never = moving => match never {},
        }
    }

    async fn converse(&self, stream: &mut http2::Stream, request: Request<()>) -> Result<(), String> {
        stream.write_request(request, false);
        let mut message = &self.message[..];
        while !message.is_empty() {
            let n = poll_fn(|cx| stream.poll_send(cx, message)).await.map_err(why)?;
            message = &message[n..];
        }
        stream.end_body(None);
        poll_fn(|cx| stream.poll_flush(cx)).await.map_err(why)?;
        let mut head = ResponseHead::default();
        let mut interim = 0;
        while {
            poll_fn(|cx| stream.poll_response_head(cx, &mut head, MAX_HEAD)).await.map_err(unanswered)?;
            head.status < 200 && interim < MAX_INTERIM
        } {
            interim += 1;
        }
        if head.status != 200 {
            return Err(format!("the answer is a {}", head.status));
        }
        let mut data = Vec::new();
        while let Piece::Data(n) = poll_fn(|cx| stream.poll_body(cx)).await.map_err(super::ask::why)? {
            if data.len() + n > LARGEST {
                return Err("the answer is too large".into());
            }
            data.extend_from_slice(&stream.received()[..n]);
            stream.consume(n);
        }
        // A response without a message has its status in the head.
        succeeded(stream.trailers().unwrap_or(&head.fields))?;
        serving(&data)
    }
}

/// Checks that the call itself succeeded.
fn succeeded(fields: &Fields) -> Result<(), String> {
    let Some(code) = fields.get(Known::GrpcStatus) else {
        return Err("the answer has no grpc-status: it is none of gRPC".into());
    };
    if code == b"0" {
        return Ok(());
    }
    let code = String::from_utf8_lossy(code);
    let name = code.parse().ok().and_then(grpc::code_name).unwrap_or(&code);
    let message = fields.get(Known::GrpcMessage).map(|message| percent_decode(message).decode_utf8_lossy());
    Err(match message.filter(|message| !message.is_empty()) {
        // Control characters are replaced, since the text is logged.
        Some(message) => format!("grpc.health.v1 answers {name}: {}", message.replace(char::is_control, " ")),
        None => format!("grpc.health.v1 answers {name}"),
    })
}

/// Checks that the message says `SERVING`.
fn serving(data: &[u8]) -> Result<(), String> {
    match status(data) {
        Some(1) => Ok(()),
        Some(0) => Err("its status is UNKNOWN".into()),
        Some(2) => Err("its status is NOT_SERVING".into()),
        Some(3) => Err("its status is SERVICE_UNKNOWN".into()),
        Some(other) => Err(format!("its status is {other}, which is none")),
        None => Err("the answer is not a grpc.health.v1 message".into()),
    }
}

/// `HealthCheckRequest { string service = 1; }` in the wire format of protocol buffers.
fn request(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(length as u8 | 0x80);
            length >>= 7;
        }
        message.push(length as u8);
        message.extend_from_slice(service.as_bytes());
    }
    message
}

/// A message with the gRPC prefix: the flag for "not compressed", and its length.
fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// The status in a stream of one `HealthCheckResponse { ServingStatus status = 1; }`. `None` if it is malformed.
fn status(data: &[u8]) -> Option<u64> {
    let (start, mut message) = data.split_first_chunk::<5>()?;
    if start[0] != 0 || u32::from_be_bytes([start[1], start[2], start[3], start[4]]) as usize != message.len() {
        return None;
    }
    let mut status = 0;
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        match tag & 7 {
            0 => {
                let value = varint(&mut message)?;
                if tag >> 3 == 1 {
                    status = value;
                }
            }
            // Fields of later versions are skipped.
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(varint(&mut message)?).ok()?;
                message = message.get(length..)?;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn unanswered(error: ReadError) -> String {
    format!("no answer over HTTP/2: {}", super::ask::why(error))
}

fn why(error: io::Error) -> String {
    format!("no answer over HTTP/2: {error}")
}

#[cfg(test)]
mod tests;

//! Values that a string rewrite can refer to.

use std::time::{Duration, SystemTime};

use proxy_http::message::{Fields, RequestHead};

use super::{Captures, Redaction};
use crate::client::ClientInfo;
use crate::error::EndReason;
use crate::grpc::GrpcOutcome;
use crate::request_id::RequestId;
use crate::trace_context::TraceIds;

/// Values for the rewrites of one request. Everything is borrowed, so building it costs nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestValues<'a> {
    /// The request as the client sent it.
    pub request: &'a RequestHead,
    /// The path that `{path}` shows: without the prefix that its location strips, if any, and then possibly empty.
    pub path: &'a [u8],
    /// The client, and where it connected.
    pub client: &'a ClientInfo,
    /// Our id of the request.
    pub request_id: RequestId,
    /// Id that logs and responses show in place of [`RequestValues::request_id`]: one that another server gave and that
    /// was forwarded. Usually empty.
    pub sent_id: &'a [u8],
    /// Time at which the head had been read.
    pub start: SystemTime,
    /// The user that an authentication filter found; empty if none did.
    pub user: &'a [u8],
    /// Captures of the enclosing locations.
    pub captures: Captures<'a>,
    /// Name of the request's location; empty before one was found.
    pub route: &'a str,
    /// What logs hide.
    pub redaction: &'a Redaction,
    /// Trace and span of the request. `None` without `tracing`.
    pub trace: Option<TraceIds>,
    /// The response, once there is one.
    pub response: Option<ResponseInfo<'a>>,
}

impl<'a> RequestValues<'a> {
    /// Values of a request before its response, with its own path and no captures.
    pub(crate) fn new(
        request: &'a RequestHead,
        client: &'a ClientInfo,
        request_id: RequestId,
        start: SystemTime,
    ) -> Self {
        Self {
            request,
            path: request.path(),
            client,
            request_id,
            sent_id: &[],
            start,
            user: &[],
            captures: Captures::default(),
            route: "",
            redaction: Redaction::USUAL,
            trace: None,
            response: None,
        }
    }
}

impl ResponseInfo<'_> {
    /// The status that tells the outcome. For a gRPC call, it is the status that any other request would have got.
    pub(crate) fn http_status(&self) -> u16 {
        if self.grpc.reason == 0 {
            self.status
        } else {
            self.grpc.reason
        }
    }
}

/// A response, as far as it is known.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct ResponseInfo<'a> {
    pub status: u16,
    /// Time from the request's first byte until now.
    pub elapsed: Duration,
    /// The backend that was asked last, named as in figures and logs; empty if none was asked.
    pub backend: &'a str,
    /// Upstream of that backend; empty if none was asked.
    pub upstream: &'a str,
    /// Why the request did not end as it should. `None`: it did.
    pub reason: Option<EndReason>,
    /// Time in queues for a backend.
    pub queue: Duration,
    /// Time of connecting to backends.
    pub connect: Duration,
    /// Time from the request's first byte until the head of the backend's response.
    pub first_byte: Option<Duration>,
    /// Bytes of the request's body, or of the tunnel, that the client sent.
    pub request_bytes: u64,
    /// Outcome of a gRPC call.
    pub grpc: GrpcOutcome,
    /// Number of times that the request was sent to a backend.
    pub attempts: u32,
    /// What a cache did, in one word; empty without a cache.
    pub cache: &'a str,
    /// Bytes of the response body that the client got, or of the tunnel.
    pub bytes: u64,
    /// The response's fields; `None` if there was no response.
    pub fields: Option<&'a Fields>,
}

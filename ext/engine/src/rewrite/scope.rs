//! What a string rewrite can refer to.

use std::time::{Duration, SystemTime};

use proxy_http::message::{Fields, RequestHead};

use super::Captures;
use crate::client::ClientInfo;
use crate::grpc::GrpcOutcome;
use crate::request_id::RequestId;

/// Where the values of one request's rewrites come from. Everything is borrowed: building one costs nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestValues<'a> {
    /// The request as the client sent it.
    pub request: &'a RequestHead,
    /// Its path as `{path}` shows it: perhaps without the prefix that its location strips, and then perhaps empty.
    pub path: &'a [u8],
    /// Who sent it, and where to.
    pub client: &'a ClientInfo,
    /// Its id.
    pub request_id: RequestId,
    /// The id that is shown in place of [`Scope::request_id`]: one of somebody else's that was forwarded, in logs and
    /// in responses. Usually empty.
    pub sent_id: &'a [u8],
    /// When its head had been read.
    pub start: SystemTime,
    /// Whom a filter found it to be from; empty if none did.
    pub user: &'a [u8],
    /// What the patterns of the enclosing locations captured.
    pub captures: Captures<'a>,
    /// The answer, once there is one.
    pub response: Option<ResponseInfo<'a>>,
}

impl<'a> RequestValues<'a> {
    /// A request before its answer, with its own path and nothing captured.
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
            response: None,
        }
    }
}

impl ResponseInfo<'_> {
    /// The status that says what happened: to a call of gRPC the one that any other request would have been answered
    /// with.
    pub(crate) fn reason(&self) -> u16 {
        if self.grpc.reason == 0 {
            self.status
        } else {
            self.grpc.reason
        }
    }
}

/// An answer as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResponseInfo<'a> {
    /// The status code.
    pub status: u16,
    /// Time from the request's first byte to this moment.
    pub elapsed: Duration,
    /// The backend that was asked last, as in figures and logs; empty if none was.
    pub backend: &'a str,
    /// What a call of gRPC was told.
    pub grpc: GrpcOutcome,
    /// How many times the request was sent to a backend.
    pub attempts: u32,
    /// Bytes of the body that the client got, or of the tunnel.
    pub bytes: u64,
    /// The fields; `None` if nothing was answered.
    pub fields: Option<&'a Fields>,
}

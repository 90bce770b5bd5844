//! Needs of gRPC beyond HTTP: the client sets a time limit for a call, a call may be silent for long, and errors are
//! answered in gRPC's own terms (see [`crate::respond`]).

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use proxy_http::message::{Fields, Known, Method, RequestHead, Version};
use tokio::time::{timeout_at, Instant};

use crate::error::{Error, Kind, Waited};

/// Longest time limit: a longer one counts as no limit.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Time for which both sides of a call may be silent over HTTP/2, since streams of messages often carry rare events.
pub(crate) const SILENCE: Duration = Duration::from_secs(300);

/// A call: a POST with gRPC content over HTTP/2, or to a backend of HTTP/2. In other requests the client could use the
/// content type to make its refused requests look like successes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    /// Encoding of the messages.
    pub(crate) form: Form,
    /// Whether the client can stream messages: gRPC itself, over HTTP/2.
    pub(crate) streams: bool,
    /// Deadline after which the client has no use for a response.
    pub(crate) end: Option<Instant>,
}

/// Encoding of a call's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/grpc`
    Plain,
    /// `application/grpc-web`, from a browser.
    Web,
    /// `application/grpc-web-text`: as `application/grpc-web`, in Base64.
    WebText,
}

impl Form {
    /// Encoding of a request over HTTP/2; `None` if it is not gRPC.
    pub(crate) fn of(request: &RequestHead) -> Option<Self> {
        (request.version == Version::Http2).then(|| Self::of_post(request))?
    }

    /// Encoding of a request over any version of HTTP; `None` if it is not gRPC.
    fn of_post(request: &RequestHead) -> Option<Self> {
        (request.method == Method::Post).then(|| Self::of_type(request.fields.get(Known::ContentType)?))?
    }

    fn of_type(content_type: &[u8]) -> Option<Self> {
        let (start, rest) = content_type.split_at_checked(b"application/grpc".len())?;
        if !start.eq_ignore_ascii_case(b"application/grpc") {
            return None;
        }
        let end = rest.iter().position(|byte| matches!(byte, b'+' | b';' | b' ' | b'\t')).unwrap_or(rest.len());
        match &rest[..end] {
            b"" => Some(Self::Plain),
            name if name.eq_ignore_ascii_case(b"-web") => Some(Self::Web),
            name if name.eq_ignore_ascii_case(b"-web-text") => Some(Self::WebText),
            _ => None,
        }
    }

    /// Media type of a response.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "application/grpc",
            Self::Web => "application/grpc-web",
            Self::WebText => "application/grpc-web-text",
        }
    }
}

impl Call {
    /// The call in a request over HTTP/2, if it is one. Its time limit begins `now`.
    pub(crate) fn of(request: &RequestHead, now: impl FnOnce() -> Instant) -> Option<Self> {
        Form::of(request).map(|form| Self::in_form(form, request, now))
    }

    /// The call in a request over any version of HTTP, for a backend of HTTP/2.
    pub(crate) fn to_http2(request: &RequestHead, now: impl FnOnce() -> Instant) -> Option<Self> {
        Form::of_post(request).map(|form| Self::in_form(form, request, now))
    }

    fn in_form(form: Form, request: &RequestHead, now: impl FnOnce() -> Instant) -> Self {
        let limit = request.fields.get(Known::GrpcTimeout).and_then(time_limit);
        let end = limit.and_then(|limit| now().checked_add(limit));
        Self { form, streams: form == Form::Plain && request.version == Version::Http2, end }
    }
}

/// Outcome of a call. Its HTTP status is 200 in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GrpcOutcome {
    /// HTTP status that any other request would have got; 0: the status that was sent.
    pub reason: u16,
    /// gRPC status code that the client got, as far as it is known.
    pub code: Option<u16>,
}

impl GrpcOutcome {
    /// Notes the status code in the fields of a backend.
    pub(crate) fn note(&mut self, fields: &Fields) {
        let code = fields.get(Known::GrpcStatus).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        self.code = code.or(self.code);
    }
}

/// The time limit in `grpc-timeout`: a number of at most eight digits and a unit. A malformed value is no limit here,
/// and is passed on: the backend decides about it.
fn time_limit(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    let limit = match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    };
    Some(limit).filter(|limit| *limit <= LONGEST)
}

/// Name of a gRPC status code.
pub(crate) fn code_name(code: usize) -> Option<&'static str> {
    const NAMES: [&str; 17] = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    NAMES.get(code).copied()
}

/// Runs `work`, but no longer than the client of the call waits.
pub(crate) async fn within<T>(call: Option<Call>, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // Pinned here, so that both branches share its memory.
    let work = pin!(work);
    let Some(end) = call.and_then(|call| call.end) else { return work.await };
    let over = || Err(Error::client(Kind::Timeout(Waited::Call)));
    // Checked before the work begins: a call whose time is over is not started.
    if Instant::now() >= end {
        return over();
    }
    timeout_at(end, work).await.unwrap_or_else(|_| over())
}

#[cfg(test)]
mod tests;

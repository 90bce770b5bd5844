//! What gRPC asks of a proxy beyond HTTP: a call has a time limit that its client sets, may be silent for long, and is
//! answered in its own terms ([`crate::respond`] has the words).

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use proxy_http::message::{Fields, Known, Method, RequestHead, Version};
use tokio::time::{timeout_at, Instant};

use crate::error::{Error, Kind, Waited};

/// A time limit beyond this one is none.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How long both sides of a call may be silent over HTTP/2: a stream of messages is often one of news.
pub(crate) const SILENCE: Duration = Duration::from_secs(300);

/// A call: a request whose content is gRPC, sent as gRPC is: a POST over HTTP/2, or to a backend of HTTP/2. To anything
/// else a content type is a word of the client's, by which it could have its refusals look like successes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Call {
    /// In which wrapping.
    pub(crate) form: Form,
    /// Whether the client can send message after message: gRPC itself, over HTTP/2.
    pub(crate) streams: bool,
    /// When the client has no more use for an answer.
    pub(crate) end: Option<Instant>,
}

/// How the messages of a call are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/grpc`
    Plain,
    /// `application/grpc-web`, from a browser.
    Web,
    /// `application/grpc-web-text`, the same in Base64.
    WebText,
}

impl Form {
    /// That of a request over HTTP/2, if it is gRPC at all.
    pub(crate) fn of(request: &RequestHead) -> Option<Self> {
        (request.version == Version::Http2).then(|| Self::of_post(request))?
    }

    /// That of a request over whatever it came.
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

    /// The media type of an answer.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "application/grpc",
            Self::Web => "application/grpc-web",
            Self::WebText => "application/grpc-web-text",
        }
    }
}

impl Call {
    /// The call that this request is, if it is one. Its time begins `now`.
    pub(crate) fn of(request: &RequestHead, now: impl FnOnce() -> Instant) -> Option<Self> {
        Form::of(request).map(|form| Self::in_form(form, request, now))
    }

    /// The same of a request over whatever it came, to a backend of HTTP/2.
    pub(crate) fn to_http2(request: &RequestHead, now: impl FnOnce() -> Instant) -> Option<Self> {
        Form::of_post(request).map(|form| Self::in_form(form, request, now))
    }

    fn in_form(form: Form, request: &RequestHead, now: impl FnOnce() -> Instant) -> Self {
        let limit = request.fields.get(Known::GrpcTimeout).and_then(time_limit);
        let end = limit.and_then(|limit| now().checked_add(limit));
        Self { form, streams: form == Form::Plain && request.version == Version::Http2, end }
    }
}

/// What became of a call, which is answered with a 200 whatever becomes of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct GrpcOutcome {
    /// The status that any other request would have been answered with; 0: the one that it was answered with.
    pub reason: u16,
    /// The code that the client was told, as far as it is known.
    pub code: Option<u16>,
}

impl GrpcOutcome {
    /// The code that fields of a backend say.
    pub(crate) fn note(&mut self, fields: &Fields) {
        let code = fields.get(Known::GrpcStatus).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
        self.code = code.or(self.code);
    }
}

/// What `grpc-timeout` says: a number of at most eight digits and a unit. What is malformed is no limit here, and is
/// passed on: the backend has its own opinion of it.
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

/// What people call a status code of gRPC.
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

/// Does it, for no longer than the client of the call waits.
pub(crate) async fn within<T>(call: Option<Call>, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    // Pinned here, so that both ways through share its place.
    let work = pin!(work);
    let Some(end) = call.and_then(|call| call.end) else { return work.await };
    let over = || Err(Error::client(Kind::Timeout(Waited::Call)));
    // Without a first look at the work: a call whose time is over before it began is not begun.
    if Instant::now() >= end {
        return over();
    }
    timeout_at(end, work).await.unwrap_or_else(|_| over())
}

#[cfg(test)]
mod tests;

//! Limits on the number of hops of a request (`Max-Forwards`), and the answers to requests that have reached theirs
//! (RFC 9110, section 7.6.2).

use proxy_http::message::{Known, Method, RequestHead};

use super::{Exchange, Verdict};
use crate::error::Cause;

const MAX_FORWARDS: &str = "Max-Forwards";
/// Methods that are forwarded. A location, or the backend, may still refuse some of them.
const ALLOWED: &[u8] = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE";

/// Whether a request may be forwarded. This hop is counted if the request has a `Max-Forwards`.
#[inline]
pub(crate) fn may_go_on(request: &mut RequestHead) -> bool {
    !matches!(request.method, Method::Options | Method::Trace) || count(request)
}

/// Counts this hop in the `Max-Forwards` of an OPTIONS or TRACE. `false` if there may be no further hop. A value that
/// is no number, or one of several, is invalid and is removed.
#[cold]
fn count(request: &mut RequestHead) -> bool {
    let fields = &mut request.fields;
    if request.method == Method::Trace {
        // The response to a TRACE would show them (RFC 9110, section 9.3.8).
        fields.remove(Known::Authorization);
        fields.remove(Known::Cookie);
    }
    let mut values = fields.all(MAX_FORWARDS);
    let left = match (values.next(), values.next()) {
        (None, _) => return true,
        (Some(value), None) if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            value.iter().fold(0u32, |n, digit| n.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
        }
        _ => {
            drop(values);
            fields.remove(MAX_FORWARDS);
            return true;
        }
    };
    drop(values);
    match left.checked_sub(1) {
        Some(left) => fields.set(MAX_FORWARDS, left.to_string().as_bytes()),
        None => return false,
    }
    true
}

impl Exchange<'_> {
    /// Answers an OPTIONS or TRACE that may go no further. A TRACE is not echoed: there is no good reason to see its
    /// fields.
    pub(super) async fn answer_as_last(&mut self) -> Verdict {
        match self.work.request.method {
            Method::Options => self.answer(200, b"Content-Length: 0\r\n", b"").await,
            _ => self.refuse_method().await,
        }
    }

    /// Answers a request with a method that is not forwarded.
    pub(super) async fn refuse_method(&mut self) -> Verdict {
        self.work.response_additions.set("Allow", ALLOWED);
        self.fail(Cause::Method).await
    }
}

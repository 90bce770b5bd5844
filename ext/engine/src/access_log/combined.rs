//! The combined log format, as Apache and nginx write it.

use proxy_http::decimal;
use proxy_http::message::{Known, Version};

use crate::civil_time::CivilTime;
use crate::escape::push_or_dash;
use crate::rewrite::RequestValues;

/// `addr - user [31/Jan/2026:12:00:00 +0000] "GET /path?query HTTP/1.1" 200 65 "referer" "user agent"`, in UTC. For a
/// gRPC call that the proxy refused, the status is the one that any other request would get.
pub(super) fn write(scope: &RequestValues<'_>, out: &mut Vec<u8>) {
    let request = scope.request;
    push_or_dash(out, scope.client.addr.as_bytes());
    out.extend_from_slice(b" - ");
    push_or_dash(out, scope.user);
    out.extend_from_slice(b" [");
    CivilTime::of(scope.start).write_common_log(out);
    out.extend_from_slice(b"] \"");
    push_or_dash(out, request.method_text());
    if !request.method_text().is_empty() {
        out.push(b' ');
        push_or_dash(out, &scope.redaction.url(request.target()));
        out.extend_from_slice(match request.version {
            Version::Http10 => b" HTTP/1.0",
            Version::Http11 => b" HTTP/1.1",
            Version::Http2 => b" HTTP/2.0",
        });
    }
    out.extend_from_slice(b"\" ");
    let (status, bytes) = scope.response.map_or((0, 0), |response| (response.http_status(), response.bytes));
    decimal::push(out, u64::from(status));
    out.push(b' ');
    decimal::push(out, bytes);
    for field in [Known::Referer, Known::UserAgent] {
        out.extend_from_slice(b" \"");
        push_or_dash(out, &scope.redaction.url(request.fields.get(field).unwrap_or_default()));
        out.push(b'"');
    }
}

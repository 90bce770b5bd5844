//! One JSON object per line.

use proxy_http::decimal;
use proxy_http::message::{Known, Version};

use crate::civil_time::CivilTime;
use crate::escape::push_json;
use crate::rewrite::value::millis;
use crate::rewrite::RequestValues;

/// Writes one object. Every request has the same members in the same order; an absent text is `null`.
pub(super) fn write(scope: &RequestValues<'_>, out: &mut Vec<u8>) {
    let request = scope.request;
    out.extend_from_slice(b"{\"time\":\"");
    CivilTime::of(scope.start).write_rfc3339(out);
    out.push(b'"');
    match scope.sent_id {
        [] => text(out, "request_id", &scope.request_id.full()),
        sent => text(out, "request_id", sent),
    }
    if let Some(ids) = scope.trace {
        text(out, "trace_id", &ids.trace.digits());
        text(out, "span_id", &ids.span.digits());
    }
    text(out, "addr", scope.client.addr.as_bytes());
    text(out, "method", request.method_text());
    text(out, "scheme", scope.client.scheme().as_bytes());
    text(out, "host", request.authority());
    text(out, "path", request.path());
    text(out, "query", request.query().strip_prefix(b"?").unwrap_or_default());
    text(
        out,
        "protocol",
        match request.version {
            Version::Http10 => b"HTTP/1.0",
            Version::Http11 => b"HTTP/1.1",
            Version::Http2 => b"HTTP/2.0",
        },
    );
    text(out, "referer", request.fields.get(Known::Referer).unwrap_or_default());
    text(out, "user_agent", request.fields.get(Known::UserAgent).unwrap_or_default());
    if let Some(response) = &scope.response {
        name(out, "status");
        decimal::push(out, u64::from(response.status));
        name(out, "bytes");
        decimal::push(out, response.bytes);
        name(out, "duration_ms");
        millis(out, response.elapsed);
        text(out, "backend", response.backend.as_bytes());
        name(out, "attempts");
        decimal::push(out, u64::from(response.attempts));
        name(out, "reason");
        decimal::push(out, u64::from(response.reason()));
        name(out, "grpc_status");
        match response.grpc.code {
            Some(code) => decimal::push(out, u64::from(code)),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn text(out: &mut Vec<u8>, member: &str, value: &[u8]) {
    name(out, member);
    if value.is_empty() {
        out.extend_from_slice(b"null");
    } else {
        push_json(out, value);
    }
}

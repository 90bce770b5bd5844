//! One span in the JSON of OTLP: ids in hexadecimal digits, 64-bit numbers as text.

use std::time::{SystemTime, UNIX_EPOCH};

use proxy_http::decimal;
use proxy_http::message::Method;

use super::attributes::Attributes;
use crate::escape::push_json;
use crate::trace_context::{SpanId, TraceIds};

/// Whose side a span is of, as OTLP numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanKind {
    Server = 2,
    Client = 3,
}

/// All of a span.
pub(super) struct SpanFacts<'a> {
    pub(super) ids: TraceIds,
    pub(super) parent: Option<SpanId>,
    pub(super) link: Option<TraceIds>,
    pub(super) state: &'a [u8],
    pub(super) kind: SpanKind,
    pub(super) method: Method,
    pub(super) route: &'a str,
    /// Beginning and end.
    pub(super) times: (SystemTime, SystemTime),
    pub(super) attributes: &'a Attributes,
    pub(super) failed: bool,
}

impl SpanFacts<'_> {
    /// Appends the span as an object.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{");
        write_ids(out, self.ids);
        if let Some(parent) = self.parent {
            out.extend_from_slice(b",\"parentSpanId\":\"");
            out.extend_from_slice(&parent.digits());
            out.push(b'"');
        }
        if !self.state.is_empty() {
            out.extend_from_slice(b",\"traceState\":");
            push_json(out, self.state);
        }
        out.extend_from_slice(b",\"name\":");
        let method = name_of(self.method).unwrap_or("HTTP");
        let name = [method, if self.route.is_empty() { "" } else { " " }, self.route].concat();
        push_json(out, name.as_bytes());
        out.extend_from_slice(b",\"kind\":");
        decimal::push(out, self.kind as u64);
        for (name, time) in [("startTimeUnixNano", self.times.0), ("endTimeUnixNano", self.times.1)] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":\"");
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            decimal::push(out, u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
            out.push(b'"');
        }
        out.extend_from_slice(b",\"attributes\":");
        self.attributes.write(out);
        if let Some(link) = self.link {
            out.extend_from_slice(b",\"links\":[{");
            write_ids(out, link);
            out.extend_from_slice(b"}]");
        }
        if self.failed {
            out.extend_from_slice(b",\"status\":{\"code\":2}");
        }
        out.push(b'}');
    }
}

fn write_ids(out: &mut Vec<u8>, ids: TraceIds) {
    out.extend_from_slice(b"\"traceId\":\"");
    out.extend_from_slice(&ids.trace.digits());
    out.extend_from_slice(b"\",\"spanId\":\"");
    out.extend_from_slice(&ids.span.digits());
    out.push(b'"');
}

/// The method; `None` for one that the engine does not know: clients can invent any number of them.
pub(super) fn name_of(method: Method) -> Option<&'static str> {
    Some(match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Connect => "CONNECT",
        Method::Other => return None,
    })
}

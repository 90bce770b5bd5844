//! One JSON object per line.

use proxy_http::decimal;
use proxy_http::message::{Known, Version};

use crate::civil_time::CivilTime;
use crate::compile::Report;
use crate::escape::push_json;
use crate::listen::tls::TlsValue;
use crate::rewrite::value::millis;
use crate::rewrite::{RequestValues, ResponseInfo};
use crate::suggestion::did_you_mean;

macro_rules! json_fields {
    ($($name:ident = $text:literal,)*) => {
        /// A field of a line. The fields stand in the line in this order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum JsonField {
            $($name,)*
        }

        impl JsonField {
            const ALL: &'static [Self] = &[$(Self::$name),*];
            const NAMES: &'static [&'static str] = &[$($text),*];
        }
    };
}

json_fields! {
    Time = "time",
    RequestId = "request_id",
    Addr = "addr",
    Method = "method",
    Scheme = "scheme",
    Host = "host",
    Path = "path",
    Query = "query",
    Protocol = "protocol",
    Referer = "referer",
    UserAgent = "user_agent",
    Status = "status",
    Bytes = "bytes",
    DurationMs = "duration_ms",
    Backend = "backend",
    Attempts = "attempts",
    HttpStatus = "http_status",
    GrpcStatus = "grpc_status",
    Reason = "reason",
    Route = "route",
    Upstream = "upstream",
    RequestBytes = "request_bytes",
    QueueMs = "queue_ms",
    ConnectMs = "connect_ms",
    FirstByteMs = "first_byte_ms",
    TlsVersion = "tls_version",
    TlsCipher = "tls_cipher",
    TlsResumed = "tls_resumed",
    TraceId = "trace_id",
    SpanId = "span_id",
    Cache = "cache",
}

/// The fields of a line, one bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct JsonFields(u64);

impl JsonFields {
    /// All fields.
    pub(super) const ALL: Self = Self((1 << JsonField::ALL.len()) - 1);

    /// Checks the names of chosen fields.
    pub(super) fn compile(names: Option<&[String]>, report: &mut Report<'_>) -> Option<Self> {
        let Some(names) = names else { return Some(Self::ALL) };
        let mut fields = 0;
        for name in names {
            match JsonField::NAMES.iter().position(|known| known == name) {
                Some(number) => fields |= 1 << number,
                None => report.error(format!("{name:?} is not a field {}", did_you_mean(name, JsonField::NAMES))),
            }
        }
        if names.is_empty() {
            report.error("the list is empty: write names such as [\"time\", \"path\", \"status\"], or leave it out");
        }
        report.is_sound().then_some(Self(fields))
    }
}

/// Writes one object. Every request has the same members in the same order; what is absent or unknown is `null`.
/// `rate`: the share of requests that the line stands for, if it is to be told.
pub(super) fn write(scope: &RequestValues<'_>, fields: JsonFields, rate: Option<&str>, out: &mut Vec<u8>) {
    let mut separator = b'{';
    for (number, field) in JsonField::ALL.iter().enumerate().filter(|(number, _)| fields.0 >> number & 1 == 1) {
        out.push(std::mem::replace(&mut separator, b','));
        name(out, JsonField::NAMES[number]);
        let start = out.len();
        match &scope.response {
            Some(response) => of_response(*field, scope, response, out),
            None => of_request(*field, scope, out),
        }
        if out.len() == start {
            out.extend_from_slice(b"null");
        }
    }
    if let Some(rate) = rate {
        out.push(separator);
        name(out, "sample_rate");
        out.extend_from_slice(rate.as_bytes());
    }
    out.push(b'}');
}

fn of_response(field: JsonField, scope: &RequestValues<'_>, response: &ResponseInfo<'_>, out: &mut Vec<u8>) {
    match field {
        JsonField::Status => decimal::push(out, u64::from(response.status)),
        JsonField::Bytes => decimal::push(out, response.bytes),
        JsonField::DurationMs => millis(out, response.elapsed),
        JsonField::Backend => text(out, response.backend.as_bytes()),
        JsonField::Attempts => decimal::push(out, u64::from(response.attempts)),
        JsonField::HttpStatus => decimal::push(out, u64::from(response.http_status())),
        JsonField::GrpcStatus => {
            if let Some(code) = response.grpc.code {
                decimal::push(out, u64::from(code));
            }
        }
        JsonField::Reason => text(out, response.reason.map_or("", |reason| reason.as_str()).as_bytes()),
        JsonField::Cache => text(out, response.cache.as_bytes()),
        JsonField::Upstream => text(out, response.upstream.as_bytes()),
        JsonField::RequestBytes => decimal::push(out, response.request_bytes),
        JsonField::QueueMs => millis(out, response.queue),
        JsonField::ConnectMs => millis(out, response.connect),
        JsonField::FirstByteMs => {
            if let Some(time) = response.first_byte {
                millis(out, time);
            }
        }
        field => of_request(field, scope, out),
    }
}

fn of_request(field: JsonField, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
    let request = scope.request;
    match field {
        JsonField::Time => {
            out.push(b'"');
            CivilTime::of(scope.start).write_rfc3339(out);
            out.push(b'"');
        }
        JsonField::RequestId => match scope.sent_id {
            [] => text(out, &scope.request_id.full()),
            sent => text(out, sent),
        },
        JsonField::Addr => text(out, scope.client.addr.as_bytes()),
        JsonField::Method => text(out, request.method_text()),
        JsonField::Scheme => text(out, scope.client.scheme().as_bytes()),
        JsonField::Host => text(out, request.authority()),
        JsonField::Path => text(out, request.path()),
        JsonField::Query => {
            text(out, &scope.redaction.query(request.query().strip_prefix(b"?").unwrap_or_default()));
        }
        JsonField::Protocol => text(
            out,
            match request.version {
                Version::Http10 => b"HTTP/1.0",
                Version::Http11 => b"HTTP/1.1",
                Version::Http2 => b"HTTP/2.0",
            },
        ),
        JsonField::Referer => {
            text(out, &scope.redaction.url(request.fields.get(Known::Referer).unwrap_or_default()));
        }
        JsonField::UserAgent => text(out, request.fields.get(Known::UserAgent).unwrap_or_default()),
        JsonField::Route => text(out, scope.route.as_bytes()),
        JsonField::TlsVersion => tls(TlsValue::Version, scope, out),
        JsonField::TlsCipher => tls(TlsValue::Cipher, scope, out),
        JsonField::TlsResumed => {
            if let Some(details) = &scope.client.secured {
                details.write(TlsValue::Resumed, out);
            }
        }
        JsonField::TraceId => {
            if let Some(ids) = scope.trace {
                text(out, &ids.trace.digits());
            }
        }
        JsonField::SpanId => {
            if let Some(ids) = scope.trace {
                text(out, &ids.span.digits());
            }
        }
        JsonField::Status
        | JsonField::Bytes
        | JsonField::DurationMs
        | JsonField::Backend
        | JsonField::Attempts
        | JsonField::HttpStatus
        | JsonField::GrpcStatus
        | JsonField::Reason
        | JsonField::Upstream
        | JsonField::RequestBytes
        | JsonField::QueueMs
        | JsonField::ConnectMs
        | JsonField::FirstByteMs
        | JsonField::Cache => {}
    }
}

/// Writes a value of the connection that needs no escapes.
fn tls(value: TlsValue, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
    let Some(details) = &scope.client.secured else { return };
    let start = out.len();
    out.push(b'"');
    details.write(value, out);
    match out.len() {
        end if end == start + 1 => out.truncate(start),
        _ => out.push(b'"'),
    }
}

fn name(out: &mut Vec<u8>, name: &str) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Writes a text; an absent one writes nothing.
fn text(out: &mut Vec<u8>, value: &[u8]) {
    if !value.is_empty() {
        push_json(out, value);
    }
}

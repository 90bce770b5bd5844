//! Meaning of the name in a placeholder.

use proxy_http::decimal;
use proxy_http::message::{FieldName, Fields};

use super::cookie::{cookie, cookies};
use super::value;
use super::RequestValues;
use crate::civil_time::CivilTime;
use crate::listen::tls::TlsValue;

/// Context of a rewrite, which decides the meaning of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Context {
    /// Text that is sent to a backend.
    Request,
    /// Text that is sent to the client.
    Response,
    /// A line of the access log. It knows the names of both other contexts; fields of the request come before those of
    /// the response.
    Log,
}

macro_rules! built_ins {
    ($($variant:ident = $text:literal in $($context:ident)|+,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum BuiltIn { $($variant),* }

        impl BuiltIn {
            const ALL: &'static [(BuiltIn, &'static str, &'static [Context])] =
                &[$((BuiltIn::$variant, $text, &[$(Context::$context),+])),*];
        }
    };
}

built_ins! {
    RequestId = "request_id" in Request | Response | Log,
    RequestIdFull = "request_id_full" in Request | Response | Log,
    Addr = "addr" in Request | Response | Log,
    AuthUser = "auth_user" in Request | Response | Log,
    Method = "method" in Request | Log,
    Path = "path" in Request | Log,
    Query = "query" in Request | Log,
    PathAndQuery = "path_and_query" in Request | Log,
    Host = "host" in Request | Log,
    Port = "port" in Request | Log,
    Scheme = "scheme" in Request | Log,
    StartTime = "start_time" in Request | Log,
    TlsVersion = "tls_version" in Request | Response | Log,
    TlsCipher = "tls_cipher" in Request | Response | Log,
    TlsServerName = "tls_server_name" in Request | Response | Log,
    TlsAlpn = "tls_alpn" in Request | Response | Log,
    ClientVerify = "client_verify" in Request | Response | Log,
    ClientCertSubject = "client_cert_subject" in Request | Response | Log,
    ClientCertIssuer = "client_cert_issuer" in Request | Response | Log,
    ClientCertSerial = "client_cert_serial" in Request | Response | Log,
    ClientCertFingerprint = "client_cert_fingerprint" in Request | Response | Log,
    ClientCertSan = "client_cert_san" in Request | Response | Log,
    TlsResumed = "tls_resumed" in Request | Response | Log,
    Route = "route" in Request | Response | Log,
    TraceId = "trace_id" in Request | Response | Log,
    SpanId = "span_id" in Request | Response | Log,
    Status = "status" in Response | Log,
    ResponseTime = "response_time" in Response | Log,
    Backend = "backend" in Response | Log,
    Attempts = "attempts" in Response | Log,
    Cache = "cache" in Response | Log,
    HttpStatus = "http_status" in Response | Log,
    Reason = "reason" in Response | Log,
    Upstream = "upstream" in Response | Log,
    QueueTime = "queue_time" in Response | Log,
    ConnectTime = "connect_time" in Response | Log,
    FirstByteTime = "first_byte_time" in Response | Log,
    GrpcStatus = "grpc_status" in Response | Log,
    Bytes = "bytes" in Log,
    RequestBytes = "request_bytes" in Log,
}

impl BuiltIn {
    /// The names with a meaning in `context`.
    pub(super) fn names(context: Context) -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().filter(move |(.., contexts)| contexts.contains(&context)).map(|(_, name, _)| *name)
    }

    fn of(text: &str, context: Context) -> Option<Self> {
        let (built_in, ..) = Self::ALL.iter().find(|(_, name, c)| *name == text && c.contains(&context))?;
        Some(*built_in)
    }
}

/// Source of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// The message, unchanged.
    Message,
    /// A capture. Its percent-escapes are decoded.
    Capture,
}

/// A name, resolved as far as possible at load.
#[derive(Debug, Clone)]
pub(super) enum Name {
    BuiltIn(BuiltIn, Box<str>),
    /// `cookie.NAME`, with the prefix.
    Cookie(Box<str>),
    /// A capture, or otherwise a field.
    Field(FieldName),
}

const COOKIE: &str = "cookie.";

impl Name {
    /// The meaning of `text`; `None` if neither a field nor a capture can have this name.
    pub(super) fn of(text: &str, context: Context) -> Option<Self> {
        if let Some(built_in) = BuiltIn::of(text, context) {
            return Some(Name::BuiltIn(built_in, text.into()));
        }
        let field = FieldName::new(text)?;
        let is_cookie = context != Context::Response && text.len() > COOKIE.len() && text.starts_with(COOKIE);
        Some(if is_cookie { Name::Cookie(text.into()) } else { Name::Field(field) })
    }

    /// The name as written.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Name::BuiltIn(_, text) | Name::Cookie(text) => text,
            Name::Field(field) => field.as_str(),
        }
    }

    /// Whether this is the path, the query, or both: text that is already a valid part of a URL.
    pub(super) fn is_path_like(&self) -> bool {
        matches!(self, Name::BuiltIn(BuiltIn::Path | BuiltIn::Query | BuiltIn::PathAndQuery, _))
    }

    /// Whether the value may be a URL or a part of one, with a query.
    pub(super) fn may_hold_query(&self) -> bool {
        matches!(self, Name::Field(_) | Name::BuiltIn(BuiltIn::Query | BuiltIn::PathAndQuery, _))
    }

    /// Whether this is the query.
    pub(super) fn is_query(&self) -> bool {
        matches!(self, Name::BuiltIn(BuiltIn::Query, _))
    }

    /// Whether this contains the path, so that it shows the `*` of `OPTIONS *`.
    pub(super) fn is_path(&self) -> bool {
        matches!(self, Name::BuiltIn(BuiltIn::Path | BuiltIn::PathAndQuery, _))
    }

    /// The built-in name, if this is one.
    pub(super) fn built_in(&self) -> Option<BuiltIn> {
        match self {
            Name::BuiltIn(built_in, _) => Some(*built_in),
            _ => None,
        }
    }

    /// The values of the cookies that this names; none for any other name.
    pub(super) fn cookies<'f>(&'f self, fields: &'f Fields) -> impl Iterator<Item = &'f [u8]> {
        let name = match self {
            Name::Cookie(text) => Some(&text.as_bytes()[COOKIE.len()..]),
            Name::BuiltIn(..) | Name::Field(_) => None,
        };
        name.into_iter().flat_map(|name| cookies(fields, name))
    }

    /// Appends the value. `None` if there is neither a field nor a capture with this name.
    pub(super) fn write(&self, scope: &RequestValues<'_>, context: Context, out: &mut Vec<u8>) -> Option<Found> {
        match self {
            Name::BuiltIn(built_in, _) => built_in.write(scope, out),
            Name::Cookie(text) => {
                let name = &text.as_bytes()[COOKIE.len()..];
                out.extend_from_slice(cookie(&scope.request.fields, name).unwrap_or_default());
            }
            Name::Field(field) => {
                // A name from the configuration comes first, so that no client can override it by a field.
                if let Some(captured) = scope.captures.get(field.as_str(), &scope.request.fields) {
                    out.extend_from_slice(captured);
                    return Some(Found::Capture);
                }
                let response = scope.response.and_then(|response| response.fields);
                let found = match context {
                    Context::Request => write_field(&scope.request.fields, field, out),
                    Context::Response => response.is_some_and(|fields| write_field(fields, field, out)),
                    Context::Log => {
                        write_field(&scope.request.fields, field, out)
                            || response.is_some_and(|fields| write_field(fields, field, out))
                    }
                };
                if !found {
                    return None;
                }
            }
        }
        Some(Found::Message)
    }
}

/// Appends the values of all lines of a field, as one list (RFC 9110, section 5.3).
fn write_field(fields: &Fields, name: &FieldName, out: &mut Vec<u8>) -> bool {
    let mut values = fields.all(name);
    let Some(first) = values.next() else { return false };
    out.extend_from_slice(first);
    for value in values {
        out.extend_from_slice(b", ");
        out.extend_from_slice(value);
    }
    true
}

impl BuiltIn {
    fn write(self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        let tls = |value, out: &mut Vec<u8>| {
            if let Some(details) = &scope.client.secured {
                details.write(value, out);
            }
        };
        match self {
            BuiltIn::RequestId | BuiltIn::RequestIdFull if !scope.sent_id.is_empty() => {
                out.extend_from_slice(scope.sent_id);
            }
            BuiltIn::RequestId => out.extend_from_slice(&scope.request_id.short()),
            BuiltIn::RequestIdFull => out.extend_from_slice(&scope.request_id.full()),
            BuiltIn::AuthUser => out.extend_from_slice(scope.user),
            BuiltIn::Addr => out.extend_from_slice(scope.client.addr.as_bytes()),
            BuiltIn::Method => out.extend_from_slice(scope.request.method_text()),
            BuiltIn::Path => out.extend_from_slice(scope.path),
            BuiltIn::Query => out.extend_from_slice(scope.request.query()),
            BuiltIn::PathAndQuery => {
                out.extend_from_slice(scope.path);
                out.extend_from_slice(scope.request.query());
            }
            BuiltIn::Host => out.extend_from_slice(scope.request.host()),
            BuiltIn::Port => match scope.request.port() {
                Some(port) => out.extend_from_slice(port),
                None => {
                    let default = if scope.client.tls { 443 } else { 80 };
                    decimal::push(out, u64::from(scope.client.local_port.unwrap_or(default)));
                }
            },
            BuiltIn::Scheme => out.extend_from_slice(scope.client.scheme().as_bytes()),
            BuiltIn::StartTime => CivilTime::of(scope.start).write_start_time(out),
            BuiltIn::TraceId => {
                if let Some(ids) = scope.trace {
                    out.extend_from_slice(&ids.trace.digits());
                }
            }
            BuiltIn::SpanId => {
                if let Some(ids) = scope.trace {
                    out.extend_from_slice(&ids.span.digits());
                }
            }
            BuiltIn::Status
            | BuiltIn::ResponseTime
            | BuiltIn::Backend
            | BuiltIn::Attempts
            | BuiltIn::Cache
            | BuiltIn::HttpStatus
            | BuiltIn::Reason
            | BuiltIn::Upstream
            | BuiltIn::QueueTime
            | BuiltIn::ConnectTime
            | BuiltIn::FirstByteTime
            | BuiltIn::RequestBytes
            | BuiltIn::GrpcStatus
            | BuiltIn::Bytes => {
                let Some(response) = scope.response else { return };
                match self {
                    BuiltIn::Status => decimal::push(out, u64::from(response.status)),
                    BuiltIn::ResponseTime => value::response_time(out, response.elapsed),
                    BuiltIn::Backend => out.extend_from_slice(response.backend.as_bytes()),
                    BuiltIn::Cache => out.extend_from_slice(response.cache.as_bytes()),
                    BuiltIn::Attempts => decimal::push(out, u64::from(response.attempts)),
                    BuiltIn::HttpStatus => decimal::push(out, u64::from(response.http_status())),
                    BuiltIn::Reason => {
                        out.extend_from_slice(response.reason.map_or("", |reason| reason.as_str()).as_bytes());
                    }
                    BuiltIn::Upstream => out.extend_from_slice(response.upstream.as_bytes()),
                    BuiltIn::QueueTime => value::response_time(out, response.queue),
                    BuiltIn::ConnectTime => value::response_time(out, response.connect),
                    BuiltIn::FirstByteTime => {
                        if let Some(time) = response.first_byte {
                            value::response_time(out, time);
                        }
                    }
                    BuiltIn::RequestBytes => decimal::push(out, response.request_bytes),
                    BuiltIn::GrpcStatus => {
                        if let Some(code) = response.grpc.code {
                            decimal::push(out, u64::from(code));
                        }
                    }
                    _ => decimal::push(out, response.bytes),
                }
            }
            BuiltIn::Route => out.extend_from_slice(scope.route.as_bytes()),
            BuiltIn::TlsResumed => tls(TlsValue::Resumed, out),
            BuiltIn::TlsVersion => tls(TlsValue::Version, out),
            BuiltIn::TlsCipher => tls(TlsValue::Cipher, out),
            BuiltIn::TlsServerName => tls(TlsValue::ServerName, out),
            BuiltIn::TlsAlpn => tls(TlsValue::Alpn, out),
            BuiltIn::ClientVerify => tls(TlsValue::ClientVerify, out),
            BuiltIn::ClientCertSubject => tls(TlsValue::ClientSubject, out),
            BuiltIn::ClientCertIssuer => tls(TlsValue::ClientIssuer, out),
            BuiltIn::ClientCertSerial => tls(TlsValue::ClientSerial, out),
            BuiltIn::ClientCertFingerprint => tls(TlsValue::ClientFingerprint, out),
            BuiltIn::ClientCertSan => tls(TlsValue::ClientNames, out),
        }
    }
}

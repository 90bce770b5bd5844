//! Traces: what happened to a request, as spans that a collector gets (OpenTelemetry, OTLP over HTTP in JSON).
//!
//! Each request has one span for its client (SERVER) and one for each attempt at a backend (CLIENT). An engine thread
//! writes the finished spans of a request into a [`SpanBuffer`] of its own and hands them on together; a task of the
//! background sends them ([`exporter`]). Nobody waits for the collector: what it cannot take is lost and counted.
//!
//! A request that is not recorded costs the reading and writing of the fields alone.

mod attributes;
mod buffer;
mod compile;
mod exporter;
mod span;
mod trace;

pub(crate) use buffer::SpanBuffer;
pub(crate) use exporter::{Exporter, Exporters};
pub(crate) use trace::{Trace, TraceEnding};

use std::sync::Arc;
use std::time::SystemTime;

use proxy_http::message::{RequestHead, Version};
use tokio::time::Instant;

use crate::client::ClientInfo;
use crate::rewrite::Redaction;
use crate::trace_context::{self, SpanId, TraceFormat, TraceId, TraceIds};
use crate::upstream::Backend;

/// A compiled `tracing` directive.
#[derive(Debug)]
pub(crate) struct Tracer {
    exporter: Arc<Exporter>,
    /// Traces whose [`TraceId::share`] is below this are recorded.
    sampled_below: u64,
    trust: Trust,
    /// Fields that are read beside `traceparent`.
    read: Box<[TraceFormat]>,
}

/// Whose statements on a trace are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    All,
    TrustedProxies,
}

/// Who asks.
#[derive(Clone, Copy)]
pub(crate) struct TraceClient<'a> {
    pub(crate) client: &'a ClientInfo,
    /// The other end of the connection.
    pub(crate) peer: &'a ClientInfo,
    /// Whether the peer is a trusted proxy.
    pub(crate) trusted: bool,
    /// What spans hide.
    pub(crate) redaction: &'a Redaction,
}

/// Whom an attempt has asked, and for what.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) backend: &'a Backend,
    /// Path and query.
    pub(crate) target: &'a [u8],
    /// Version of the connection, if there was one.
    pub(crate) version: Option<Version>,
    /// What spans hide.
    pub(crate) redaction: &'a Redaction,
}

impl Tracer {
    /// What gets the spans.
    pub(crate) fn exporter(&self) -> &Arc<Exporter> {
        &self.exporter
    }

    /// Begins the trace of a request, or goes on with the one that its client has begun. `begun` is the time of the
    /// request's first byte. `tracestate` stays among the fields only if the trace goes on.
    pub(crate) fn begin(&self, request: &mut RequestHead, asking: TraceClient<'_>, begun: Instant) -> Box<Trace> {
        let told = trace_context::read(&request.fields, &self.read);
        let believed = match self.trust {
            Trust::All => true,
            Trust::TrustedProxies => asking.trusted,
        };
        let known = told.trace.filter(|_| believed);
        let trace = known.unwrap_or_else(TraceId::random);
        let decided = told.sampled.filter(|_| believed);
        let link = match (believed, told.trace, told.span) {
            (false, Some(trace), Some(span)) => Some(TraceIds { trace, span }),
            _ => None,
        };
        match known {
            Some(_) if told.by_w3c => trace_context::keep_state(&mut request.fields),
            _ => request.fields.remove(trace_context::TRACESTATE),
        }
        let ids = TraceIds { trace, span: SpanId::random() };
        let sampled = decided.unwrap_or_else(|| trace.share() < self.sampled_below);
        let mut trace = Trace::new(ids, sampled, told.random && known.is_some());
        if sampled {
            let parent = told.span.filter(|_| known.is_some());
            trace.record(request, asking, (parent, link), (begun, SystemTime::now()));
        }
        Box::new(trace)
    }
}

#[cfg(test)]
mod tests;

//! The trace of one request while it is served.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proxy_http::message::{Method, RequestHead};
use tokio::time::Instant;

use super::attributes::Attributes;
use super::span::{SpanFacts, SpanKind};
use super::{Asked, TraceClient};
use crate::error::EndReason;
use crate::metrics::Exemplar;
use crate::trace_context::{self, SpanId, TraceIds, TRACESTATE};

/// Attempts of one request that are recorded, at most.
const MOST_ATTEMPTS: usize = 64;

/// First status that is an error of the side that asks, and of the side that answers.
const CLIENT_ERROR: u16 = 400;
const SERVER_ERROR: u16 = 500;

/// The trace that a request belongs to, and what is recorded of it.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The span that the client sees.
    ids: TraceIds,
    sampled: bool,
    /// Whether the sender says that the trace's id is random.
    random: bool,
    /// `None` if the trace is not recorded.
    recorded: Option<Recorded>,
}

/// What is known of a request so far.
#[derive(Debug)]
struct Recorded {
    begun: Instant,
    /// The time of day at `begun`.
    begun_at: SystemTime,
    parent: Option<SpanId>,
    link: Option<TraceIds>,
    /// `tracestate`; usually empty.
    state: Vec<u8>,
    method: Method,
    attributes: Attributes,
    attempts: Vec<TracedAttempt>,
}

/// One attempt at a backend.
#[derive(Debug)]
struct TracedAttempt {
    span: SpanId,
    begun: Instant,
    /// `None` while it lasts.
    ended: Option<Instant>,
    method: Method,
    attributes: Attributes,
    /// Status of the response; 0 without one.
    status: u16,
    failed: Option<EndReason>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TraceEnding<'a> {
    /// Name of the location; empty if none was found.
    pub(crate) route: &'a str,
    /// Status of the response; 499 if the client went away before it.
    pub(crate) status: u16,
    pub(crate) reason: Option<EndReason>,
}

impl Trace {
    /// A trace of which nothing is recorded yet.
    pub(super) fn new(ids: TraceIds, sampled: bool, random: bool) -> Self {
        Self { ids, sampled, random, recorded: None }
    }

    /// Records the request as its client sent it. `begun` is its beginning, `now` the time of day.
    pub(super) fn record(
        &mut self,
        request: &RequestHead,
        asking: TraceClient<'_>,
        (parent, link): (Option<SpanId>, Option<TraceIds>),
        (begun, now): (Instant, SystemTime),
    ) {
        self.recorded = Some(Recorded {
            begun,
            begun_at: now.checked_sub(begun.elapsed()).unwrap_or(UNIX_EPOCH),
            parent,
            link,
            state: request.fields.get(TRACESTATE).unwrap_or_default().to_vec(),
            method: request.method,
            attributes: Attributes::of_request(request, asking),
            attempts: Vec::new(),
        });
    }

    /// Trace and span of the request, for logs and string rewrites.
    pub(crate) fn ids(&self) -> TraceIds {
        self.ids
    }

    /// The trace as an exemplar of a time from the begin of its request. `None` if the trace is not recorded.
    pub(crate) fn exemplar(&self, value: Duration) -> Option<Exemplar> {
        let begun_at = self.recorded.as_ref()?.begun_at;
        Some(Exemplar { trace: self.ids.trace, value, at: begun_at + value })
    }

    /// Begins an attempt with a span of its own, and returns the `traceparent` that tells a backend of it. `resent` is
    /// how often the request was sent before.
    pub(crate) fn begin_attempt(&mut self, method: Method, resent: u32) -> [u8; trace_context::PARENT_LENGTH] {
        let span = SpanId::random();
        if let Some(recorded) = &mut self.recorded {
            let now = Instant::now();
            recorded.end_attempt(now);
            if recorded.attempts.len() < MOST_ATTEMPTS {
                let mut attributes = Attributes::of_method(method, b"");
                if resent > 0 {
                    attributes.number("http.request.resend_count", u64::from(resent));
                }
                let (status, failed, ended) = (0, None, None);
                recorded.attempts.push(TracedAttempt { span, begun: now, ended, method, attributes, status, failed });
            }
        }
        trace_context::traceparent(TraceIds { span, ..self.ids }, self.sampled, self.random)
    }

    /// Notes whom the attempt has asked, and what came of it: the status of the response, whose body is still to come,
    /// or a failure, which ends the attempt.
    pub(crate) fn note_attempt(&mut self, asked: Asked<'_>, result: Result<u16, EndReason>) {
        let Some(recorded) = &mut self.recorded else { return };
        let Some(attempt) = recorded.attempts.last_mut().filter(|attempt| attempt.ended.is_none()) else { return };
        attempt.attributes.add_asked(asked);
        match result {
            Ok(status) => attempt.status = status,
            Err(reason) => {
                attempt.failed = Some(reason);
                attempt.ended = Some(Instant::now());
            }
        }
    }

    /// Ends the attempt whose response is complete, or not wanted any more.
    pub(crate) fn end_attempt(&mut self) {
        if let Some(recorded) = &mut self.recorded {
            recorded.end_attempt(Instant::now());
        }
    }

    /// Appends the spans of the request, with commas between them, and returns their number: 0 if the trace is not
    /// recorded.
    pub(crate) fn write(self, ending: TraceEnding<'_>, out: &mut Vec<u8>) -> usize {
        let Some(recorded) = self.recorded else { return 0 };
        let now = Instant::now();
        let Recorded { begun, begun_at, parent, link, state, method, mut attributes, attempts } = recorded;
        let at = |instant: Instant| begun_at + instant.saturating_duration_since(begun);
        let count = attempts.len() + 1;
        for mut attempt in attempts {
            if attempt.ended.is_none() && attempt.failed.is_none() {
                attempt.failed = ending.reason.filter(|reason| is_failure(*reason) || attempt.status == 0);
            }
            attempt.attributes.add_result(attempt.status, attempt.failed, CLIENT_ERROR);
            let facts = SpanFacts {
                ids: TraceIds { span: attempt.span, ..self.ids },
                parent: Some(self.ids.span),
                link: None,
                state: &state,
                kind: SpanKind::Client,
                method: attempt.method,
                route: "",
                times: (at(attempt.begun), at(attempt.ended.unwrap_or(now))),
                attributes: &attempt.attributes,
                failed: attempt.failed.is_some() || attempt.status >= CLIENT_ERROR,
            };
            facts.write(out);
            out.push(b',');
        }
        let TraceEnding { route, status, reason } = ending;
        attributes.add_route(route);
        // Nothing was sent to a client that had gone.
        attributes.add_result(if status == 499 { 0 } else { status }, reason, SERVER_ERROR);
        let failed = status >= SERVER_ERROR || reason.is_some_and(is_failure);
        let (ids, kind) = (self.ids, SpanKind::Server);
        let times = (begun_at, at(now));
        let facts =
            SpanFacts { ids, parent, link, state: &state, kind, method, route, times, attributes: &attributes, failed };
        facts.write(out);
        count
    }
}

impl Recorded {
    fn end_attempt(&mut self, now: Instant) {
        if let Some(attempt) = self.attempts.last_mut() {
            attempt.ended.get_or_insert(now);
        }
    }
}

/// Whether a request that ends so has failed on our side or behind it, whatever its status.
fn is_failure(reason: EndReason) -> bool {
    match reason {
        EndReason::BackendRefused
        | EndReason::BackendTimeout
        | EndReason::BackendCut
        | EndReason::BackendError
        | EndReason::QueueFull
        | EndReason::QueueTimeout
        | EndReason::Shutdown
        | EndReason::InternalError => true,
        EndReason::ClientClosed
        | EndReason::ClientTimeout
        | EndReason::Limit
        | EndReason::Denied
        | EndReason::Malformed
        | EndReason::NoRoute => false,
    }
}

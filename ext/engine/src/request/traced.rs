//! The trace of a request, as its steps write it.

use proxy_http::message::Method;

use super::{Exchange, Workspace};
use crate::channel::Channel;
use crate::error::{EndReason, Error};
use crate::trace_context::{TraceIds, TRACEPARENT};
use crate::tracing::{Asked, Trace, TraceEnding};
use crate::upstream::Backend;

impl Workspace {
    /// Trace and span of the request. `None` without `tracing`.
    pub(crate) fn trace_ids(&self) -> Option<TraceIds> {
        self.trace.as_ref().map(|trace| trace.ids())
    }
}

impl Exchange<'_> {
    /// Begins the span of an attempt at a backend, and tells the backend of it in `work.request`, unless the
    /// configuration sets that field itself.
    #[inline]
    pub(crate) fn trace_attempt(&mut self, own: bool) {
        if let Some(trace) = &mut self.work.trace {
            let request = &mut self.work.request;
            let parent = trace.begin_attempt(request.method, self.outcome.attempts.saturating_sub(1));
            if !own {
                request.fields.set(TRACEPARENT, &parent);
            }
        }
    }

    /// Begins the span of a question to another server, and returns the `traceparent` for it.
    pub(crate) fn trace_question(&mut self, asked_before: u32) -> Option<[u8; crate::trace_context::PARENT_LENGTH]> {
        self.work.trace.as_mut().map(|trace| trace.begin_attempt(Method::Get, asked_before))
    }

    /// Notes what came of an attempt.
    #[inline(always)]
    pub(crate) fn note_traced(&mut self, backend: &Backend, connection: Option<&Channel>, result: Result<&(), &Error>) {
        if let Some(trace) = &mut self.work.trace {
            let target = &self.work.target.path_and_query;
            let (version, redaction) = (connection.map(Channel::version), &self.globals.redaction);
            let asked = Asked { backend, target, version, redaction };
            let status = self.work.response.status;
            trace.note_attempt(asked, result.map(|()| status).map_err(EndReason::from));
        }
    }

    /// Ends the span of an attempt whose response was read to its end.
    pub(crate) fn end_traced(&mut self) {
        if let Some(trace) = &mut self.work.trace {
            trace.end_attempt();
        }
    }

    /// Ends the trace.
    #[inline]
    pub(crate) fn end_trace(&mut self) {
        if let (Some(trace), Some(tracer)) = (self.work.trace.take(), &self.globals.tracing) {
            self.exemplify(&trace);
            let ending =
                TraceEnding { route: self.route_name(), status: self.outcome.status, reason: self.outcome.reason };
            self.tools.end_trace(tracer, *trace, ending);
        }
    }

    /// Notes the trace in the histograms that have counted the request.
    fn exemplify(&self, trace: &Trace) {
        let Some(metrics) = self.globals.metrics.as_ref().filter(|_| self.is_counted()) else { return };
        let thread = self.tools.counters.thread();
        let Some(whole) = trace.exemplar(self.took()) else { return };
        metrics.exemplify((self.counted.as_ref(), thread), self.outcome.counted_status(), whole);
        let first_byte = self.outcome.figures.first_byte.and_then(|time| trace.exemplar(time));
        if let (Some(first_byte), Some(backend), true) = (first_byte, self.outcome.last_asked(), self.counted.is_some())
        {
            backend.group().series().exemplify(thread, first_byte);
        }
    }
}

//! Counting of requests for metrics.

use std::time::Duration;

use crate::metrics::RequestMetrics;
use crate::request::{Exchange, Workspace};
use crate::worker::Worker;

impl Exchange<'_> {
    /// Counts the request, which is over. A refused gRPC call counts with the HTTP status behind the refusal.
    pub(super) fn count(&self, metrics: &RequestMetrics) {
        if !self.is_counted() {
            return;
        }
        let (counters, outcome, request) = (&self.tools.counters, &self.outcome, &self.work.request);
        let status = outcome.counted_status();
        let asked = (request.method, || request.host());
        metrics.answered((self.counted.as_ref(), counters.thread()), asked, status, self.took());
        counters.moved(outcome.figures.request_bytes, outcome.bytes);
    }
}

/// Counts a request that could not be read, or was not sent whole.
#[cold]
pub(super) fn count_refused(worker: &Worker, work: &Workspace, status: u16, bytes: u64, elapsed: Duration) {
    let snapshot = worker.snapshot();
    let Some(metrics) = &snapshot.globals.metrics else { return };
    let asked = (work.request.method, || work.request.host());
    metrics.answered((None, worker.counters.thread()), asked, status, elapsed);
    worker.counters.moved(0, bytes);
}

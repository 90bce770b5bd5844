//! All exporters of a server, those of earlier configurations included.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{SpanCounts, WaitingSpans};
use crate::log::Log;
use crate::stats::SpanStats;

/// The exporters that run, and the figures of all.
#[derive(Debug, Default)]
pub(crate) struct Exporters {
    running: Mutex<Vec<Running>>,
    counts: Arc<SpanCounts>,
}

/// A task that has begun.
#[derive(Debug)]
pub(super) struct Running {
    /// Told when the server ends.
    pub(super) closing: Arc<Notify>,
    pub(super) task: JoinHandle<()>,
    pub(super) waiting: Arc<WaitingSpans>,
}

impl Exporters {
    pub(super) fn counts(&self) -> &Arc<SpanCounts> {
        &self.counts
    }

    pub(super) fn add(&self, new: Running) {
        let mut running = self.running.lock();
        running.retain(|one| !one.task.is_finished());
        running.push(new);
    }

    /// Figures since the start of the server.
    pub(crate) fn stats(&self) -> SpanStats {
        let running = self.running.lock();
        let waiting = running.iter().map(|one| one.waiting.spans.load(Relaxed) as u64).sum();
        SpanStats { sent: self.counts.sent.load(Relaxed), lost: self.counts.lost.load(Relaxed), waiting }
    }

    /// Sends what is left, once no engine thread can bring more. What is not sent within `limit` is lost.
    pub(crate) async fn close(&self, limit: Duration, log: &Log) {
        let end = Instant::now() + limit;
        let all = std::mem::take(&mut *self.running.lock());
        for one in &all {
            one.closing.notify_one();
        }
        for mut one in all {
            if tokio::time::timeout_at(end, &mut one.task).await.is_err() {
                one.task.abort();
                let _ = one.task.await;
                let lost = one.waiting.spans.load(Relaxed) + one.waiting.under_way.load(Relaxed);
                self.counts.lost.fetch_add(lost as u64, Relaxed);
                let why = "spans that are lost because the collector did not take them before the server ended";
                log.warn(format_args!("tracing: {why}: {lost}"));
            }
        }
    }
}

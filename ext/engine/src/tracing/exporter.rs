//! The way of spans to the collector: a bounded queue, and a task of the background at its end.

mod delivery;
mod collector_address;
mod exporters;
mod task;

pub(super) use collector_address::CollectorAddress;
pub(crate) use exporters::Exporters;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, Notify};

use super::buffer::SpanChunk;
use crate::log::Log;
use crate::panics::enduring_with;
use exporters::Running;
use task::ExportTask;

/// Spans that wait for the collector, at most.
const MOST_SPANS: usize = 2_048;
/// Bytes of the spans that wait, at most.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A queue of spans for one collector. When the last owner drops it, its task sends the rest and ends.
#[derive(Debug)]
pub(crate) struct Exporter {
    destination: Arc<CollectorAddress>,
    waiting: Arc<WaitingSpans>,
    chunks: mpsc::Sender<SpanChunk>,
    exporters: Arc<Exporters>,
    /// `None` once the task runs.
    unstarted: Mutex<Option<mpsc::Receiver<SpanChunk>>>,
}

/// What waits in a queue.
#[derive(Debug, Default)]
struct WaitingSpans {
    spans: AtomicUsize,
    bytes: AtomicUsize,
    /// Spans that the task has taken out, and that are neither delivered nor lost.
    under_way: AtomicUsize,
}

/// Figures of all exporters of a server.
#[derive(Debug, Default)]
struct SpanCounts {
    sent: AtomicU64,
    lost: AtomicU64,
}

impl Exporter {
    /// An exporter that waits for its start.
    pub(super) fn new(destination: CollectorAddress, exporters: &Arc<Exporters>) -> Self {
        let (chunks, unstarted) = mpsc::channel(MOST_SPANS);
        Self {
            destination: Arc::new(destination),
            waiting: Arc::default(),
            chunks,
            exporters: Arc::clone(exporters),
            unstarted: Mutex::new(Some(unstarted)),
        }
    }

    /// Whether it sends to that place in that way.
    pub(super) fn is_for(&self, destination: &CollectorAddress) -> bool {
        self.destination.is_same(destination)
    }

    /// Starts the task. A second call does nothing.
    pub(crate) fn start(&self, runtime: &Handle, log: &Arc<Log>) {
        let Some(chunks) = self.unstarted.lock().take() else { return };
        let closing = Arc::new(Notify::new());
        let task = ExportTask::new(
            Arc::clone(&self.destination),
            chunks,
            Arc::clone(&self.waiting),
            Arc::clone(self.exporters.counts()),
            Arc::clone(&closing),
            Arc::clone(log),
        );
        let export = enduring_with("the sending of spans", Arc::clone(log), task, |task| Box::pin(task.run()));
        let task = runtime.spawn(async move { drop(export.await) });
        self.exporters.add(Running { closing, task, waiting: Arc::clone(&self.waiting) });
    }

    /// Takes spans, or counts them as lost if too many wait.
    pub(super) fn offer(&self, chunk: SpanChunk) {
        let (spans, bytes) = (chunk.count, chunk.json.len());
        let waiting = self.waiting.spans.fetch_add(spans, Relaxed) + spans;
        let length = self.waiting.bytes.fetch_add(bytes, Relaxed) + bytes;
        if waiting > MOST_SPANS || length > MOST_BYTES || self.chunks.try_send(chunk).is_err() {
            self.waiting.leave(spans, bytes);
            self.exporters.counts().lost.fetch_add(spans as u64, Relaxed);
        }
    }
}

impl WaitingSpans {
    /// Takes spans out of the count.
    fn leave(&self, spans: usize, bytes: usize) {
        self.spans.fetch_sub(spans, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests;

//! The task that gathers spans into batches.

use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::write::GzEncoder;
use flate2::Compression;
use tokio::sync::{mpsc, Notify};
use tokio::time::Instant;

use super::delivery::Outage;
use super::{CollectorAddress, SpanChunk, SpanCounts, WaitingSpans};
use crate::log::Log;

/// Spans of one batch, at most.
const BATCH: usize = 512;
/// Time that the first span of a batch waits for others.
const PAUSE: Duration = Duration::from_secs(5);
/// Length of the longest body that is sent as it is, in bytes. A longer one is compressed.
const LONGEST_PLAIN: usize = 1024;

/// The task of one exporter. One request at a time is under way.
pub(super) struct ExportTask {
    pub(super) destination: Arc<CollectorAddress>,
    pub(super) counts: Arc<SpanCounts>,
    pub(super) closing: Arc<Notify>,
    pub(super) log: Arc<Log>,
    pub(super) outage: Outage,
    /// Whether the server ends: nothing waits any more.
    pub(super) closed: bool,
    chunks: mpsc::Receiver<SpanChunk>,
    waiting: Arc<WaitingSpans>,
    /// Spans that did not fit into the batch before.
    next: Option<SpanChunk>,
    head: Vec<u8>,
}

/// A batch, ready to send.
pub(super) struct Batch {
    pub(super) body: Bytes,
    /// Whether the body is compressed with gzip.
    pub(super) is_compressed: bool,
    pub(super) spans: usize,
}

impl Batch {
    /// A batch with that JSON.
    pub(super) fn new(json: Vec<u8>, spans: usize) -> Self {
        match (json.len() > LONGEST_PLAIN).then(|| compressed(&json)) {
            Some(Ok(body)) => Self { body: body.into(), is_compressed: true, spans },
            _ => Self { body: json.into(), is_compressed: false, spans },
        }
    }
}

/// JSON of spans repeats its names so often that the fastest way makes a tenth of it.
fn compressed(json: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 8), Compression::fast());
    encoder.write_all(json)?;
    encoder.finish()
}

impl ExportTask {
    pub(super) fn new(
        destination: Arc<CollectorAddress>,
        chunks: mpsc::Receiver<SpanChunk>,
        waiting: Arc<WaitingSpans>,
        counts: Arc<SpanCounts>,
        closing: Arc<Notify>,
        log: Arc<Log>,
    ) -> Self {
        let head = destination.head();
        let outage = Outage::default();
        Self { destination, counts, closing, log, outage, closed: false, chunks, waiting, next: None, head }
    }

    /// Sends batches until no more spans can come.
    pub(super) async fn run(&mut self) {
        // After a panic the batch is gone.
        let lost = self.forget_delivered();
        self.counts.lost.fetch_add(lost as u64, Relaxed);
        while let Some(batch) = self.gather().await {
            self.deliver(batch).await;
            self.forget_delivered();
        }
    }

    /// Leaves only the spans under way that wait for the next batch. Returns how many others there were.
    fn forget_delivered(&self) -> usize {
        let kept = self.next.as_ref().map_or(0, |chunk| chunk.count);
        self.waiting.under_way.swap(kept, Relaxed).saturating_sub(kept)
    }

    /// The next batch: full, or as old as it may get, or the rest.
    async fn gather(&mut self) -> Option<Batch> {
        let first = match self.next.take() {
            Some(chunk) => chunk,
            None => self.receive(None).await?,
        };
        let due = Instant::now() + PAUSE;
        let mut body = self.head.clone();
        body.extend_from_slice(&first.json);
        let mut spans = first.count;
        while spans < BATCH {
            let Some(chunk) = self.receive(Some(due)).await else { break };
            if spans + chunk.count > BATCH {
                self.next = Some(chunk);
                break;
            }
            body.push(b',');
            body.extend_from_slice(&chunk.json);
            spans += chunk.count;
        }
        body.extend_from_slice(CollectorAddress::TAIL);
        Some(Batch::new(body, spans))
    }

    /// The next spans. `None` if there are no more, or if it is `due`.
    async fn receive(&mut self, due: Option<Instant>) -> Option<SpanChunk> {
        let chunk = loop {
            let late = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                chunk = self.chunks.recv() => break chunk,
                () = self.closing.notified(), if !self.closed => self.close(),
                () = late => break None,
            }
        }?;
        self.waiting.under_way.fetch_add(chunk.count, Relaxed);
        self.waiting.leave(chunk.count, chunk.json.len());
        Some(chunk)
    }

    /// Takes no more spans than those that are there.
    pub(super) fn close(&mut self) {
        self.closed = true;
        self.chunks.close();
    }
}

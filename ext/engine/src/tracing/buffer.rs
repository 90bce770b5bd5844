//! Finished spans of one engine thread that were not handed on yet.

use std::sync::Arc;

use super::{Exporter, Trace, TraceEnding};

/// Spans that are handed on without waiting.
const MANY: usize = 32;
/// Bytes that are handed on without waiting.
const LARGE: usize = 64 * 1024;

/// Spans, with commas between them.
#[derive(Debug, Default)]
pub(super) struct SpanChunk {
    pub(super) json: Vec<u8>,
    pub(super) count: usize,
}

/// Spans that wait to be handed on together.
#[derive(Debug, Default)]
pub(crate) struct SpanBuffer {
    /// What gets them; `None` if there are none, so that no exporter is held longer than needed.
    exporter: Option<Arc<Exporter>>,
    chunk: SpanChunk,
}

impl SpanBuffer {
    /// Adds the spans of a request that is over. `true` for the first after a flush: a flush is then due soon.
    pub(crate) fn push(&mut self, exporter: &Arc<Exporter>, trace: Trace, ending: TraceEnding<'_>) -> bool {
        if self.exporter.as_ref().is_some_and(|current| !Arc::ptr_eq(current, exporter)) {
            self.flush();
        }
        let end = self.chunk.json.len();
        if end > 0 {
            self.chunk.json.push(b',');
        }
        let count = trace.write(ending, &mut self.chunk.json);
        if count == 0 {
            self.chunk.json.truncate(end);
            return false;
        }
        self.chunk.count += count;
        let first = self.exporter.is_none();
        if first {
            self.exporter = Some(Arc::clone(exporter));
        }
        if self.chunk.count >= MANY || self.chunk.json.len() >= LARGE {
            self.flush();
            return false;
        }
        first
    }

    /// Hands the spans on. What the exporter cannot take is lost.
    pub(crate) fn flush(&mut self) {
        if let Some(exporter) = self.exporter.take() {
            exporter.offer(std::mem::take(&mut self.chunk));
        }
    }
}

impl Drop for SpanBuffer {
    fn drop(&mut self) {
        self.flush();
    }
}

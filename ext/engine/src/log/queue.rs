//! Lines of the log on their way to the thread that writes them.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::fork_safe::{Condvar, Mutex};
use crate::output::{block_sigpipe, LineWriter};

/// Bytes that may wait to be written, at most.
pub(super) const MOST_WAITING: usize = 256 * 1024;

/// A bounded queue with one thread at its end, which takes all waiting lines at once.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    state: Mutex<LogQueueState>,
    /// Signalled when there is something to write, or the queue was closed.
    changed: Condvar,
    /// Signalled when everything was written.
    done: Condvar,
    /// Lines that were lost since the start.
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct LogQueueState {
    waiting: Vec<u8>,
    /// Lines that were lost because the queue was full.
    lost: u64,
    /// Whether the thread has taken lines and not yet written them.
    is_writing: bool,
    is_closed: bool,
}

impl LogQueue {
    /// Starts the thread, which ends once the queue is closed and empty. `report` makes the line that says how many
    /// lines were lost.
    pub(super) fn start(
        out: Box<dyn Write + Send>,
        report: impl Fn(u64, &mut Vec<u8>) + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self::default());
        let writer = LogWriter { queue: Arc::clone(&queue), out, lines: LineWriter::default(), lost: 0 };
        std::thread::Builder::new().name("proxy-log".into()).spawn(move || writer.run(report))?;
        Ok(queue)
    }

    /// Takes a line, or counts it as lost.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state.lock();
        if state.lost > 0 || state.waiting.len() + line.len() > MOST_WAITING {
            state.lost += 1;
            self.dropped.fetch_add(1, Relaxed);
        } else {
            state.waiting.extend_from_slice(line);
        }
        self.changed.notify_one();
    }

    /// Lines that were lost since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Waits until everything is written, but no longer than `limit`. `false` if lines are left.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        while state.is_writing || !state.waiting.is_empty() {
            let late;
            (state, late) = self.done.wait_until(state, deadline);
            if late {
                return !state.is_writing && state.waiting.is_empty();
            }
        }
        true
    }

    /// Lets the thread end when it has written everything.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_one();
    }
}

struct LogWriter {
    queue: Arc<LogQueue>,
    out: Box<dyn Write + Send>,
    lines: LineWriter,
    /// Lines that could not be written, or found the queue full, since the last report.
    lost: u64,
}

impl LogWriter {
    fn run(mut self, report: impl Fn(u64, &mut Vec<u8>)) {
        block_sigpipe();
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            let reports = u64::from(self.lost > 0);
            // Lines that found the queue full came after those in it.
            if self.lost > 0 {
                report(self.lost, &mut batch);
            }
            match self.lines.write(&mut *self.out, &batch) {
                Ok(()) => self.lost = 0,
                Err(lost) => {
                    let lines = lost.count - reports;
                    self.lost += lines;
                    self.queue.dropped.fetch_add(lines, Relaxed);
                }
            }
            let _ = self.out.flush();
            batch.clear();
            batch.shrink_to(MOST_WAITING / 8);
        }
    }

    /// Waits for lines to write. `false` if there will be no more.
    fn take(&mut self, batch: &mut Vec<u8>) -> bool {
        let mut state = self.queue.state.lock();
        state.is_writing = false;
        while state.waiting.is_empty() && state.lost == 0 {
            self.queue.done.notify_all();
            if state.is_closed {
                return false;
            }
            state = self.queue.changed.wait(state);
        }
        state.is_writing = true;
        std::mem::swap(&mut state.waiting, batch);
        self.lost += std::mem::take(&mut state.lost);
        true
    }
}

//! Batches of lines on their way to the thread that writes them.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::batches::Batches;
use super::syslog::Syslog;
use crate::fork_safe::{Condvar, Mutex};
use crate::log::Log;
use crate::output::{block_sigpipe, LineWriter, LostLines, Standard};

/// Bytes that may wait to be written, at most.
const MOST_WAITING: usize = 4 * 1024 * 1024;
/// Written batches whose memory is kept for the next ones.
const MOST_SPARE: usize = 16;
/// Largest batch whose memory is kept, in bytes: the memory of an exceptional batch is freed.
const LARGEST_SPARE: usize = 128 * 1024;

/// Time without progress after which a closed queue is given up: the reader of the log has stopped.
const STUCK: Duration = Duration::from_secs(1);

/// Destination of the lines.
#[derive(Debug)]
pub(super) enum Output {
    File(File),
    Stdout,
    Syslog(Syslog),
    /// A Ruby block.
    Block(Batches),
}

impl Output {
    /// Writes lines. A block gets them later, when a batch is full or [`Self::due`].
    fn write(&mut self, lines: &[u8], writer: &mut LineWriter) -> Result<(), LostLines> {
        match self {
            Output::File(file) => writer.write(file, lines),
            Output::Stdout => writer.write(&mut Standard::Out, lines),
            Output::Syslog(syslog) => syslog.write(lines),
            Output::Block(batches) => {
                batches.push(lines);
                Ok(())
            }
        }
    }

    /// Whether what is written to it follows what was written to the other one.
    fn follows(&self, other: &Self) -> bool {
        match (self, other) {
            (Output::File(file), Output::File(other)) => {
                let place = |file: &File| file.metadata().ok().map(|it| (it.dev(), it.ino()));
                place(file) == place(other)
            }
            (Output::Stdout, Output::Stdout) => true,
            _ => false,
        }
    }

    /// Time at which lines that wait have to go on.
    fn due(&self) -> Option<Instant> {
        match self {
            Output::File(_) | Output::Stdout | Output::Syslog(_) => None,
            Output::Block(batches) => batches.due(),
        }
    }

    /// Passes on the lines that wait, if there are any.
    fn flush(&mut self) {
        if let Output::Block(batches) = self {
            batches.hand_on();
        }
    }
}

#[derive(Debug)]
enum Job {
    Write(Vec<u8>),
    /// Lines that follow go to this output.
    Replace(Output),
}

/// A bounded queue with one thread at its end.
#[derive(Debug, Default)]
pub(super) struct AccessLogQueue {
    state: Mutex<AccessLogQueueState>,
    /// Signalled when there is a job, or the queue was closed.
    changed: Condvar,
    /// Signalled when the thread has ended.
    ended: Condvar,
    /// Lines that were lost since the server has started, in all of its access logs.
    lost: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct AccessLogQueueState {
    jobs: VecDeque<Job>,
    waiting: usize,
    spare: Vec<Vec<u8>>,
    /// Jobs that were done so far.
    done: u64,
    running: bool,
    closed: bool,
}

impl AccessLogQueue {
    /// A queue that counts its lost lines there.
    pub(super) fn counting(lost: &Arc<AtomicU64>) -> Arc<Self> {
        Arc::new(Self { lost: Arc::clone(lost), ..Self::default() })
    }

    /// Number of lines that were lost since the server has started.
    pub(super) fn lost(&self) -> &Arc<AtomicU64> {
        &self.lost
    }

    /// Starts the thread. It ends once the queue is closed and empty. If it runs already, lines that are pushed from
    /// now on go to `output`.
    pub(super) fn start(queue: &Arc<Self>, output: Output, log: Arc<Log>) -> io::Result<()> {
        let mut state = queue.state.lock();
        if state.running {
            state.jobs.push_back(Job::Replace(output));
            queue.changed.notify_one();
            return Ok(());
        }
        state.running = true;
        drop(state);
        let writer =
            AccessLogWriter { queue: Arc::clone(queue), output, lines: LineWriter::default(), log, lost: None };
        let spawned = std::thread::Builder::new().name("access-log".into()).spawn(move || writer.run());
        if spawned.is_err() {
            queue.state.lock().running = false;
        }
        spawned.map(drop)
    }

    /// Sends lines that are pushed from now on to `output`.
    pub(super) fn replace(&self, output: Output) {
        self.state.lock().jobs.push_back(Job::Replace(output));
        self.changed.notify_one();
    }

    /// Takes the lines, and leaves an empty buffer in their place. If too many bytes wait already, returns `false` and
    /// takes nothing, unless `in_any_case` is set.
    pub(super) fn push(&self, lines: &mut Vec<u8>, in_any_case: bool) -> bool {
        let mut state = self.state.lock();
        if state.waiting + lines.len() > MOST_WAITING && !in_any_case {
            return false;
        }
        state.waiting += lines.len();
        let empty = state.spare.pop().unwrap_or_default();
        state.jobs.push_back(Job::Write(std::mem::replace(lines, empty)));
        self.changed.notify_one();
        true
    }

    /// Lets the thread end when it has written everything. Waits for that up to `limit`, or less if the writing makes
    /// no progress. `true` if the thread has ended.
    pub(super) fn close(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state.lock();
        state.closed = true;
        self.changed.notify_one();
        let (mut done, mut moved) = (state.done, Instant::now());
        while state.running {
            let late;
            (state, late) = self.ended.wait_until(state, deadline.min(moved + STUCK));
            if std::mem::replace(&mut done, state.done) != state.done {
                moved = Instant::now();
            } else if late {
                return !state.running;
            }
        }
        true
    }
}

struct AccessLogWriter {
    queue: Arc<AccessLogQueue>,
    output: Output,
    lines: LineWriter,
    log: Arc<Log>,
    /// Lines that were lost since writing began to fail.
    lost: Option<u64>,
}

impl AccessLogWriter {
    fn run(mut self) {
        block_sigpipe();
        loop {
            let mut state = self.queue.state.lock();
            let job = loop {
                match (state.jobs.pop_front(), self.output.due()) {
                    (Some(job), _) => break Some(job),
                    (None, Some(_)) if state.closed => break None,
                    (None, None) if state.closed => {
                        state.running = false;
                        self.queue.ended.notify_all();
                        return;
                    }
                    (None, Some(due)) => {
                        let late;
                        (state, late) = self.queue.changed.wait_until(state, due);
                        if late {
                            break None;
                        }
                    }
                    (None, None) => state = self.queue.changed.wait(state),
                }
            };
            drop(state);
            match job {
                None => self.output.flush(),
                Some(Job::Replace(output)) => {
                    if !output.follows(&self.output) {
                        self.lines = LineWriter::default();
                    }
                    self.output = output;
                }
                Some(Job::Write(mut lines)) => {
                    self.write(&lines);
                    let mut state = self.queue.state.lock();
                    state.done += 1;
                    state.waiting -= lines.len();
                    if state.spare.len() < MOST_SPARE && lines.capacity() <= LARGEST_SPARE {
                        lines.clear();
                        state.spare.push(lines);
                    }
                }
            }
        }
    }

    /// Writes lines. Reports once that writing fails, and once that it works again, with the number of lost lines.
    fn write(&mut self, lines: &[u8]) {
        match self.output.write(lines, &mut self.lines) {
            Err(LostLines { count, why }) => {
                if self.lost.is_none() {
                    self.log.error(format_args!("the access log cannot be written, its lines are lost: {why}"));
                }
                self.queue.lost.fetch_add(count, Relaxed);
                *self.lost.get_or_insert(0) += count;
            }
            Ok(()) => {
                if let Some(lost) = self.lost.take() {
                    self.log.info(format_args!("the access log is written again; lines that were lost: {lost}"));
                }
            }
        }
    }
}

//! The engine's own log: one line per event, to standard error.
//!
//! Before a server runs, a line is written directly by the thread that logs it. From then on it goes through a bounded
//! queue to a thread of its own. So standard error can be closed, full, broken or blocked without effect on requests.

mod queue;

use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::civil_time::CivilTime;
use crate::compile::Report;
use crate::config::{Problem, Setting};
use crate::escape::is_unseen;
use crate::fork_safe::Mutex;
use crate::output::Standard;
use crate::request_id::LoggedId;
use crate::suggestion::did_you_mean;
use queue::LogQueue;

/// Severity of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Something is broken, and stays broken until a person repairs it.
    Error,
    /// Something failed that should not have; the server carries on.
    Warn,
    /// Events of the server's life: start, stop, reload.
    Info,
    /// Details that help to find a mistake.
    Debug,
}

impl Level {
    const NAMES: [&'static str; 4] = ["error", "warn", "info", "debug"];

    /// The level with this name.
    pub(crate) fn of(name: &str) -> Option<Level> {
        Some(match name {
            "error" => Level::Error,
            "warn" => Level::Warn,
            "info" => Level::Info,
            "debug" => Level::Debug,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// A server's diagnostics. Servers of one process may log at different levels.
///
/// A line reads `2026-01-31T12:00:00.123Z warn request_id=0123456789ab the message`. Control characters in a message
/// are escaped, so that text from a client or a backend cannot begin a new line. Messages are passed as
/// `format_args!(…)`, which costs nothing while the level is off.
pub(crate) struct Log {
    level: AtomicU8,
    sink: Mutex<Sink>,
}

struct Sink {
    out: Out,
    /// Kept between lines to reuse its memory.
    line: Vec<u8>,
}

enum Out {
    /// Lines are written at once.
    Direct(Box<dyn Write + Send>),
    Queued(Arc<LogQueue>),
}

impl Log {
    /// A log to standard error that omits events less important than `level`.
    pub(crate) fn new(level: Level) -> Arc<Log> {
        Self::to(level, Box::new(Standard::Err))
    }

    /// A log to `out` that omits events less important than `level`.
    pub(crate) fn to(level: Level, out: Box<dyn Write + Send>) -> Arc<Log> {
        Arc::new(Log {
            level: AtomicU8::new(level as u8),
            sink: Mutex::new(Sink { out: Out::Direct(out), line: Vec::new() }),
        })
    }

    /// Starts a thread that writes all lines from now on. Lines that cannot be written are lost and counted, and their
    /// number is logged once writing works again.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn start(&self) -> io::Result<()> {
        let mut sink = self.sink.lock();
        let out = match &mut sink.out {
            Out::Direct(out) => std::mem::replace(out, Box::new(io::sink())),
            Out::Queued(_) => return Ok(()),
        };
        sink.out = Out::Queued(LogQueue::start(out, |lost, line| {
            begin_line(Level::Warn, line);
            let _ = writeln!(line, "{lost} lines of the log are missing here: they could not be written");
        })?);
        Ok(())
    }

    /// Waits until every line is written, but no longer than `limit`.
    pub(crate) fn flush(&self, limit: Duration) {
        let queue = match &self.sink.lock().out {
            Out::Direct(_) => return,
            Out::Queued(queue) => Arc::clone(queue),
        };
        queue.flush(limit);
    }

    /// Lines that were lost since the start.
    pub(crate) fn dropped(&self) -> u64 {
        match &self.sink.lock().out {
            Out::Direct(_) => 0,
            Out::Queued(queue) => queue.dropped(),
        }
    }

    /// The log that `log_level` asks for. An unknown level is a problem.
    pub(crate) fn compile(level: &Setting<String>, problems: &mut Vec<Problem>) -> Arc<Log> {
        let found = Level::of(&level.value);
        if found.is_none() {
            let hint = did_you_mean(&level.value, &Level::NAMES);
            let mut report = Report::new("log_level", level.at.as_ref(), problems);
            report.error(format!("{:?} is not a valid log level {hint}", level.value));
        }
        Self::new(found.unwrap_or(Level::Info))
    }

    /// Whether events of this level are written.
    #[inline]
    pub(crate) fn enabled(&self, level: Level) -> bool {
        level as u8 <= self.level.load(Relaxed)
    }

    /// Takes over the level of `other`.
    pub(crate) fn take_level_of(&self, other: &Self) {
        self.level.store(other.level.load(Relaxed), Relaxed);
    }

    /// Writes an event, if its level is on, with the id of the request that it concerns.
    #[inline]
    pub(crate) fn write(&self, level: Level, request: Option<LoggedId<'_>>, message: fmt::Arguments<'_>) {
        if self.enabled(level) {
            self.write_line(level, request, message);
        }
    }

    /// Logs that something is broken.
    pub(crate) fn error(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Error, None, message);
    }

    /// Logs that something failed.
    pub(crate) fn warn(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Warn, None, message);
    }

    /// Logs an event of the server's life.
    pub(crate) fn info(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Info, None, message);
    }

    /// Logs a detail that helps to find a mistake.
    pub(crate) fn debug(&self, message: fmt::Arguments<'_>) {
        self.write(Level::Debug, None, message);
    }

    #[cold]
    fn write_line(&self, level: Level, request: Option<LoggedId<'_>>, message: fmt::Arguments<'_>) {
        let mut sink = self.sink.lock();
        let Sink { out, line } = &mut *sink;
        line.clear();
        begin_line(level, line);
        if let Some(id) = request {
            line.extend_from_slice(b"request_id=");
            let _ = fmt::write(&mut OneLine(line), format_args!("{id}"));
            line.push(b' ');
        }
        let _ = fmt::write(&mut OneLine(line), message);
        line.push(b'\n');
        match out {
            Out::Queued(queue) => queue.push(line),
            // A failure cannot be reported: standard error itself is closed.
            Out::Direct(out) => drop(out.write_all(line).and_then(|()| out.flush())),
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Out::Queued(queue) = &self.sink.lock().out {
            queue.close();
        }
    }
}

fn begin_line(level: Level, line: &mut Vec<u8>) {
    CivilTime::of(SystemTime::now()).write_rfc3339(line);
    line.push(b' ');
    line.extend_from_slice(level.as_str().as_bytes());
    line.push(b' ');
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("level", &self.level.load(Relaxed)).finish_non_exhaustive()
    }
}

/// Escapes characters that could end the line or control a terminal.
struct OneLine<'a>(&'a mut Vec<u8>);

impl fmt::Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if is_unseen(c) {
                write!(self.0, "{}", c.escape_default()).map_err(|_| fmt::Error)?;
            } else {
                self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! The access log: one line per request.
//!
//! An engine thread writes its lines into a [`Buffer`] of its own and hands them on in batches; one thread per log
//! writes them out. A log that cannot keep up never holds up a request (no back-pressure): lines are then lost and
//! counted, and the next batch says how many. Lines for a Ruby block take the same way; see `access_log/batches.rs`.

mod batches;
mod buffer;
mod combined;
mod destination;
mod json;
mod line_format;
mod queue;
mod selection;
mod syslog;
mod tap;

pub(crate) use buffer::Buffer;
pub(crate) use line_format::refuse_secrets;
pub(crate) use tap::{LogTap, TapFilter, TapNews, TapReader};

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use proxy_http::decimal;

use crate::blocks::{BlockLimits, BlockSet};
use crate::civil_time::CivilTime;
use crate::compile::Purpose;
use crate::compile::Report;
use crate::config::{self, Problem};
use crate::log::Log;
use crate::rewrite::RequestValues;
use batches::{Batches, MOST_BATCHES};
use destination::Destination;
use line_format::LineFormat;
use queue::{AccessLogQueue, Output};
use selection::{SampleRate, Selection};

/// A compiled `access_log`.
///
/// It is opened at load, and written to once [`AccessLog::start`] was called. When it is dropped, its thread writes the
/// remaining lines and ends by itself; [`AccessLog::close`] waits for that. If the next configuration logs to the same
/// place, it takes over the thread.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: LineFormat,
    selection: Selection,
    destination: Destination,
    ending: Arc<Ending>,
    /// `None` once the thread has taken it.
    output: Mutex<Option<Output>>,
    /// The log in which a loss is told.
    told: OnceLock<Arc<Log>>,
}

/// Lets the thread end when the last log that uses it is dropped.
#[derive(Debug, Default)]
struct Ending(Arc<AccessLogQueue>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close(Duration::ZERO);
    }
}

impl AccessLog {
    /// Compiles the directive and opens its file for appending. `None` if the directive has a mistake; `problems` then
    /// says which, and what to write instead. If the configuration is only checked, a file that is new is removed
    /// again: a check must leave nothing behind.
    ///
    /// Lines that are lost are counted in `lost`, for all logs of the server.
    ///
    /// The thread of `before` is carried over if both write to the same file. The file is opened anew, as after a
    /// rotation: lines that are logged after the start go there. A Ruby block gets the lines of its own configuration
    /// only.
    pub(crate) fn carry_over(
        before: Option<&Self>,
        spec: &config::AccessLogConfig,
        blocks: &BlockSet,
        (purpose, lost): (Purpose, &Arc<AtomicU64>),
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<AccessLog>> {
        let mut report = Report::new("access_log", spec.at.as_ref(), problems);
        let format = LineFormat::compile(&spec.format, spec.fields.as_deref(), &mut report);
        let selection = Selection::compile(spec, &mut report);
        let mut to = report.within("to");
        let (destination, output) = match (Destination::of(spec.to.as_deref(), &mut to), spec.block) {
            (Some(_), Some(_)) if spec.to.is_some() => {
                let to = spec.to.as_deref().unwrap_or_default();
                let remedy = format!("leave it out, or write access_log {:?}, to: {to:?} without a block", spec.format);
                report.within("to").error(format!("a block gets the lines already: {remedy}"));
                return None;
            }
            (Some(_), Some(index)) => {
                let limits = BlockLimits { threads: 1, queue: MOST_BATCHES };
                let block = blocks.block(index, limits, "access_log", spec.at.as_ref());
                (Destination::Block, Some(Output::Block(Batches::new(block, Arc::clone(lost)))))
            }
            (Some(destination), None) => {
                let output = destination.open(purpose, &mut to);
                (destination, output)
            }
            (None, _) => return None,
        };
        let (format, output) = (format?, output?);
        let same = |before: &&Self| before.destination == destination && destination != Destination::Block;
        let ending = match before {
            Some(before) if same(&before) => Arc::clone(&before.ending),
            _ => Arc::new(Ending(AccessLogQueue::counting(lost))),
        };
        let told = OnceLock::new();
        Some(Arc::new(Self { format, selection, destination, ending, output: Mutex::new(Some(output)), told }))
    }

    /// Starts the writing thread, or makes the existing one write to this log's file. Errors of writing are reported to
    /// `log`. A second call does nothing.
    pub(crate) fn start(&self, log: &Arc<Log>) -> io::Result<()> {
        let _ = self.told.set(Arc::clone(log));
        match self.output.lock().take() {
            Some(output) => AccessLogQueue::start(self.queue(), output, Arc::clone(log)),
            None => Ok(()),
        }
    }

    /// Opens the file anew (log rotation): lines that are logged from now on go there. Standard output is not affected.
    /// The error says what to do.
    pub(crate) fn reopen(&self) -> Result<(), String> {
        if let Some(output) = self.destination.reopen()? {
            self.queue().replace(output);
        }
        Ok(())
    }

    fn queue(&self) -> &Arc<AccessLogQueue> {
        &self.ending.0
    }

    /// Handle that waits for the remaining lines even after the log itself is dropped.
    pub(crate) fn rest(&self) -> UnwrittenLog {
        UnwrittenLog(Arc::downgrade(self.queue()))
    }

    /// Ends the log once the engine threads have flushed: waits until everything is written, but no longer than
    /// `limit`. `false` if lines are left.
    pub(crate) fn close(&self, limit: Duration) -> bool {
        self.queue().close(limit)
    }

    /// Counts lines that are lost. The proxy's own log says so when it begins.
    fn note_lost(&self, lines: u64, is_first: bool) {
        self.queue().lost().fetch_add(lines, Relaxed);
        if let (true, Some(log)) = (is_first, self.told.get()) {
            log.warn(format_args!("the access log is not read or written fast enough: its lines are lost"));
        }
    }

    /// Writes a line. `rate` is the share of requests that the line stands for, if it has to be told.
    fn write_line(&self, scope: &RequestValues<'_>, rate: SampleRate<'_>, out: &mut Vec<u8>) {
        match &self.format {
            LineFormat::Json(fields) => json::write(scope, *fields, rate.0, out),
            LineFormat::Combined => combined::write(scope, out),
            LineFormat::Template(template) => template.render_log(scope, out),
        }
        if let (Some(rate), LineFormat::Combined | LineFormat::Template(_)) = (rate.0, &self.format) {
            out.extend_from_slice(b" sample_rate=");
            out.extend_from_slice(rate.as_bytes());
        }
        out.push(b'\n');
    }

    fn write_lost(&self, lost: u64, out: &mut Vec<u8>) {
        let time = CivilTime::of(SystemTime::now());
        if matches!(self.format, LineFormat::Json(_)) {
            out.extend_from_slice(b"{\"time\":\"");
            time.write_rfc3339(out);
            out.extend_from_slice(b"\",\"lost_lines\":");
            decimal::push(out, lost);
            out.extend_from_slice(b"}\n");
        } else {
            out.extend_from_slice(b"# ");
            time.write_rfc3339(out);
            out.extend_from_slice(b" lines lost because the log could not be written fast enough: ");
            decimal::push(out, lost);
            out.push(b'\n');
        }
    }
}

/// Remaining lines of a log that another one has replaced.
#[derive(Debug)]
pub(crate) struct UnwrittenLog(Weak<AccessLogQueue>);

impl UnwrittenLog {
    /// Whether no lines are left.
    pub(crate) fn is_written(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// Waits until everything is written, but no longer than `limit`. `false` if lines are left.
    pub(crate) fn close(&self, limit: Duration) -> bool {
        self.0.upgrade().is_none_or(|queue| queue.close(limit))
    }
}

#[cfg(test)]
mod tests;

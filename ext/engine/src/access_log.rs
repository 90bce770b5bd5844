//! The access log: one line per request.
//!
//! An engine thread writes its lines into a [`Buffer`] of its own and hands them on in batches; one thread per log
//! writes them out. A log that cannot keep up never holds up a request (no back-pressure): lines are then lost and
//! counted, and the next batch says how many. Lines for a Ruby block take the same way; see `access_log/batches.rs`.

mod batches;
mod combined;
mod json;
mod queue;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use proxy_http::decimal;

use crate::blocks::{BlockLimits, BlockSet};
use crate::civil_time::CivilTime;
use crate::compile::Purpose;
use crate::compile::Report;
use crate::config::{self, Problem};
use crate::log::Log;
use crate::rewrite::{Context, RequestValues, Template};
use crate::suggestion::nearest;
use batches::{Batches, MOST_BATCHES};
use queue::{AccessLogQueue, Output};

/// Bytes at which a buffer is handed on without waiting.
const BATCH: usize = 32 * 1024;
/// Largest size of a buffer that cannot be handed on, in bytes; beyond it lines are lost.
const MOST: usize = 1024 * 1024;

/// A compiled `access_log`.
///
/// It is opened at load, and written to once [`AccessLog::start`] was called. When it is dropped, its thread writes the
/// remaining lines and ends by itself; [`AccessLog::close`] waits for that. If the next configuration logs to the same
/// file, it takes over the thread.
#[derive(Debug)]
pub(crate) struct AccessLog {
    format: LineFormat,
    path: Option<PathBuf>,
    /// Whether a Ruby block gets the lines.
    has_block: bool,
    ending: Arc<Ending>,
    /// `None` once the thread has taken it.
    output: Mutex<Option<Output>>,
}

/// Lets the thread end when the last log that uses it is dropped.
#[derive(Debug, Default)]
struct Ending(Arc<AccessLogQueue>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close(Duration::ZERO);
    }
}

#[derive(Debug)]
enum LineFormat {
    Combined,
    Json,
    Template(Template),
}

impl AccessLog {
    /// Compiles the directive and opens its file for appending. `None` if the directive has a mistake; `problems` then
    /// says which, and what to write instead. If the configuration is only checked, a file that is new is removed
    /// again: a check must leave nothing behind.
    ///
    /// The thread of `before` is carried over if both write to the same file. The file is opened anew, as after a
    /// rotation: lines that are logged after the start go there. A Ruby block gets the lines of its own configuration
    /// only.
    pub(crate) fn carry_over(
        before: Option<&Self>,
        spec: &config::AccessLogConfig,
        blocks: &BlockSet,
        purpose: Purpose,
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<AccessLog>> {
        let mut report = Report::new("access_log", spec.at.as_ref(), problems);
        let format = format(&spec.format, &mut report);
        let path = spec.to.as_ref().map(PathBuf::from);
        let output = match &path {
            Some(path) if spec.block.is_some() => {
                let remedy =
                    format!("leave it out, or write access_log {:?}, to: {path:?} without a block", spec.format);
                report.within("to").error(format!("a block gets the lines already: {remedy}"));
                None
            }
            None if spec.block.is_some() => spec.block.map(|index| {
                let limits = BlockLimits { threads: 1, queue: MOST_BATCHES };
                Output::Block(Batches::new(blocks.block(index, limits, "access_log", spec.at.as_ref())))
            }),
            None => Some(Output::Stdout),
            Some(path) => match open_for(path, purpose) {
                Ok(file) => Some(Output::File(file)),
                Err(e) => {
                    report.within("to").error(format!("cannot append to {path:?} ({e}): {}", remedy(&e)));
                    None
                }
            },
        };
        let (format, output) = (format?, output?);
        let has_block = spec.block.is_some();
        let before = before.filter(|before| before.path == path && !before.has_block && !has_block);
        let ending = before.map(|before| Arc::clone(&before.ending)).unwrap_or_default();
        Some(Arc::new(Self { format, path, has_block, ending, output: Mutex::new(Some(output)) }))
    }

    /// Starts the writing thread, or makes the existing one write to this log's file. Errors of writing are reported to
    /// `log`. A second call does nothing.
    pub(crate) fn start(&self, log: &Arc<Log>) -> io::Result<()> {
        match self.output.lock().take() {
            Some(output) => AccessLogQueue::start(self.queue(), output, Arc::clone(log)),
            None => Ok(()),
        }
    }

    /// Opens the file anew (log rotation): lines that are logged from now on go there. Standard output is not affected.
    pub(crate) fn reopen(&self) -> io::Result<()> {
        if let Some(path) = &self.path {
            self.queue().replace(Output::File(open(path)?));
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

    fn write_line(&self, scope: &RequestValues<'_>, out: &mut Vec<u8>) {
        match &self.format {
            LineFormat::Combined => combined::write(scope, out),
            LineFormat::Json => json::write(scope, out),
            LineFormat::Template(template) => template.render_log(scope, out),
        }
        out.push(b'\n');
    }

    fn write_lost(&self, lost: u64, out: &mut Vec<u8>) {
        let time = CivilTime::of(SystemTime::now());
        if matches!(self.format, LineFormat::Json) {
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

fn open_for(path: &PathBuf, purpose: Purpose) -> io::Result<File> {
    if purpose == Purpose::Check {
        match OpenOptions::new().append(true).create_new(true).open(path) {
            Ok(file) => {
                let _ = std::fs::remove_file(path);
                return Ok(file);
            }
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) => {}
        }
    }
    open(path)
}

/// Opens a file to append to. A pipe is opened for reading too, so that opening does not wait for its reader: the
/// reader may come and go, and nothing is lost until the pipe is full.
fn open(path: &PathBuf) -> io::Result<File> {
    let is_pipe = std::fs::metadata(path).is_ok_and(|kind| kind.file_type().is_fifo());
    OpenOptions::new().read(is_pipe).append(true).create(true).open(path)
}

fn remedy(e: &io::Error) -> &'static str {
    match e.kind() {
        io::ErrorKind::NotFound => "create its folder first",
        io::ErrorKind::PermissionDenied => "let the user that runs the proxy write there",
        _ => "write the path of a file, or leave to: out for standard output",
    }
}

/// Fields with credentials: a reader of the log could impersonate a client with them.
const SECRETS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

fn format(text: &str, report: &mut Report<'_>) -> Option<LineFormat> {
    match text {
        "combined" => return Some(LineFormat::Combined),
        "json" => return Some(LineFormat::Json),
        _ => {}
    }
    let template = report.ok(Template::parse(text, Context::Log))?;
    if template.literal().is_some() {
        let meant = nearest(text, ["combined", "json"]).map(|name| format!(" (did you mean {name:?}?)"));
        let meant = meant.unwrap_or_default();
        let remedy =
            "write \"combined\", \"json\", or text with placeholders, such as \"{addr} {method} {path} {status}\"";
        report.error(format!("{text:?} is not a valid format{meant}: {remedy}"));
        return None;
    }
    if text.contains(['\n', '\r']) {
        report.error(format!("{text:?} holds a line break: a request is one line, which ends by itself"));
        return None;
    }
    report.ok(refuse_secrets(&template))?;
    report.warnings(template.warnings(&[]));
    Some(LineFormat::Template(template))
}

/// An error if the text would show credentials, with which a reader of the log could impersonate a client.
pub(crate) fn refuse_secrets(template: &Template) -> Result<(), String> {
    let secret = |name: &&str| SECRETS.contains(&name.to_ascii_lowercase().as_str()) || name.starts_with("cookie.");
    let secrets: Vec<_> = template.names().filter(secret).collect();
    match secrets.is_empty() {
        true => Ok(()),
        false => Err(format!("{{{}}} would write secrets into the log: leave it out", secrets.join("}, {"))),
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

/// Lines of one engine thread that were not handed on yet.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    log: Option<Arc<AccessLog>>,
    lines: Vec<u8>,
    /// Number of lines in `lines`.
    count: u64,
    /// Lost lines that were not reported yet.
    lost: u64,
    /// Whether the owner knows that there is something to flush.
    pending: bool,
}

impl Buffer {
    /// Writes the line of a request that has its response. `true` for the first line after a flush: a flush is then due
    /// soon.
    pub(crate) fn push(&mut self, log: &Arc<AccessLog>, scope: &RequestValues<'_>) -> bool {
        if !self.log.as_ref().is_some_and(|current| Arc::ptr_eq(current, log)) {
            self.flush();
            self.give_up();
            self.lost = 0;
            self.log = Some(Arc::clone(log));
        }
        log.write_line(scope, &mut self.lines);
        self.count += 1;
        if self.lines.len() >= BATCH && !self.flush() && self.lines.len() >= MOST {
            self.give_up();
        }
        !self.lines.is_empty() && !std::mem::replace(&mut self.pending, true)
    }

    /// Releases the log, unless it is `current` or lines for it are left.
    pub(crate) fn forget_all_but(&mut self, current: Option<&Arc<AccessLog>>) {
        let is_current = self.log.as_ref().zip(current).is_some_and(|(log, current)| Arc::ptr_eq(log, current));
        if !is_current && self.flush() {
            self.log = None;
        }
    }

    /// Hands the lines on. `false` if the log is behind: the lines are kept, and the caller has to try again.
    pub(crate) fn flush(&mut self) -> bool {
        self.hand_on(false)
    }

    fn hand_on(&mut self, in_any_case: bool) -> bool {
        self.pending = false;
        let Some(log) = &self.log else { return true };
        if self.lines.is_empty() && self.lost == 0 {
            return true;
        }
        let end = self.lines.len();
        if self.lost > 0 {
            log.write_lost(self.lost, &mut self.lines);
        }
        if !log.queue().push(&mut self.lines, in_any_case) {
            self.lines.truncate(end);
            return false;
        }
        self.count = 0;
        self.lost = 0;
        true
    }

    /// Drops lines that cannot be handed on.
    fn give_up(&mut self) {
        self.lost += self.count;
        self.count = 0;
        self.lines.clear();
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.hand_on(true);
    }
}

#[cfg(test)]
mod tests;

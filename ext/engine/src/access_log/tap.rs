//! Access lines for those who watch a running server. While nobody does, a request pays for one load.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::json::{self, JsonFields};
use crate::rewrite::RequestValues;

/// Lines that wait for one reader, at most. Further ones are lost for it, and counted.
const MOST_WAITING: usize = 1024;

/// Bytes of the lines that wait for one reader, at most. A single line may be longer.
const MOST_BYTES: usize = 1024 * 1024;

/// Readers at once, at most.
const MOST_READERS: usize = 16;

/// Requests that a reader wants to see. All conditions must hold.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct TapFilter {
    /// First and last status, both included; empty for any status.
    statuses: Vec<(u16, u16)>,
    /// Beginning of the path; empty for any path.
    path: Vec<u8>,
    /// Shortest duration.
    slower_than: Duration,
}

impl TapFilter {
    /// Reads a condition. `name` is `status` (`5xx`, `404`, `400-499`, `0` or a list of those), `path` (the beginning
    /// of a path) or `slower_than` (seconds). The error says what to write.
    pub(crate) fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "status" => {
                for part in value.split(',') {
                    self.statuses.push(statuses(part.trim()).ok_or_else(|| {
                        format!("status: {part:?} is no status: write 5xx, 404 or 400-499, or several with commas")
                    })?);
                }
            }
            "path" if value.starts_with('/') => self.path = value.into(),
            "path" => return Err(format!("path: {value:?} is no path: write the beginning of one, such as /api")),
            "slower_than" => {
                let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                self.slower_than = seconds.ok_or_else(|| {
                    format!("slower_than: {value:?} is no number of seconds: write one such as 1 or 0.5")
                })?;
            }
            _ => return Err(format!("{name:?} is unknown: there are status, path and slower_than")),
        }
        Ok(())
    }

    fn wants(&self, scope: &RequestValues<'_>) -> bool {
        let Some(response) = &scope.response else { return false };
        let status = response.http_status();
        (self.statuses.is_empty() || self.statuses.iter().any(|(first, last)| (*first..=*last).contains(&status)))
            && scope.request.path().starts_with(&self.path)
            && response.elapsed >= self.slower_than
    }
}

fn statuses(text: &str) -> Option<(u16, u16)> {
    if let Some(class) = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX")) {
        let class = class.parse::<u16>().ok().filter(|class| (1..=5).contains(class))?;
        return Some((class * 100, class * 100 + 99));
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    // 0 is the status of a request that the stop has cut.
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| *code == 0 || (100..=999).contains(code));
    code(first).zip(code(last)).filter(|(first, last)| first <= last)
}

/// The readers of a server's access lines, the same for all configurations of the server.
#[derive(Debug, Default)]
pub(crate) struct LogTap {
    readers: AtomicUsize,
    outlets: Mutex<Vec<Outlet>>,
}

/// The way of lines to one reader.
#[derive(Debug)]
struct Outlet {
    filter: TapFilter,
    lines: mpsc::Sender<Arc<str>>,
    backlog: Arc<Backlog>,
}

/// What one reader has not got.
#[derive(Debug, Default)]
struct Backlog {
    /// Bytes of the lines that wait.
    bytes: AtomicUsize,
    /// Lines that the reader will not get, and has not been told of.
    lost: AtomicU64,
}

/// One who reads access lines, until it is dropped.
#[derive(Debug)]
pub(crate) struct TapReader {
    lines: mpsc::Receiver<Arc<str>>,
    backlog: Arc<Backlog>,
    /// A line that comes after a number of lost ones.
    held: Option<Arc<str>>,
    tap: Weak<LogTap>,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TapNews {
    /// A JSON object, without a line end.
    Line(Arc<str>),
    /// So many lines were lost, because the reader was too slow.
    Lost(u64),
}

impl LogTap {
    /// Whether anybody reads.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.readers.load(Relaxed) > 0
    }

    /// Begins to pass lines on to a new reader. `None` if there are too many.
    pub(crate) fn listen(self: &Arc<Self>, filter: TapFilter) -> Option<TapReader> {
        let (sender, lines) = mpsc::channel(MOST_WAITING);
        let backlog = Arc::<Backlog>::default();
        let mut outlets = self.outlets.lock();
        if outlets.len() >= MOST_READERS {
            return None;
        }
        outlets.push(Outlet { filter, lines: sender, backlog: Arc::clone(&backlog) });
        self.readers.store(outlets.len(), Relaxed);
        Some(TapReader { lines, backlog, held: None, tap: Arc::downgrade(self) })
    }

    /// Passes the line of a request on to all who want it.
    #[cold]
    pub(crate) fn offer(&self, scope: &RequestValues<'_>) {
        let mut line: Option<Arc<str>> = None;
        for outlet in self.outlets.lock().iter().filter(|outlet| outlet.filter.wants(scope)) {
            let line = line.get_or_insert_with(|| {
                let mut text = Vec::new();
                json::write(scope, JsonFields::ALL, None, &mut text);
                String::from_utf8_lossy(&text).into()
            });
            outlet.offer(line);
        }
    }

    fn forget_gone(&self) {
        let mut outlets = self.outlets.lock();
        outlets.retain(|outlet| !outlet.lines.is_closed());
        self.readers.store(outlets.len(), Relaxed);
    }
}

impl Outlet {
    /// Passes a line on, or counts it as lost if too much waits.
    fn offer(&self, line: &Arc<str>) {
        let waiting = self.backlog.bytes.fetch_add(line.len(), Relaxed);
        let fits = waiting == 0 || waiting + line.len() <= MOST_BYTES;
        if !fits || self.lines.try_send(Arc::clone(line)).is_err() {
            self.backlog.bytes.fetch_sub(line.len(), Relaxed);
            self.backlog.lost.fetch_add(1, Relaxed);
        }
    }
}

impl TapReader {
    /// Takes no further lines. [`Self::next`] still gives those that wait.
    pub(crate) fn close(&mut self) {
        self.lines.close();
    }

    /// The next line; `None` after the last. First, if lines were lost, their number.
    pub(crate) async fn next(&mut self) -> Option<TapNews> {
        if let Some(line) = self.held.take() {
            return Some(TapNews::Line(line));
        }
        let line = self.lines.recv().await?;
        self.backlog.bytes.fetch_sub(line.len(), Relaxed);
        match self.backlog.lost.swap(0, Relaxed) {
            0 => Some(TapNews::Line(line)),
            lost => {
                self.held = Some(line);
                Some(TapNews::Lost(lost))
            }
        }
    }
}

impl Drop for TapReader {
    fn drop(&mut self) {
        self.lines.close();
        if let Some(tap) = self.tap.upgrade() {
            tap.forget_gone();
        }
    }
}

#[cfg(test)]
mod tests;

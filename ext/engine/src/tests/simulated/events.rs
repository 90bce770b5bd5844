//! What happened in a run, with its time, for whoever looks for the fault.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use tokio::time::Instant;

use crate::log::{Level, Log};

thread_local! {
    static EVENTS: RefCell<Option<Events>> = const { RefCell::new(None) };
}

struct Events {
    begun: Instant,
    lines: Vec<String>,
    violations: Vec<String>,
}

/// Begins to take notes on this thread.
pub(super) fn begin() {
    let events = Events { begun: Instant::now(), lines: Vec::new(), violations: Vec::new() };
    EVENTS.set(Some(events));
}

/// Everything that was noted, and what must not have happened.
pub(super) fn finish() -> (Vec<String>, Vec<String>) {
    EVENTS.take().map(|events| (events.lines, events.violations)).unwrap_or_default()
}

/// Notes an event.
pub(super) fn note(event: fmt::Arguments<'_>) {
    EVENTS.with_borrow_mut(|events| {
        if let Some(events) = events {
            let time = events.begun.elapsed();
            events.lines.push(format!("{:>4}.{:06} {event}", time.as_secs(), time.subsec_micros()));
        }
    });
}

/// Notes something that must not happen.
pub(super) fn violation(what: fmt::Arguments<'_>) {
    note(format_args!("VIOLATION {what}"));
    EVENTS.with_borrow_mut(|events| {
        if let Some(events) = events {
            events.violations.push(what.to_string());
        }
    });
}

/// How a line of the proxy's own log begins among the events.
const LOGGED: &str = "proxy: ";

/// A log whose lines are events.
pub(super) fn log() -> Arc<Log> {
    Log::to(Level::Debug, Box::new(Noted))
}

struct Noted;

impl Write for Noted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        // The time of day stands in front.
        let text = text.split_once(' ').map_or(&*text, |(_, text)| text).trim_end();
        note(format_args!("{LOGGED}{text}"));
        if text.contains("panic") {
            violation(format_args!("{text}"));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

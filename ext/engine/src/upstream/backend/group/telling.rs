//! What a group tells of its backends: lines of the log, and events.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use super::BackendGroup;
use crate::events::EventHub;
use crate::log::Level;
use crate::request_id::LoggedId;
use crate::upstream::backend::Backend;

impl BackendGroup {
    /// Tells of events there from now on. A second call does nothing.
    pub(crate) fn report_to(&self, events: &Arc<EventHub>) {
        let _ = self.events.set(Arc::clone(events));
    }

    /// Logs what a backend says of a request.
    pub(in crate::upstream) fn note_request(
        &self,
        level: Level,
        backend: &Backend,
        request: LoggedId<'_>,
        what: fmt::Arguments<'_>,
    ) {
        if let Some((_, log, _)) = self.running.get() {
            log.write(level, Some(request), format_args!("{}: {what}", backend.label()));
        }
    }

    /// Logs a change of a backend.
    pub(in crate::upstream) fn note(&self, level: Level, backend: &Backend, what: fmt::Arguments<'_>) {
        if let Some((_, log, _)) = self.running.get() {
            log.write(level, None, format_args!("upstream {}: {} {what}", self.name, backend.label()));
        }
    }

    /// Logs a change of the state of a backend. If it is out of service since then, or back, that is an event.
    pub(in crate::upstream) fn note_state(&self, level: Level, backend: &Backend, what: fmt::Arguments<'_>) {
        self.note(level, backend, what);
        backend.tell_of_state(what);
    }
}

impl Backend {
    /// Makes it an event if the backend is out of service, or back, since the last call: checks have found it
    /// unhealthy, failed requests have ejected it, or the operator has set it `down`.
    pub(in crate::upstream) fn tell_of_state(&self, why: fmt::Arguments<'_>) {
        let is_out = self.history.status.is_out();
        if self.history.is_out.swap(is_out, Relaxed) != is_out {
            if let Some(events) = self.group.events.get() {
                events.backend(is_out, self.group.name(), self.label(), why);
            }
        }
    }
}

//! What is known of a running server beside its figures: when it began, and what the Ruby side says of the
//! configuration.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::Server;
use crate::clock::time_of_day;
use crate::fork_safe::Mutex;

/// Notes of one server.
#[derive(Debug)]
pub(super) struct Notes {
    started: SystemTime,
    /// Time of the last configuration that was taken.
    loaded: Mutex<SystemTime>,
    /// What the Ruby side says, by its name in `GET /status`: `file`, `warnings`, `reload`.
    said: Mutex<Map<String, Value>>,
}

impl Notes {
    pub(super) fn new() -> Self {
        let now = time_of_day();
        Self { started: now, loaded: Mutex::new(now), said: Mutex::default() }
    }

    /// Notes that another configuration is in use.
    pub(super) fn loaded(&self) {
        *self.loaded.lock() = time_of_day();
    }

    /// Everything, as `GET /status` says it.
    pub(super) fn add_to(&self, status: &mut Map<String, Value>) {
        status.insert("started_at".into(), seconds(self.started).into());
        status.insert("loaded_at".into(), seconds(*self.loaded.lock()).into());
        for (name, value) in self.said.lock().iter() {
            status.insert(name.clone(), value.clone());
        }
    }
}

impl Server {
    /// Notes what the Ruby side says, for `GET /status`: `file`, `warnings`, or `reload` with what became of the last
    /// one. `text` is JSON.
    ///
    /// # Errors
    /// If it is no JSON.
    pub fn note(&self, name: &str, text: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if name == "reload" {
            self.snapshot.load().events.tell("reload", || value.clone());
        }
        self.notes.said.lock().insert(name.to_owned(), value);
        Ok(())
    }
}

/// A time in seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

//! What the process before has told the one that takes its place: secrets among it.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::Serialize;

/// JSON from [`Server::state_to_pass`](crate::Server::state_to_pass), perhaps of another version.
#[derive(Clone)]
pub struct PassedState(Box<str>);

impl PassedState {
    /// What was received.
    pub fn new(json: &str) -> Self {
        Self(json.into())
    }

    /// The text to send.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON of a value.
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(serde_json::to_string(value).unwrap_or_default().into())
    }

    /// The value of the JSON. The error says what is wrong, without any of the text, which holds secrets.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(&self.0).map_err(|error| format!("line {}, column {}", error.line(), error.column()))
    }
}

impl fmt::Debug for PassedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassedState")
    }
}

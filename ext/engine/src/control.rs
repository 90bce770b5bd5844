//! What speaks HTTP for the proxy itself. It runs on the background runtime, never on an engine thread.

#![allow(dead_code, reason = "not used yet")]

pub(crate) mod client;

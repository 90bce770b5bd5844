//! What speaks HTTP for the proxy itself. It runs on the background runtime, never on an engine thread.

pub(crate) mod client;
pub(crate) mod place;

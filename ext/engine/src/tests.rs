//! Tests of the crate as a whole.

pub(crate) mod named;
pub(crate) mod pebble;
mod simulated;

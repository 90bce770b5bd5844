//! From a request to the handler that answers it.

mod pattern;
mod scope;

pub(crate) use pattern::Pattern;
pub(crate) use scope::{accepts, Location, Scope};

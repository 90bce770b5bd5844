//! From a request to the handler that answers it.
//!
//! A location has patterns, hosts and conditions ([`matcher`]); a [`Scope`] has locations and an [`index`] of them, whose cost does
//! not grow with their number.

mod compile;
mod conditions;
mod cover;
mod host;
mod index;
mod matcher;
mod names;
mod pattern;
mod regexp;
mod scope;

pub(crate) use names::CaptureNames;
pub(crate) use scope::{accepts, Ambiguous, Scope};

//! From a request to the handler that answers it.
//!
//! A location has patterns, hosts and conditions ([`matcher`]); a [`Scope`] has locations and an [`index`] of them, whose cost does
//! not grow with their number.

pub(crate) mod bench;
mod compile;
mod conditions;
mod cover;
pub(crate) mod explain;
mod host;
mod index;
mod matcher;
mod names;
mod pattern;
mod regexp;
mod scope;

pub(crate) use names::CaptureNames;
pub(crate) use pattern::without_trailing_slash;
pub(crate) use scope::{accepts, host_span, plain_prefix, Ambiguous, Scope};

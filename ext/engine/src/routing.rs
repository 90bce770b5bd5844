//! Routing: from a request to the handler that answers it.
//!
//! A location has patterns, hosts and conditions ([`matcher`]). A [`Scope`] has locations and an [`index`] of them; the
//! cost of a lookup does not grow with their number.

mod conditions;
pub(crate) mod cover;
mod entry;
mod host;
mod index;
pub(crate) mod matcher;
mod names;
pub(crate) mod pattern;
mod regexp;
mod route_names;
mod scope;

pub(crate) use matcher::Failure;
pub(crate) use matcher::Matcher;
pub(crate) use names::CaptureNames;
pub(crate) use pattern::without_trailing_slash;
pub(crate) use route_names::RouteNames;
pub(crate) use scope::{accepts, host_span, plain_prefix, same_values, Accepts, AmbiguousPath, Location, Scope};

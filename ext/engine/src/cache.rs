//! A shared cache by RFC 9111: the rules, over the fields of messages, and the zones that keep responses.
//!
//! The rules do no input or output and read no clock; only the disk tier of a zone does, and a body that is too long
//! for it. Times of day are in
//! milliseconds since 1970 ([`Millis`]).

pub(crate) mod body;
pub(crate) mod directives;
pub(crate) mod entry;
pub(crate) mod flight;
pub(crate) mod freshness;
pub(crate) mod key;
mod list;
pub(crate) mod parts;
mod passes;
pub(crate) mod purge;
mod record;
pub(crate) mod reuse;
pub(crate) mod status;
pub(crate) mod storable;
mod structured;
pub(crate) mod tier;
pub(crate) mod validation;
pub(crate) mod vary;
pub(crate) mod zone;
pub(crate) mod zones;

/// A time of day in milliseconds since 1970, or a length of time in milliseconds.
pub(crate) type Millis = u64;

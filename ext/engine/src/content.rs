//! What a client asks of content that is there: conditions, ranges and codings (RFC 9110, sections 12 to 14).
//!
//! The rules are the same for files, for stored responses, and for those that the proxy gives a tag. They do no input
//! or output.

pub(crate) mod accepted;
pub(crate) mod conditions;
pub(crate) mod date;
pub(crate) mod parts;
pub(crate) mod ranges;

#[cfg(test)]
mod tests;

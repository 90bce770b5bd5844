//! The trace that a request belongs to, as its fields say it, and as backends are told (W3C Trace Context).
//!
//! `traceparent` and `tracestate` are always read; `b3` and `X-Amzn-Trace-Id` only if the configuration names them.
//! What cannot be understood counts as not said: the request then begins a trace.

mod b3;
mod hex;
mod parent;
mod state;
mod xray;

pub(crate) use parent::LENGTH as PARENT_LENGTH;
pub(crate) use state::keep_state;

use proxy_http::message::Fields;
use proxy_http::random;

/// Field that names the trace, the sender's span, and whether the trace is recorded.
pub(crate) const TRACEPARENT: &str = "traceparent";
/// Field with what the systems on the way say of the trace.
pub(crate) const TRACESTATE: &str = "tracestate";

/// Id of a trace; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId(u128);

/// Id of a span, one step of a trace; never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SpanId(u64);

/// A span and its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceIds {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
}

impl TraceId {
    /// A new random id.
    pub(crate) fn random() -> Self {
        Self(random::number().max(1))
    }

    /// The id, or `None` for 0, which is no id.
    pub(crate) fn of(number: u128) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// The id as a number.
    pub(crate) fn number(self) -> u128 {
        self.0
    }

    /// Its 32 hexadecimal digits.
    pub(crate) fn digits(self) -> [u8; 32] {
        hex::digits(self.0.to_be_bytes())
    }

    /// Number from 0 below 2^63 that depends on the id alone, so that every system decides alike which traces are
    /// recorded.
    pub(crate) fn share(self) -> u64 {
        (self.0 as u64) >> 1
    }
}

impl SpanId {
    /// A new random id.
    pub(crate) fn random() -> Self {
        Self((random::number() as u64).max(1))
    }

    /// The id, or `None` for 0, which is no id.
    fn of(number: u64) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }

    /// Its 16 hexadecimal digits.
    pub(crate) fn digits(self) -> [u8; 16] {
        hex::digits(self.0.to_be_bytes())
    }
}

/// Other fields that may tell the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceFormat {
    /// `b3`, or the fields whose names begin with `X-B3-` (Zipkin).
    B3,
    /// `X-Amzn-Trace-Id` (AWS X-Ray).
    XRay,
}

/// What a request says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TraceTold {
    pub(crate) trace: Option<TraceId>,
    /// Span of the sender. `None` if only the trace is known.
    pub(crate) span: Option<SpanId>,
    /// Whether the sender records the trace; `None`: it leaves that to others.
    pub(crate) sampled: Option<bool>,
    /// Whether the sender says that the id is a random number.
    pub(crate) random: bool,
    /// Whether `traceparent` said so, so that `tracestate` belongs to it.
    pub(crate) by_w3c: bool,
}

/// Reads the trace of a request. `traceparent` comes before the `others`.
pub(crate) fn read(fields: &Fields, others: &[TraceFormat]) -> TraceTold {
    if let Some(told) = parent::read(fields) {
        return told;
    }
    let other = others.iter().find_map(|format| match format {
        TraceFormat::B3 => b3::read(fields),
        TraceFormat::XRay => xray::read(fields),
    });
    other.unwrap_or_default()
}

/// The value of `traceparent` for a request that is sent in `ids.span`.
pub(crate) fn traceparent(ids: TraceIds, sampled: bool, random: bool) -> [u8; PARENT_LENGTH] {
    parent::write(ids, sampled, random)
}

/// The only value of a field. `None` if there are several.
fn single<'f>(fields: &'f Fields, name: &'static str) -> Option<&'f [u8]> {
    let mut values = fields.all(name);
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests;

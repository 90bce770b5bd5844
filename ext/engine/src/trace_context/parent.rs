//! `traceparent` (W3C Trace Context, section 3.2).

use proxy_http::message::Fields;

use super::{hex, single, SpanId, TraceId, TraceIds, TraceTold, TRACEPARENT};

/// Bytes of a value of version 00: `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
pub(crate) const LENGTH: usize = 55;

/// The trace is recorded.
const SAMPLED: u8 = 1;
/// The right half of the trace's id is random (level 2 of the recommendation).
const RANDOM: u8 = 2;

/// Reads the only `traceparent`. `None` if it is absent, there several times, or malformed.
pub(super) fn read(fields: &Fields) -> Option<TraceTold> {
    parse(single(fields, TRACEPARENT)?)
}

/// Reads a value. A later version may have more behind the flags, divided by a `-`; the rest is read as in version 00.
pub(super) fn parse(value: &[u8]) -> Option<TraceTold> {
    let head = value.get(..LENGTH)?;
    let version = hex::number(&head[..2])?;
    let ends_well = match value.get(LENGTH) {
        None => true,
        Some(next) => version > 0 && *next == b'-',
    };
    let divided = [2, 35, 52].iter().all(|at| head[*at] == b'-');
    if version == 0xff || !ends_well || !divided {
        return None;
    }
    let trace = TraceId::of(hex::number(&head[3..35])?)?;
    let span = SpanId::of(hex::number(&head[36..52])? as u64)?;
    let flags = hex::number(&head[53..])? as u8;
    Some(TraceTold {
        trace: Some(trace),
        span: Some(span),
        sampled: Some(flags & SAMPLED != 0),
        random: flags & RANDOM != 0,
        by_w3c: true,
    })
}

/// The value in version 00.
pub(super) fn write(ids: TraceIds, sampled: bool, random: bool) -> [u8; LENGTH] {
    let mut value = *b"00-00000000000000000000000000000000-0000000000000000-00";
    value[3..35].copy_from_slice(&ids.trace.digits());
    value[36..52].copy_from_slice(&ids.span.digits());
    let flags = if sampled { SAMPLED } else { 0 } | if random { RANDOM } else { 0 };
    value[LENGTH - 1] += flags;
    value
}

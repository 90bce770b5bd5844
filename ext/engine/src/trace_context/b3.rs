//! The fields of Zipkin: `b3`, or several that begin with `X-B3-`.

use proxy_http::message::Fields;

use super::{hex, single, SpanId, TraceId, TraceTold};

/// Reads the one field, else the several.
pub(super) fn read(fields: &Fields) -> Option<TraceTold> {
    match fields.has("b3") {
        true => of_one(single(fields, "b3")?),
        false => of_several(fields),
    }
}

/// `TRACE-SPAN`, `TRACE-SPAN-SAMPLED`, `TRACE-SPAN-SAMPLED-PARENT`, or what there is to say of sampling alone.
pub(super) fn of_one(value: &[u8]) -> Option<TraceTold> {
    if let [flag] = value {
        return Some(TraceTold { sampled: Some(sampled(&[*flag])?), ..TraceTold::default() });
    }
    let mut parts = value.split(|byte| *byte == b'-');
    let (trace, span) = (trace_id(parts.next()?)?, span_id(parts.next()?)?);
    let sampled = match parts.next() {
        Some(flag) => Some(sampled(flag)?),
        None => None,
    };
    if let Some(parent) = parts.next() {
        span_id(parent)?;
    }
    parts.next().is_none().then_some(told(trace, span, sampled))
}

fn of_several(fields: &Fields) -> Option<TraceTold> {
    let flag = match (single(fields, "X-B3-Flags"), single(fields, "X-B3-Sampled")) {
        (Some(b"1"), _) => Some(true),
        (_, Some(flag)) => sampled(flag),
        (_, None) => None,
    };
    let ids = || Some((trace_id(single(fields, "X-B3-TraceId")?)?, span_id(single(fields, "X-B3-SpanId")?)?));
    match (ids(), flag) {
        (Some((trace, span)), flag) => Some(told(trace, span, flag)),
        (None, Some(flag)) => Some(TraceTold { sampled: Some(flag), ..TraceTold::default() }),
        (None, None) => None,
    }
}

fn told(trace: TraceId, span: SpanId, sampled: Option<bool>) -> TraceTold {
    TraceTold { trace: Some(trace), span: Some(span), sampled, ..TraceTold::default() }
}

/// Of 128 bits, or of 64.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    matches!(digits.len(), 16 | 32).then(|| TraceId::of(hex::any_case(digits)?)).flatten()
}

fn span_id(digits: &[u8]) -> Option<SpanId> {
    (digits.len() == 16).then(|| SpanId::of(hex::any_case(digits)? as u64)).flatten()
}

fn sampled(flag: &[u8]) -> Option<bool> {
    match flag {
        b"1" | b"d" | b"true" => Some(true),
        b"0" | b"false" => Some(false),
        _ => None,
    }
}

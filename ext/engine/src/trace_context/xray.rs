//! `X-Amzn-Trace-Id` of AWS X-Ray: `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.

use proxy_http::message::Fields;

use super::{hex, single, SpanId, TraceId, TraceTold};

/// Reads the field. A load balancer of AWS writes the trace alone.
pub(super) fn read(fields: &Fields) -> Option<TraceTold> {
    parse(single(fields, "X-Amzn-Trace-Id")?)
}

pub(super) fn parse(value: &[u8]) -> Option<TraceTold> {
    let mut told = TraceTold::default();
    for part in value.split(|byte| *byte == b';') {
        let part = part.trim_ascii();
        let Some(equals) = memchr::memchr(b'=', part) else { continue };
        let (name, text) = (&part[..equals], &part[equals + 1..]);
        match name {
            b"Root" => told.trace = Some(root(text)?),
            b"Parent" => told.span = Some(parent(text)?),
            b"Sampled" => {
                told.sampled = match text {
                    b"1" => Some(true),
                    b"0" => Some(false),
                    _ => None,
                }
            }
            _ => {}
        }
    }
    told.trace.is_some().then_some(told)
}

/// `1-TIME-REST`: 8 and 24 digits.
fn root(text: &[u8]) -> Option<TraceId> {
    let digits = text.strip_prefix(b"1-")?;
    if digits.len() != 33 || digits[8] != b'-' {
        return None;
    }
    TraceId::of(hex::any_case(&digits[..8])? << 96 | hex::any_case(&digits[9..])?)
}

fn parent(text: &[u8]) -> Option<SpanId> {
    (text.len() == 16).then(|| SpanId::of(hex::any_case(text)? as u64)).flatten()
}

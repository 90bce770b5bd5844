//! `tracestate` (W3C Trace Context, section 3.3).

use proxy_http::message::Fields;

use super::TRACESTATE;

/// Members of a list, at most.
const MOST_MEMBERS: usize = 32;
/// Bytes that are passed on, at most. Every system must pass on that many.
const MOST_BYTES: usize = 512;
/// Bytes of a member that is dropped first where a list is too long.
const LARGE: usize = 128;
/// Bytes of a key, and of a value, at most.
const LONGEST: usize = 256;

/// Keeps the list of a request whose trace goes on, in one field and at most [`MOST_BYTES`] long. A list that is
/// malformed is dropped as a whole.
pub(crate) fn keep_state(fields: &mut Fields) {
    let mut values = fields.all(TRACESTATE);
    let bounded = match (values.next(), values.next()) {
        (None, _) => return,
        (Some(only), None) if only.len() <= MOST_BYTES && members(only).is_some_and(|list| !list.is_empty()) => return,
        (Some(first), second) => {
            let mut all = first.to_vec();
            // Longer lists are never kept whole, so no more of them is copied than needed.
            for value in second.into_iter().chain(values).take(MOST_MEMBERS) {
                all.push(b',');
                all.extend_from_slice(value);
            }
            bounded(&all)
        }
    };
    match bounded {
        Some(list) => fields.set(TRACESTATE, &list),
        None => fields.remove(TRACESTATE),
    }
}

/// The list with as many members as fit: large ones go first, then those at the end. `None` if it is malformed or
/// nothing is left.
pub(super) fn bounded(list: &[u8]) -> Option<Vec<u8>> {
    let mut members = members(list)?;
    let length = |members: &[&[u8]]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    if length(&members) > MOST_BYTES + 1 {
        members.retain(|member| member.len() <= LARGE);
    }
    while length(&members) > MOST_BYTES + 1 {
        members.pop();
    }
    (!members.is_empty()).then(|| members.join(&b','))
}

/// The members of a list, without the empty ones. `None` if one is malformed, or if there are too many.
fn members(list: &[u8]) -> Option<Vec<&[u8]>> {
    let mut members = Vec::new();
    for member in list.split(|byte| *byte == b',') {
        let member = member.trim_ascii();
        if member.is_empty() {
            continue;
        }
        if members.len() == MOST_MEMBERS || !is_member(member) {
            return None;
        }
        members.push(member);
    }
    Some(members)
}

fn is_member(member: &[u8]) -> bool {
    let Some(equals) = memchr::memchr(b'=', member) else { return false };
    let (key, value) = (&member[..equals], &member[equals + 1..]);
    let of_key = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/' | b'@');
    let begins = key.first().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_key = begins && key.len() <= LONGEST && key.iter().all(of_key);
    is_key && value.len() <= LONGEST && value.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'=')
}

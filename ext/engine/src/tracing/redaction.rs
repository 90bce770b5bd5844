//! Queries without what is secret in them.

/// Names of parameters whose values are secrets.
const SECRET: [&[u8]; 8] =
    [b"token", b"key", b"secret", b"signature", b"code", b"api_key", b"access_token", b"password"];

/// Appends a query, without its `?`, with `…` in place of every secret.
pub(super) fn push_query(query: &[u8], out: &mut Vec<u8>) {
    for (index, pair) in query.split(|byte| *byte == b'&').enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        if name.len() < pair.len() && SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name)) {
            out.extend_from_slice(name);
            out.extend_from_slice("=…".as_bytes());
        } else {
            out.extend_from_slice(pair);
        }
    }
}

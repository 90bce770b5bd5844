//! What the targets share.

use proxy_http::http1::{Buffer, HeadScan};
use proxy_http::message::Malformed;
use proxy_http::message::Fields;

/// Puts bytes into a buffer, as a read would.
pub fn feed(buffer: &mut Buffer, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        if buffer.is_full() {
            buffer.grow(buffer.len() * 2);
        }
        let space = buffer.space();
        let n = space.len().min(bytes.len());
        space[..n].copy_from_slice(&bytes[..n]);
        buffer.commit(n);
        bytes = &bytes[n..];
    }
}

/// Where the head ends in bytes that arrive in pieces of `step`.
pub fn find(bytes: &[u8], step: usize) -> Result<Option<usize>, Malformed> {
    let mut scan = HeadScan::default();
    let mut seen = 0;
    while seen < bytes.len() {
        seen = (seen + step).min(bytes.len());
        if let Some(len) = scan.find(&bytes[..seen])? {
            return Ok(Some(len));
        }
    }
    Ok(None)
}

/// The same however the bytes arrive.
pub fn find_in_any_pieces(bytes: &[u8], step: usize) -> Option<usize> {
    let whole = find(bytes, bytes.len().max(1));
    let found = find(bytes, step.max(1));
    // A bare LF behind the end of the head is no matter of the head; one before it is found either way.
    assert_eq!(whole.is_err(), found.is_err());
    let whole = whole.ok().flatten();
    assert_eq!(whole, found.ok().flatten());
    whole
}

/// Names and values.
pub fn list(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

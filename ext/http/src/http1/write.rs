//! Writing start lines. [`crate::message::Fields::write_to`] writes fields.

use crate::hex;
use crate::message::RequestHead;

/// Writes `METHOD target HTTP/1.1` and the fields of a request, without the empty line.
pub fn write_request_head(out: &mut Vec<u8>, head: &RequestHead, target: &[u8]) {
    out.extend_from_slice(head.method_text());
    out.push(b' ');
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    head.fields.write_to(out);
}

/// Writes a status line such as `HTTP/1.1 200 OK`, with its line break.
pub fn write_status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend([b'0' + (status / 100 % 10) as u8, b'0' + (status / 10 % 10) as u8, b'0' + (status % 10) as u8]);
    out.push(b' ');
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// Writes the line with the size of a chunk (RFC 9112, section 7.1).
pub(super) fn write_chunk_size(out: &mut Vec<u8>, size: usize) {
    hex::push(out, size as u64);
    out.extend_from_slice(b"\r\n");
}

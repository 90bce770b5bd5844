//! Framing of bodies, and whether the connection stays open after a message (RFC 9112, sections 6 and 9).

use crate::message::{Fields, Framing, Known, Malformed, Method, RequestHead, ResponseHead, Version};

/// The framing of a request's body.
pub fn of_request(head: &RequestHead) -> Result<Framing, Malformed> {
    let length = content_length(&head.fields)?;
    match (transfer_encoding(&head.fields, head.version)?, length) {
        (true, _) => Ok(Framing::Chunked),
        (false, Some(n)) => Ok(Framing::Length(n)),
        (false, None) => Ok(Framing::None),
    }
}

/// The framing of the body of a response to a request with `method`.
pub fn of_response(head: &ResponseHead, method: Method) -> Result<Framing, Malformed> {
    let length = content_length(&head.fields)?;
    let chunked = transfer_encoding(&head.fields, head.version)?;
    if method == Method::Head || is_bodyless(head.status) {
        return Ok(Framing::None);
    }
    match (chunked, length) {
        (true, _) => Ok(Framing::Chunked),
        (false, Some(n)) => Ok(Framing::Length(n)),
        (false, None) => Ok(Framing::UntilClose),
    }
}

/// Whether a response of this status never has a body.
pub fn is_bodyless(status: u16) -> bool {
    matches!(status, 100..=199 | 204 | 304)
}

/// The single `Content-Length`. Several are refused even if they agree, and so is anything but digits.
fn content_length(fields: &Fields) -> Result<Option<u64>, Malformed> {
    if fields.lacks(Known::ContentLength) {
        return Ok(None);
    }
    let mut values = fields.all(Known::ContentLength);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Malformed::TwoContentLengths);
    }
    if value.is_empty() || value.len() > 19 {
        return Err(Malformed::ContentLength);
    }
    let mut length = 0u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return Err(Malformed::ContentLength);
        }
        length = length * 10 + u64::from(byte - b'0');
    }
    // Parsers with signed numbers would take it for a negative length.
    if i64::try_from(length).is_err() {
        return Err(Malformed::ContentLengthTooLarge);
    }
    Ok(Some(length))
}

/// Whether the body is chunked. Any other coding is refused, and so are `chunked` twice, `chunked` beside a
/// `Content-Length`, and `chunked` in HTTP/1.0.
fn transfer_encoding(fields: &Fields, version: Version) -> Result<bool, Malformed> {
    if fields.lacks(Known::TransferEncoding) {
        return Ok(false);
    }
    let mut values = fields.all(Known::TransferEncoding);
    let Some(value) = values.next() else { return Ok(false) };
    if values.next().is_some() || !value.eq_ignore_ascii_case(b"chunked") {
        return Err(Malformed::TransferEncoding);
    }
    if version == Version::Http10 {
        return Err(Malformed::TransferEncodingInHttp10);
    }
    if fields.has(Known::ContentLength) {
        return Err(Malformed::TwoFramings);
    }
    Ok(true)
}

/// Whether the connection may be kept alive: the sender will read another message after this one.
pub fn keeps_alive(fields: &Fields, version: Version) -> bool {
    match listed(fields) {
        Listed::Nothing => return version != Version::Http10,
        Listed::KeepAlive => return true,
        Listed::Close => return false,
        Listed::More => {}
    }
    let mut keep = version != Version::Http10;
    for option in connection_options(fields) {
        if option.eq_ignore_ascii_case(b"close") {
            return false;
        }
        keep |= option.eq_ignore_ascii_case(b"keep-alive");
    }
    keep
}

/// The content of `Connection` in nearly every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Neither `keep-alive` nor `close`.
    Nothing,
    /// Only `keep-alive`.
    KeepAlive,
    /// Only `close`.
    Close,
    /// Anything else: see [`connection_options`].
    More,
}

/// Classifies `Connection` with a quick test.
pub fn listed(fields: &Fields) -> Listed {
    if fields.lacks(Known::Connection) {
        return Listed::Nothing;
    }
    let mut values = fields.all(Known::Connection);
    match (values.next(), values.next()) {
        (None, _) => Listed::Nothing,
        (Some(value), None) if value.eq_ignore_ascii_case(b"keep-alive") => Listed::KeepAlive,
        (Some(value), None) if value.eq_ignore_ascii_case(b"close") => Listed::Close,
        _ => Listed::More,
    }
}

/// The options that `Connection` lists.
pub fn connection_options(fields: &Fields) -> impl Iterator<Item = &[u8]> {
    fields.all(Known::Connection).flat_map(list_members)
}

/// The members of a comma-separated list, without white space around them; empty ones are skipped.
pub fn list_members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests;

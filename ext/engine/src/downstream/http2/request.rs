//! From the request of `h2` to our own head.
//!
//! `h2` itself refuses what breaks the framing of HTTP/2, with a reset of the stream or the connection: names with
//! capital letters, control characters, connection fields, pseudo-fields that are missing, repeated or out of place.
//! The rest is checked by the rules of HTTP/1.1, and answered as there.

use h2::ext::Protocol;
use http::request::Parts;
use proxy_http::headers::websocket;
use proxy_http::http2::read_fields;
use proxy_http::message::{check_authority, is_token_byte, Known, Method, RequestHead, Target, TargetError, Version};
use proxy_http::message::{Malformed, ReadError, MAX_FIELDS};

/// Reads a request. An extended CONNECT (RFC 8441) becomes the request for an upgrade that it would be in HTTP/1.1.
pub(super) fn read_request(parts: &Parts, head: &mut RequestHead, limit: usize) -> Result<(), ReadError> {
    let protocol = parts.extensions.get::<Protocol>().map(|protocol| protocol.as_str().as_bytes());
    let method = if protocol.is_some() { b"GET" } else { parts.method.as_str().as_bytes() };
    let fields = &mut head.fields;
    fields.clear();
    head.version = Version::Http2;
    head.method = Method::of(method);
    head.method_span = fields.push_text(method);
    let authority = authority(parts)?;
    fields.append(Known::Host, authority);
    read_fields(&parts.headers, fields);
    let path = match parts.uri.path_and_query() {
        Some(path) => path.as_str().as_bytes(),
        // Such a request is not for a path, but for a host.
        None if head.method == Method::Connect => b"/",
        None => return Err(Malformed::NoTarget.into()),
    };
    head.target = fields.push_text(path);
    let said = match path {
        // Only HTTP/1.1 has targets with a host in them.
        [b'/', ..] | b"*" => Target::parse(path, head.method == Method::Options),
        _ => Err(TargetError::Form),
    };
    let said = said.map_err(Malformed::Target)?;
    head.note_target(path, &said);
    head.authority = head.fields.spans(Known::Host).next().unwrap_or_default();
    check_fields(head, limit)?;
    if let Some(protocol) = protocol {
        become_upgrade(head, protocol)?;
    }
    Ok(())
}

/// Notes what a refused request says of itself, for the log alone.
#[cold]
pub(super) fn salvage_request(parts: &Parts, head: &mut RequestHead) {
    head.forget();
    let method = parts.method.as_str().as_bytes();
    let fields = &mut head.fields;
    head.method = Method::of(method);
    head.version = Version::Http2;
    head.method_span = fields.push_text(method);
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let authority = authority.or_else(|| parts.headers.get(http::header::HOST).map(|host| host.as_bytes()));
    head.authority = fields.push_text(authority.unwrap_or_default());
    read_fields(&parts.headers, fields);
    if let Some(target) = parts.uri.path_and_query() {
        let authority = head.authority;
        let target = head.fields.push_text(target.as_str().as_bytes());
        head.note_raw_target(target);
        head.authority = authority;
    }
}

/// Whom the request is for. `Host` may repeat what `:authority` says, or stand in its place (RFC 9113, section 8.3.1).
fn authority(parts: &Parts) -> Result<&[u8], Malformed> {
    let mut hosts = parts.headers.get_all(http::header::HOST).iter();
    let (host, more) = (hosts.next().map(|host| host.as_bytes()), hosts.next());
    let authority = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    let authority = match (authority, host) {
        _ if more.is_some() => return Err(Malformed::TwoHosts),
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => return Err(Malformed::HostDiffers),
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(Malformed::NoAuthority),
    };
    check_authority(authority).map_err(Malformed::Target)?;
    Ok(authority)
}

/// What in HTTP/1.1 the size of a head and its syntax are held to.
fn check_fields(head: &RequestHead, limit: usize) -> Result<(), ReadError> {
    let mut size = head.method_span.len() + head.target.len();
    let mut count = 0;
    for (name, value) in head.fields.iter() {
        // As it stands on the wire there: with a colon, a space and a line break.
        size += name.len() + value.len() + 4;
        count += 1;
        if value.trim_ascii().len() != value.len() {
            return Err(Malformed::FieldValueSpace.into());
        }
    }
    match (size > limit, count > MAX_FIELDS) {
        (true, _) => Err(ReadError::TooLarge),
        (_, true) => Err(Malformed::TooManyFields.into()),
        _ => Ok(()),
    }
}

/// Adds what makes it the request for an upgrade.
fn become_upgrade(head: &mut RequestHead, protocol: &[u8]) -> Result<(), Malformed> {
    if protocol.is_empty() || !protocol.iter().all(|byte| is_token_byte(*byte) || *byte == b'/') {
        return Err(Malformed::Protocol);
    }
    let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default();
    // Requests inside such a tunnel would pass us by.
    if [&b"h2"[..], b"h2c", b"h3", b"http"].iter().any(|http| http.eq_ignore_ascii_case(name)) {
        return Err(Malformed::ProtocolIsHttp);
    }
    if !head.fields.lacks(Known::ContentLength) {
        return Err(Malformed::TunnelLength);
    }
    head.fields.append(Known::Upgrade, protocol);
    if protocol.eq_ignore_ascii_case(b"websocket") {
        websocket::set_key(&mut head.fields);
    }
    Ok(())
}

#[cfg(test)]
mod tests;

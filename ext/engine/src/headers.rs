//! What the fields of a message mean to someone in the middle.

pub mod forwarded;
pub mod framing;
pub mod hop_by_hop;
pub(crate) mod websocket;

use crate::message::{Fields, Known};

/// Fields that say where a message ends or what a connection is for. The engine writes them itself, and no configuration may.
pub(crate) const CONNECTION_FIELDS: [Known; 6] =
    [Known::Connection, Known::ContentLength, Known::KeepAlive, Known::Te, Known::TransferEncoding, Known::Upgrade];

/// Fields that have no place in a trailer section: they frame, route, authorise or concern one hop (RFC 9110, section
/// 6.5.1).
pub fn forbidden_in_trailers(name: Known) -> bool {
    use Known::*;
    matches!(
        name,
        Authorization
            | CacheControl
            | Connection
            | ContentEncoding
            | ContentLength
            | ContentType
            | Cookie
            | Expect
            | Forwarded
            | Host
            | Http2Settings
            | KeepAlive
            | ProxyAuthenticate
            | ProxyAuthorization
            | ProxyConnection
            | Range
            | SetCookie
            | Te
            | Trailer
            | TransferEncoding
            | Upgrade
            | Via
            | XAccelMapping
            | XForwardedFor
            | XForwardedHost
            | XForwardedPort
            | XForwardedProto
            | XRealIp
            | XSendfileType
    )
}

/// Drops the fields that have no place in a trailer section.
pub(crate) fn clean_trailers(trailers: &mut Fields) {
    trailers.retain(|known, name, _| !known.or_else(|| cgi_alias(name)).is_some_and(forbidden_in_trailers));
}

/// The known name that a backend which speaks CGI takes `name` for: to it `_`, `.` and `-` are one.
fn cgi_alias(name: &[u8]) -> Option<Known> {
    memchr::memchr2(b'_', b'.', name)?;
    let dashed: Vec<u8> = name.iter().map(|b| if matches!(b, b'_' | b'.') { b'-' } else { *b }).collect();
    Known::of(&dashed)
}

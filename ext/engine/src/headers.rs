//! What the fields of a message mean to someone in the middle.

pub mod forwarded;
pub mod framing;
pub mod hop_by_hop;

use crate::message::Known;

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

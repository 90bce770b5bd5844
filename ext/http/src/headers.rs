//! Rules of a proxy for the fields of a message: framing, hop-by-hop fields, trailers, forwarding fields.

pub mod framing;
pub mod hearsay;
pub mod hop_by_hop;
pub mod quality;
pub mod trailers;
pub mod websocket;

use crate::message::Known;

/// Fields that say where a message ends or that control the connection. The engine writes them itself; no configuration
/// may set them.
pub const CONNECTION_FIELDS: [Known; 6] =
    [Known::Connection, Known::ContentLength, Known::KeepAlive, Known::Te, Known::TransferEncoding, Known::Upgrade];

//! What the fields of a message mean to someone in the middle.

pub mod framing;
pub mod hearsay;
pub mod hop_by_hop;
pub mod trailers;
pub mod websocket;

use crate::message::Known;

/// Fields that say where a message ends or what a connection is for. The engine writes them itself, and no
/// configuration may.
pub const CONNECTION_FIELDS: [Known; 6] =
    [Known::Connection, Known::ContentLength, Known::KeepAlive, Known::Te, Known::TransferEncoding, Known::Upgrade];

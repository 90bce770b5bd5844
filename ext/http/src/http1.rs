//! HTTP/1.1 on the wire (RFC 9112): one strict codec for clients and backends.
//!
//! Anything that two parsers could read differently is refused here, in both directions, and never forwarded.
//! `httparse` splits a head; everything it tolerates and we do not is checked in addition.

mod body;
mod buffer;
mod chunked;
mod connection;
mod output;
mod read;
mod salvage;
mod write;

pub use body::{BodyReader, BodyWriter};
pub use buffer::Buffer;
pub use chunked::Chunked;
pub use connection::Connection;
pub use read::{parse_request, parse_response, HeadScan};
pub use salvage::salvage_request;
pub use write::{write_request_head, write_status_line};

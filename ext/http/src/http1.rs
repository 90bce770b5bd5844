//! HTTP/1.1 on the wire (RFC 9112): one strict codec for clients and backends.
//!
//! What could be read in two ways is refused here, in both directions, and never forwarded. `httparse` takes a head
//! apart; everything it tolerates and we do not is checked on top of it.

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

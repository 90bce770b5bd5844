//! A message head: the bytes as they came, and a flat list of offsets into them.

mod fields;
mod framing;
mod head;
mod known;
mod malformed;
mod method;
mod read_error;
mod reason;
mod span;
mod target;

pub use fields::{is_one_to_cgi, is_token_byte, FieldName, Fields, Lines, NameRef};
pub use framing::{Framing, Piece};
pub use head::{RequestHead, ResponseHead, TargetSpans, Version};
pub use known::Known;
pub use malformed::Malformed;
pub use method::Method;
pub use read_error::ReadError;
pub use reason::reason;
pub use span::Span;
pub use target::{behind_prefix, check_authority, host_of, merge_encoded_slashes, Target, TargetError};

/// Most field lines of a request head, and of a trailer section in HTTP/2.
pub const MAX_FIELDS: usize = 128;
/// Most field lines of a response head: a backend is trusted with more than a client.
pub const MAX_RESPONSE_FIELDS: usize = 1_000;

//! What a message head is here: the bytes as they came, and a flat list of where things stand in them.

mod fields;
mod head;
mod known;
mod method;
mod target;

pub(crate) use fields::{is_one_to_cgi, is_token_byte, Lines};
pub use fields::{FieldName, Fields, NameRef};
pub(crate) use head::{host_of, TargetSpans};
pub use head::{RequestHead, ResponseHead, Span, Version};
pub use known::Known;
pub use method::Method;
pub(crate) use target::{behind_prefix, check_authority, merge_encoded_slashes};
pub use target::{Target, TargetError};

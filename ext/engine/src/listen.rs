//! Addresses and protocols of a server: the `bind` directives, compiled.

mod address;
pub(crate) mod binds;
pub(crate) mod passed;
mod protocols;
pub(crate) mod tls;
pub(crate) mod unix_socket;

pub(crate) use address::{is_https, BindAddress, BindKey};
pub(crate) use protocols::Protocols;
pub(crate) use unix_socket::Rights;

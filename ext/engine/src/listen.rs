//! Where a server listens, and what is spoken there: the `bind` directives, compiled.

mod address;
pub(crate) mod binds;
pub(crate) mod tls;
pub(crate) mod unix_socket;

pub(crate) use address::{is_https, BindAddress};
pub(crate) use unix_socket::Rights;

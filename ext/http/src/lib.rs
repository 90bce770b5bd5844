//! The wire formats of the proxy: the meaning of bytes, without a runtime, a configuration or a socket.
//!
//! The modules are listed in the order of their layers: a module uses modules above it and never one below.
//! `bin/layers` checks that.

pub mod decimal;
pub mod hex;
pub mod random;
pub mod transport;

pub mod proxy_protocol;
pub mod websocket;

pub mod message;

pub mod headers;

pub mod http1;

pub mod http2;

//! A reverse proxy: everything that a request touches, and no Ruby.

pub mod config;
pub mod message;
pub mod server;
pub mod stream;
pub mod upstream;

pub use server::{Server, StartError, Stats};

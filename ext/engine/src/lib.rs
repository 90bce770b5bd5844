//! A reverse proxy: everything that a request touches, and no Ruby.

pub mod access_log;
mod civil_time;
pub mod config;
pub mod log;
pub mod message;
mod nearest;
pub mod request_id;
pub mod respond;
pub mod rewrite;
pub mod server;

pub use server::{Server, StartError, Stats};

//! A reverse proxy: everything that a request touches, and no Ruby.
//!
//! The modules in the order in which a request meets them: [`server`] holds the threads; `downstream` accepts a connection and
//! reads a request ([`http1`], [`message`]); `forward` learns whose it is (`identity`) and finds the handler (`routing`), the filters before it let the request pass (`filter`) and `handler` answers, asking a backend
//! ([`upstream`]) and changing fields on the way ([`headers`], [`rewrite`]); what fails is answered by [`respond`]; what
//! happened goes to [`access_log`] and the figures.

pub mod access_log;
pub mod config;
pub mod fork;
pub mod headers;
pub mod http1;
pub mod log;
pub mod message;
pub mod output;
pub mod proxy_protocol;
pub mod request_id;
pub mod respond;
pub mod rewrite;
pub mod server;
pub mod stream;
pub mod upstream;

mod alarm;
mod civil_time;
mod clock;
mod descriptors;
mod downstream;
mod engine;
mod error;
mod files;
mod filter;
mod forward;
mod grpc;
mod handler;
mod http2;
mod identity;
mod long_lived;
mod metrics;
mod nearest;
mod networks;
mod peer;
mod pem;
mod routing;
#[cfg(test)]
mod simulated;
mod snapshot;
mod waiting;
mod websocket;

pub use config::Config;
pub use routing::bench::Routes;
pub use routing::explain::{explain, Explanation, Question, Sent};
pub use server::{Server, StartError, Stats};

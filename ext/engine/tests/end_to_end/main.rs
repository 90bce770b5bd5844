//! The whole engine on real sockets, one behaviour a file.

mod support;

mod admission;
mod back_pressure;
mod backend_strictness;
mod bodies;
mod bodyless;
mod client_strictness;
mod disconnect;
mod drain;
mod early_response;
mod forwarding;
mod grpc;
mod grpc_http2;
mod health;
mod http2;
mod http2_backend;
mod http2_backend_limits;
mod http2_backend_retries;
mod http2_bodies;
mod http2_floods;
mod http2_requests;
mod http2_tunnels;
mod http_1_0;
mod interim;
mod keep_alive;
mod limits;
mod passwords;
mod pipelining;
mod reload;
mod retries;
mod retry_on;
mod states;
mod truncation;
mod upgrade;

//! The whole engine on real sockets, one behaviour a file.

#![allow(clippy::disallowed_types, reason = "what happens on real sockets takes real time")]

mod support;

mod admission;
mod adopt;
mod authorize;
mod applications;
mod back_pressure;
mod backend_strictness;
mod bodies;
mod bodyless;
mod choosing;
mod client_strictness;
mod deploying;
mod descriptors;
mod disconnect;
mod drain;
mod early_response;
mod forwarding;
mod grace;
mod grpc;
mod grpc_http2;
mod hand_over;
mod health;
mod hold;
mod http2;
mod http2_backend;
mod http2_backend_limits;
mod http2_backend_retries;
mod http2_bodies;
mod http2_floods;
mod http2_pace;
mod http2_requests;
mod http2_tunnels;
mod http_1_0;
mod interim;
mod keep_alive;
mod kept_state;
mod limits;
mod logged;
mod managed_certificates;
mod methods;
mod passwords;
mod pipelining;
mod places;
mod reload;
mod retries;
mod retry_on;
mod rewrites;
mod states;
mod steering;
mod steering_calls;
mod trailers;
mod truncation;
mod upgrade;

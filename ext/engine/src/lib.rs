//! A reverse proxy: everything that a request touches, and no Ruby.
//!
//! The modules stand in the order of their layers: a module uses those above it and never one below. `bin/layers`
//! checks that. ARCHITECTURE.md tells the life of a request through them.

// What knows nothing of HTTP.
mod output;
mod fork;
mod fork_safe;
mod process_secret;
mod passed_state;
mod files;
mod disk_threads;
mod unnamed_file;
mod descriptors;
mod listening_socket;
mod civil_time;
mod escape;
mod suggestion;
mod pem;
mod application;
mod stream;
mod clock;
mod deadline;
mod disk;

// What is written, what is counted, and what goes wrong.
mod request_id;
mod trace_context;
pub mod config;
mod compile;
mod networks;
mod log;
mod panics;
pub mod stats;
mod latency;
pub mod blocks;
mod storage;
mod events;
mod metrics;
mod error;
mod grpc;

// Who asks, and what can be said of a request.
mod certificates;
mod listen;
mod client;
mod rewrite;
mod respond;
mod access_log;

// Bytes between a client and a backend.
mod content;
mod coding;
mod channel;
mod long_lived;
mod relay;
mod runtime_state;
mod upstream;

// What the proxy asks others for itself.
mod control;
mod acme;
mod tracing;

// One request.
mod routing;
mod cache;
mod request;
mod file_response;
mod compiler;
mod filter;
mod handler;
pub mod configuration;
mod snapshot;
mod worker;
mod forward;
mod control_api;

// Connections and threads.
mod downstream;
mod server;

// A configuration looked at without a server.
mod explain;
mod lookup;
mod stored_certificates;

pub use acme::early_renewal::EarlyRenewal;
pub use application::{Inbox, TakenRequest};
pub use certificates::info::{CertificateInfo, CertificateKind};
pub use configuration::Config;
pub use control_api::{Order, OrderWaiter};
pub use downstream::adoption::{AdoptedClient, Adoption};
pub use explain::{explain, Explanation, OwnAnswer, Question, Sent};
pub use fork::Hold;
pub use listen::passed::{assign, NamedSocket};
pub use listening_socket::{HandedOver, ListeningSocket};
pub use lookup::RouteLookup;
pub use output::block_sigpipe;
pub use passed_state::PassedState;
pub use runtime_state::traffic::{MaintenanceOrder, PauseState, ShareState, SplitState, TrafficState, UpstreamTraffic};
pub use server::{
    DeployEvent, DeployRun, Server, SetBackendsError, StartError, SteeringError, TrafficError, UnknownBackend,
};
pub use stats::Stats;
pub use stored_certificates::StoredCertificates;
pub use upstream::deployment::DeployConfig;
pub use upstream::steering::BackendChange;
pub use upstream::Admin;

#[cfg(feature = "fuzzing")]
pub mod fuzzing;

#[cfg(test)]
mod tests;

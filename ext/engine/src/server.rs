//! A running server: its life from configuration to drain.

use std::time::Duration;

use serde::Serialize;

use crate::config::{At, Config, Problem};

/// Why a server did not start. Nothing stays bound.
#[derive(Debug)]
pub enum StartError {
    /// Mistakes in the configuration, all of them.
    Configuration(Vec<Problem>),
    /// An address that could not be bound.
    Bind {
        /// The `bind` directive's line.
        at: Option<At>,
        /// Its URL.
        url: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The operating system gave no thread or no runtime.
    System(std::io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Checks the configuration without starting anything. Errors and warnings, in the order of the file.
    pub fn check(config: &Config) -> Vec<Problem> {
        let _ = config;
        Vec::new()
    }

    /// Starts the engine threads and returns once every address is bound.
    pub fn start(config: Config) -> Result<Server, StartError> {
        let _ = config;
        Err(StartError::Configuration(Vec::new()))
    }

    /// The URL of every bind, with the port that was taken for port 0.
    pub fn urls(&self) -> &[String] {
        &[]
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Begins to stop and returns at once: no new connections, idle ones close, requests in flight may finish within
    /// `timeout` (default: the configured `shutdown_timeout`). A second call with a shorter time shortens it.
    pub fn begin_stop(&self, timeout: Option<Duration>) {
        let _ = timeout;
    }

    /// Waits until the server has stopped or `limit` is over. `true` once it has stopped.
    pub fn wait(&self, limit: Option<Duration>) -> bool {
        let _ = limit;
        true
    }

    /// Whether every thread has ended.
    pub fn is_stopped(&self) -> bool {
        true
    }
}

/// What a server did so far.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Stats {
    /// Client connections.
    pub connections: ConnectionStats,
    /// Requests.
    pub requests: RequestStats,
    /// Every backend of every `proxy`, in the order of the file.
    pub backends: Vec<BackendStats>,
}

/// Client connections.
#[derive(Debug, Default, Clone, Serialize)]
pub struct ConnectionStats {
    /// Accepted since the start.
    pub accepted: u64,
    /// Open now.
    pub active: u64,
}

/// Requests.
#[derive(Debug, Default, Clone, Serialize)]
pub struct RequestStats {
    /// Answered, refused or given up since the start.
    pub total: u64,
    /// Being served now.
    pub in_flight: u64,
    /// Answers by class.
    pub status_2xx: u64,
    /// Answers by class.
    pub status_3xx: u64,
    /// Answers by class, 499 included.
    pub status_4xx: u64,
    /// Answers by class.
    pub status_5xx: u64,
    /// Requests whose client went away before its answer (499).
    pub client_closed: u64,
}

/// One backend address.
#[derive(Debug, Default, Clone, Serialize)]
pub struct BackendStats {
    /// `10.0.0.1:3001` or `unix:/run/app.sock`.
    pub address: String,
    /// Requests that it is answering now.
    pub in_flight: u64,
    /// Attempts sent to it since the start.
    pub requests: u64,
    /// Attempts that failed.
    pub failures: u64,
}

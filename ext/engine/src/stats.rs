//! Figures of a server, as they are shown.

use serde::Serialize;

/// Figures of a server since its start.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Stats {
    /// Figures of client connections.
    pub connections: ConnectionStats,
    /// Figures of requests.
    pub requests: RequestStats,
    /// Exchanges that the stop of the server has cut off.
    pub cut: CutStats,
    /// Every backend of every `proxy`, in the order of the file.
    pub backends: Vec<BackendStats>,
    /// Every Ruby block of the configuration, in the order of the file.
    pub blocks: Vec<BlockStats>,
}

/// Figures of client connections.
#[derive(Debug, Default, Clone, Serialize)]
pub struct ConnectionStats {
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Connections that are open now.
    pub active: u64,
    /// TLS handshakes that failed since the start.
    pub handshakes_failed: u64,
}

/// Figures of requests.
#[derive(Debug, Default, Clone, Serialize)]
pub struct RequestStats {
    /// Requests that were answered, refused or given up since the start.
    pub total: u64,
    /// Requests that are being served now.
    pub in_flight: u64,
    /// Responses with a status of 1xx.
    pub status_1xx: u64,
    /// Responses with a status of 2xx.
    pub status_2xx: u64,
    /// Responses with a status of 3xx.
    pub status_3xx: u64,
    /// Responses with a status of 4xx, 499 included.
    pub status_4xx: u64,
    /// Responses with a status of 5xx.
    pub status_5xx: u64,
    /// Requests whose client went away before the response (499).
    pub client_closed: u64,
    /// Requests that became tunnels since the start, such as WebSockets.
    pub upgraded: u64,
    /// Tunnels that are open now. They count as in flight too.
    pub tunnels: u64,
    /// Event streams that are open now. They count as in flight too.
    pub event_streams: u64,
    /// Requests that wait now because every backend is busy.
    pub queued: u64,
    /// Time until a response began, from the head of the request. `None`: there was no request of late.
    pub latency: Option<LatencyStats>,
}

/// Quantiles of times of the last minute or less, in seconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize)]
pub struct LatencyStats {
    /// Half of them were shorter.
    pub p50: f64,
    /// 95 of 100 were shorter.
    pub p95: f64,
    /// 99 of 100 were shorter.
    pub p99: f64,
}

/// Exchanges that were cut off because they had not finished within the time that a stop of the server gives them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CutStats {
    /// Requests that were cut off after `shutdown_timeout`.
    pub requests: u64,
    /// Tunnels that were cut off after `tunnel_grace`.
    pub tunnels: u64,
    /// Event streams that were cut off after `tunnel_grace`.
    pub event_streams: u64,
}

/// Figures of one backend address.
#[derive(Debug, Default, Clone, Serialize)]
pub struct BackendStats {
    /// Upstream that the backend belongs to.
    pub upstream: String,
    /// Address of the backend: `10.0.0.1:3001` or `unix:/run/app.sock`.
    pub address: String,
    /// State of the backend: `ready`, `draining`, `down`, `unhealthy`, `unchecked` before its first good check,
    /// `ejected`, or `unresolved` for a name that has no address.
    pub state: &'static str,
    /// Share of requests, relative to the weights of the other backends.
    pub weight: u32,
    /// Whether the backend gets requests only when no other backend is available.
    pub backup: bool,
    /// Requests that it gets at once. `None`: any number.
    pub max_connections: Option<u32>,
    /// Whether it was added at run time: the configuration does not list it.
    pub added: bool,
    /// Requests in flight on this backend.
    pub in_flight: u64,
    /// Tunnels that are open now, such as WebSockets. They do not count as in flight.
    pub tunnels: u64,
    /// Attempts sent to this backend since the start.
    pub requests: u64,
    /// Attempts that failed since the start.
    pub failures: u64,
    /// Time until its responses began. `None`: there was none of late.
    pub latency: Option<LatencyStats>,
    /// Result of active health checks. `None` before the first one.
    pub check: Option<CheckStats>,
}

/// Result of active health checks of a backend.
#[derive(Debug, Default, Clone, Serialize)]
pub struct CheckStats {
    /// Whether the backend is healthy.
    pub healthy: bool,
    /// Time of the last change of health, in seconds since 1970.
    pub since: f64,
    /// Reason of the latest failed check. `None` if none has failed.
    pub error: Option<String>,
}

/// Figures of one Ruby block of the configuration.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct BlockStats {
    /// Word that the block belongs to, such as `authorize`.
    pub word: &'static str,
    /// File and line of the word, if it comes from a file.
    pub at: Option<String>,
    /// Calls that run now.
    pub running: u64,
    /// Calls that wait for a thread now.
    pub waiting: u64,
    /// Calls that were answered since the start.
    pub answered: u64,
    /// Calls that raised an exception since the start, or that answered what they must not.
    pub failed: u64,
    /// Waits for an answer that took too long, since the start.
    pub late: u64,
    /// Calls that were refused since the start because too many were waiting.
    pub full: u64,
}

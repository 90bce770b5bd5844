//! Figures, as they are shown.

use serde::Serialize;

/// What a server did so far.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Stats {
    /// Client connections.
    pub connections: ConnectionStats,
    /// Requests.
    pub requests: RequestStats,
    /// What the stop of the server has ended.
    pub cut: CutStats,
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
    /// TLS handshakes that failed since the start.
    pub handshakes_failed: u64,
}

/// Requests.
#[derive(Debug, Default, Clone, Serialize)]
pub struct RequestStats {
    /// Answered, refused or given up since the start.
    pub total: u64,
    /// Being served now.
    pub in_flight: u64,
    /// Answers by class.
    pub status_1xx: u64,
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
    /// Requests that became tunnels since the start, such as WebSockets.
    pub upgraded: u64,
    /// Tunnels that are open now. They are in flight.
    pub tunnels: u64,
    /// Event streams that are open now. They are in flight.
    pub event_streams: u64,
    /// Waiting now for a backend that is not busy.
    pub queued: u64,
}

/// What had not finished when the time was over that a stop of the server gives it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CutStats {
    /// Requests, after `shutdown_timeout`.
    pub requests: u64,
    /// Tunnels, after `tunnel_grace`.
    pub tunnels: u64,
    /// Event streams, likewise.
    pub event_streams: u64,
}

/// One backend address.
#[derive(Debug, Default, Clone, Serialize)]
pub struct BackendStats {
    /// The upstream it belongs to.
    pub upstream: String,
    /// `10.0.0.1:3001` or `unix:/run/app.sock`.
    pub address: String,
    /// `ready`, `draining`, `down`, `unhealthy` or `ejected`; `unresolved` for a name that has no address.
    pub state: &'static str,
    /// Its share of requests beside the others'.
    pub weight: u32,
    /// Whether it is used only when no other backend is available.
    pub backup: bool,
    /// Requests that it is answering now.
    pub in_flight: u64,
    /// Tunnels that are open there now, such as WebSockets. They are not in flight.
    pub tunnels: u64,
    /// Attempts sent to it since the start.
    pub requests: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// What active checks found. `None` before the first one.
    pub check: Option<CheckStats>,
}

/// What active checks found out about a backend.
#[derive(Debug, Default, Clone, Serialize)]
pub struct CheckStats {
    /// Whether it is well.
    pub healthy: bool,
    /// Since when, in seconds since 1970.
    pub since: f64,
    /// Why the latest check that failed did. `None` if none has.
    pub error: Option<String>,
}

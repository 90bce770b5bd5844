//! Sets of backends as they were written.

use serde::{Deserialize, Serialize};

use super::At;

/// Seconds for TCP and TLS to a backend, unless the configuration says otherwise.
pub(crate) const CONNECT_TIMEOUT: f64 = 5.0;
/// Retries in flight, in per cent of the requests in flight, unless the configuration says otherwise.
pub(crate) const RETRY_BUDGET: f64 = 20.0;

/// `upstream "app_servers", backends: [...], backend_priority: "least_conn", …`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Upstream {
    /// What the host of a `to` says to mean it.
    pub name: String,
    /// Everything else.
    pub pool: Pool,
    /// Where it was written.
    pub at: Option<At>,
}

/// What `upstream` and a `proxy` of its own backends have in common: where requests go, how a backend is chosen, spoken to,
/// and known to be well.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pool {
    /// Where requests go. `None`: the host of `to`, resolved by DNS.
    pub backends: Option<Vec<Backend>>,
    /// How a backend is chosen.
    pub backend_priority: Priority,
    /// Whether the backend's certificate is verified.
    pub verify_ssl: bool,
    /// Whether the server name is sent in the TLS handshake.
    pub tls_sni: bool,
    /// PEM file of the authorities that may have signed a backend's certificate, in place of the system's.
    pub ca_file: Option<String>,
    /// PEM file of the certificate chain shown to backends.
    pub client_certificate: Option<String>,
    /// PEM file of its key.
    pub client_key: Option<String>,
    /// `http1`, `http2` or `auto`. `None`: by the URL of each backend.
    pub protocol: Option<String>,
    /// The form in which each connection says whose it is: `v1` or `v2`, of the PROXY protocol. Default: none.
    pub proxy_protocol: Option<String>,
    /// Idle connections kept per backend and engine thread.
    pub keepalive: i64,
    /// Seconds after which an idle backend connection is closed.
    pub keepalive_timeout: f64,
    /// Active checks. `None`: none.
    pub health_check: Option<HealthCheck>,
    /// Failed attempts inside `fail_timeout` that take a backend out. 0: never.
    pub max_fails: i64,
    /// Seconds in which `max_fails` are counted, and for which a backend is then out.
    pub fail_timeout: f64,
    /// Requests that one backend gets at once, unless it says otherwise itself. `None`: any number.
    pub max_connections: Option<i64>,
    /// Tunnels, such as WebSockets, that one backend has at once, unless it says otherwise itself. `None`: any number.
    pub max_tunnels: Option<i64>,
    /// Requests that may wait while every backend is busy. 0: they are answered 503 at once.
    pub queue: i64,
    /// Seconds that a request may wait for a backend that is not busy.
    pub queue_timeout: f64,
    /// Seconds over which a backend that came back gets its share of requests step by step. `None`: at once.
    pub slow_start: Option<f64>,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            backends: None,
            backend_priority: Priority::default(),
            verify_ssl: true,
            tls_sni: true,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            protocol: None,
            proxy_protocol: None,
            keepalive: 64,
            keepalive_timeout: 15.0,
            health_check: None,
            max_fails: 0,
            fail_timeout: 10.0,
            max_connections: None,
            max_tunnels: None,
            queue: 0,
            queue_timeout: 5.0,
            slow_start: None,
        }
    }
}

/// `backend_priority: "least_conn"`, `{ hash: "{path}" }` or `{ sticky: "cookie_name" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// One of the policies that need nothing but their name.
    Named(String),
    /// Consistent hashing of a string rewrite.
    Hash(String),
    /// A signed cookie that names the backend.
    Sticky(Sticky),
}

impl Default for Priority {
    fn default() -> Self {
        Priority::Named("round_robin".into())
    }
}

/// `{ sticky: "cookie_name", secret: "…" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sticky {
    /// The cookie's name.
    pub cookie: String,
    /// What cookies are signed with, so that several processes understand each other's. `None`: known to this process alone.
    #[serde(default)]
    pub secret: Option<String>,
}

/// One backend as it was written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backend {
    /// `10.0.0.1:3001`, `host:3001`, `host`, `http://…`, `https://…`, `h2://…`, `unix:/run/app.sock` or `[::1]:3001`.
    pub address: String,
    /// Its share of requests beside the others'.
    #[serde(default = "one")]
    pub weight: i64,
    /// Whether it is used only when no other backend is available.
    #[serde(default)]
    pub backup: bool,
    /// Requests that it gets at once, in place of the pool's.
    #[serde(default)]
    pub max_connections: Option<i64>,
    /// Tunnels that it has at once, in place of the pool's.
    #[serde(default)]
    pub max_tunnels: Option<i64>,
    /// Seconds, in place of the pool's.
    #[serde(default)]
    pub slow_start: Option<f64>,
}

fn one() -> i64 {
    1
}

impl Backend {
    /// A backend of which nothing but the address is said.
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            weight: 1,
            backup: false,
            max_connections: None,
            max_tunnels: None,
            slow_start: None,
        }
    }
}

/// `health_check: { path: "/healthz", interval: 10, timeout: 5, status: 200, rise: 2, fall: 3 }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// Whether a connection that can be made is proof enough.
    pub tcp: bool,
    /// Whether gRPC's own health service is asked.
    pub grpc: bool,
    /// About which of its services. Empty: about the server as a whole.
    pub service: String,
    /// What is asked for.
    pub path: String,
    /// With which method.
    pub method: String,
    /// Fields of the request. A `Host` here replaces the backend's own.
    pub headers: Vec<(String, String)>,
    /// Seconds between two checks of a backend.
    pub interval: f64,
    /// Seconds in which an answer must be whole.
    pub timeout: f64,
    /// Ranges of status codes that mean well, both ends included.
    pub status: Vec<(i64, i64)>,
    /// What the body must hold.
    pub body: Option<BodyMatch>,
    /// Another port than the backend's.
    pub port: Option<i64>,
    /// Successes in a row after which a backend returns.
    pub rise: i64,
    /// Failures in a row after which a backend leaves.
    pub fall: i64,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            tcp: false,
            grpc: false,
            service: String::new(),
            path: "/".into(),
            method: "GET".into(),
            headers: Vec::new(),
            interval: 10.0,
            timeout: 5.0,
            status: vec![(200, 399)],
            body: None,
            port: None,
            rise: 2,
            fall: 3,
        }
    }
}

/// `body: "OK"` or `body: /ok/i`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyMatch {
    /// Text that must stand somewhere in it.
    Text(String),
    /// A pattern in the syntax of the `regex` crate.
    Pattern(String),
}

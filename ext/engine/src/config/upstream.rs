//! Sets of backends as they were written.

use serde::{Deserialize, Serialize};

use super::At;

/// Default of the time for connecting to a backend (TCP and TLS), in seconds.
pub(crate) const CONNECT_TIMEOUT: f64 = 5.0;
/// Default retry budget: retries in flight, in per cent of the requests in flight.
pub(crate) const RETRY_BUDGET: f64 = 20.0;

/// `upstream "app_servers", backends: [...], backend_priority: "least_conn", …`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Name of the upstream. A `to` with this name as its host uses the upstream.
    pub name: String,
    /// All other options.
    pub pool: PoolConfig,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// Generates [`PoolConfig`] from a table with a row for each option: `SCOPE NAME: TYPE = DEFAULT`.
///
/// The scope says what a reload that changes the option does to connections to a backend:
///
/// - `connection`: new connections are made in another way, so no old one is kept.
/// - `file`: as `connection`, and the contents of the named file count too.
/// - `policy`: how backends are chosen, checked and limited. Connections are kept.
macro_rules! pool {
    ($($(#[$doc:meta])+ $scope:ident $name:ident: $type:ty = $default:expr;)+) => {
        /// Options that `upstream` shares with a `proxy` that lists its own backends: where requests go, how a backend
        /// is chosen, connected to and checked.
        #[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct PoolConfig {
            $($(#[$doc])+ pub $name: $type,)+
        }

        impl Default for PoolConfig {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl PoolConfig {
            /// Whether both configurations make connections to a backend in the same way, judged by the options alone.
            pub(crate) fn connects_like(&self, other: &Self) -> bool {
                $(pool!(@same $scope self.$name, other.$name))&&+
            }

            /// Files whose contents decide how connections are made.
            pub(crate) fn connection_files(&self) -> Vec<Option<&str>> {
                [$(pool!(@file $scope self.$name)),+].into_iter().flatten().collect()
            }
        }
    };
    (@same policy $ours:expr, $theirs:expr) => { true };
    (@same connection $ours:expr, $theirs:expr) => { $ours == $theirs };
    (@same file $ours:expr, $theirs:expr) => { $ours == $theirs };
    (@file policy $option:expr) => { None };
    (@file connection $option:expr) => { None };
    (@file file $path:expr) => { Some($path.as_deref()) };
}

pool! {
    /// Backends of the upstream. `None`: the host of `to`, resolved by DNS.
    policy backends: Option<Vec<BackendConfig>> = None;
    /// Ruby block that lists the backends, in place of `backends`: its place in the set of the configuration's blocks.
    policy backends_block: Option<u32> = None;
    /// Seconds between two calls of `backends_block`.
    policy interval: f64 = 10.0;
    /// Balancing policy: how a backend is chosen.
    policy backend_priority: Priority = Priority::default();
    /// Whether the backend's certificate is verified.
    connection verify_ssl: bool = true;
    /// Whether the server name is sent in the TLS handshake.
    connection tls_sni: bool = true;
    /// PEM file of the authorities that are trusted for a backend's certificate, in place of the system's.
    file ca_file: Option<String> = None;
    /// PEM file of the certificate chain shown to backends.
    file client_certificate: Option<String> = None;
    /// PEM file of the private key of `client_certificate`.
    file client_key: Option<String> = None;
    /// Protocol to backends: `http1`, `http2` or `auto`. `None`: chosen by the URL of each backend.
    connection protocol: Option<String> = None;
    /// Version of the PROXY protocol header that begins each connection to a backend: `v1` or `v2`. Default: none.
    connection proxy_protocol: Option<String> = None;
    /// Idle connections that the connection pool keeps, per backend and engine thread.
    policy keepalive: i64 = 64;
    /// Seconds after which an idle backend connection is closed.
    policy keepalive_timeout: f64 = 15.0;
    /// Active health checks. `None`: no checks.
    policy health_check: Option<HealthCheck> = None;
    /// Failed attempts inside `fail_timeout` after which a backend gets no requests (outlier ejection). 0: never.
    policy max_fails: i64 = 0;
    /// Seconds in which `max_fails` are counted, and for which a backend then gets no requests.
    policy fail_timeout: f64 = 10.0;
    /// Requests in flight on one backend, unless the backend has its own limit. `None`: any number.
    policy max_connections: Option<i64> = None;
    /// Tunnels, such as WebSockets, open to one backend, unless the backend has its own limit. `None`: any number.
    policy max_tunnels: Option<i64> = None;
    /// Requests that may wait in the queue while every backend is busy. 0: they are answered 503 at once.
    policy queue: i64 = 0;
    /// Seconds that a request may wait in the queue for a backend.
    policy queue_timeout: f64 = 5.0;
    /// Whether requests also wait in the queue while no backend accepts connections, or none gets requests.
    policy hold: bool = false;
    /// Whether the proxy counts as ready only while a backend of the upstream is available.
    policy required: bool = false;
    /// Seconds over which a backend that came back gets its share of requests step by step. `None`: its whole share at
    /// once.
    policy slow_start: Option<f64> = None;
}

/// `backend_priority: "least_conn"`, `{ hash: "{path}" }` or `{ sticky: "cookie_name" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// A policy without options, by its name.
    Named(String),
    /// Consistent hashing of a string rewrite.
    Hash(String),
    /// A signed cookie that names the backend.
    Sticky(StickyConfig),
}

impl Default for Priority {
    fn default() -> Self {
        Priority::Named("round_robin".into())
    }
}

/// `{ sticky: "cookie_name", secret: "…" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StickyConfig {
    /// Name of the cookie.
    pub cookie: String,
    /// Secret that signs the cookies, so that several processes accept each other's. `None`: a random one that only
    /// this process knows.
    #[serde(default)]
    pub secret: Option<String>,
}

/// One backend as it was written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
    /// Address: `10.0.0.1:3001`, `host:3001`, `host`, `http://…`, `https://…`, `h2://…`, `unix:/run/app.sock` or
    /// `[::1]:3001`.
    pub address: String,
    /// Share of requests, relative to the weights of the other backends.
    #[serde(default = "one")]
    pub weight: i64,
    /// Whether the backend gets requests only when no other backend is available.
    #[serde(default)]
    pub backup: bool,
    /// Requests in flight on this backend, in place of the pool's limit.
    #[serde(default)]
    pub max_connections: Option<i64>,
    /// Tunnels open to this backend, in place of the pool's limit.
    #[serde(default)]
    pub max_tunnels: Option<i64>,
    /// Seconds of slow start for this backend, in place of the pool's.
    #[serde(default)]
    pub slow_start: Option<f64>,
    /// Id of the inbox of an application in this process; `address` is then the application's name. Only `run` has it.
    #[serde(skip)]
    pub(crate) application: Option<u64>,
}

fn one() -> i64 {
    1
}

impl BackendConfig {
    /// A backend with an address and no other options.
    pub fn at(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            weight: 1,
            backup: false,
            max_connections: None,
            max_tunnels: None,
            slow_start: None,
            application: None,
        }
    }
}

/// `health_check: { path: "/healthz", interval: 10, timeout: 5, status: 200, rise: 2, fall: 3 }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// Whether an accepted TCP connection is enough to count as healthy.
    pub tcp: bool,
    /// Whether the check calls gRPC's own health service.
    pub grpc: bool,
    /// Name of the gRPC service that the check asks about. Empty: the server as a whole.
    pub service: String,
    /// Path of the check's request.
    pub path: String,
    /// Method of the check's request.
    pub method: String,
    /// Fields of the check's request. A `Host` here replaces the backend's own.
    pub headers: Vec<(String, String)>,
    /// Seconds between two checks of a backend.
    pub interval: f64,
    /// Seconds until the response must be complete.
    pub timeout: f64,
    /// Ranges of status codes that count as healthy, both ends included.
    pub status: Vec<(i64, i64)>,
    /// Condition for the body of the response.
    pub body: Option<BodyMatch>,
    /// Port to check, if it is not the backend's.
    pub port: Option<i64>,
    /// Successful checks in a row after which a backend gets requests again.
    pub rise: i64,
    /// Failed checks in a row after which a backend gets no requests.
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
    /// Text that must occur in the body.
    Text(String),
    /// A pattern in the syntax of the `regex` crate.
    Pattern(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_connection_tell_connections_apart_and_others_do_not() {
        let usual = PoolConfig::default();
        for pool in [
            PoolConfig { verify_ssl: false, ..PoolConfig::default() },
            PoolConfig { ca_file: Some("ca.pem".into()), ..PoolConfig::default() },
            PoolConfig { proxy_protocol: Some("v2".into()), ..PoolConfig::default() },
        ] {
            assert!(!usual.connects_like(&pool), "{pool:?}");
        }
        let policy = PoolConfig {
            backends: Some(vec![BackendConfig::at("a")]),
            keepalive: 0,
            queue: 7,
            ..PoolConfig::default()
        };
        assert!(usual.connects_like(&policy));
        let files = PoolConfig { client_key: Some("a.key".into()), ..PoolConfig::default() };
        assert_eq!(files.connection_files(), [None, None, Some("a.key")]);
    }
}

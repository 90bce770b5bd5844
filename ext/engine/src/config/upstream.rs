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
pub struct UpstreamConfig {
    /// What the host of a `to` says to mean it.
    pub name: String,
    /// Everything else.
    pub pool: PoolConfig,
    /// Where it was written.
    pub at: Option<At>,
}

/// Makes [`PoolConfig`] of a table with a row for each option: `SCOPE NAME: TYPE = DEFAULT`.
///
/// The scope says what becomes of connections to a backend when a reload changes the option:
///
/// - `connection`: they are made in another way from then on, so none is kept.
/// - `file`: as `connection`, and the contents of the file that is named count too.
/// - `policy`: how backends are chosen, checked and limited. Connections are kept.
macro_rules! pool {
    ($($(#[$doc:meta])+ $scope:ident $name:ident: $type:ty = $default:expr;)+) => {
        /// What `upstream` and a `proxy` of its own backends have in common: where requests go, how a backend is
        /// chosen, spoken to, and known to be well.
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
            /// Whether connections to a backend are made in the same way by both, as far as the options alone say.
            pub(crate) fn connects_like(&self, other: &Self) -> bool {
                $(pool!(@same $scope self.$name, other.$name))&&+
            }

            /// The files that say how connections are made.
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
    /// Where requests go. `None`: the host of `to`, resolved by DNS.
    policy backends: Option<Vec<BackendConfig>> = None;
    /// How a backend is chosen.
    policy backend_priority: Priority = Priority::default();
    /// Whether the backend's certificate is verified.
    connection verify_ssl: bool = true;
    /// Whether the server name is sent in the TLS handshake.
    connection tls_sni: bool = true;
    /// PEM file of the authorities that may have signed a backend's certificate, in place of the system's.
    file ca_file: Option<String> = None;
    /// PEM file of the certificate chain shown to backends.
    file client_certificate: Option<String> = None;
    /// PEM file of its key.
    file client_key: Option<String> = None;
    /// `http1`, `http2` or `auto`. `None`: by the URL of each backend.
    connection protocol: Option<String> = None;
    /// The form in which each connection says whose it is: `v1` or `v2`, of the PROXY protocol. Default: none.
    connection proxy_protocol: Option<String> = None;
    /// Idle connections kept per backend and engine thread.
    policy keepalive: i64 = 64;
    /// Seconds after which an idle backend connection is closed.
    policy keepalive_timeout: f64 = 15.0;
    /// Active checks. `None`: none.
    policy health_check: Option<HealthCheck> = None;
    /// Failed attempts inside `fail_timeout` that take a backend out. 0: never.
    policy max_fails: i64 = 0;
    /// Seconds in which `max_fails` are counted, and for which a backend is then out.
    policy fail_timeout: f64 = 10.0;
    /// Requests that one backend gets at once, unless it says otherwise itself. `None`: any number.
    policy max_connections: Option<i64> = None;
    /// Tunnels, such as WebSockets, that one backend has at once, unless it says otherwise itself. `None`: any number.
    policy max_tunnels: Option<i64> = None;
    /// Requests that may wait while every backend is busy. 0: they are answered 503 at once.
    policy queue: i64 = 0;
    /// Seconds that a request may wait for a backend that is not busy.
    policy queue_timeout: f64 = 5.0;
    /// Seconds over which a backend that came back gets its share of requests step by step. `None`: at once.
    policy slow_start: Option<f64> = None;
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
    /// The cookie's name.
    pub cookie: String,
    /// What cookies are signed with, so that several processes understand each other's. `None`: known to this process
    /// alone.
    #[serde(default)]
    pub secret: Option<String>,
}

/// One backend as it was written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackendConfig {
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

impl BackendConfig {
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

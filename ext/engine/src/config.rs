//! What a person asked for, before any of it is checked.
//!
//! These structs are the contract with the configuration language: the binding fills them from the hash that `lib/proxy`
//! builds, and [`crate::snapshot`] compiles them into what the engine runs. Every default of the language stands here
//! and nowhere else. Numbers of seconds are plain `f64` at this point, so that a wrong one can be reported together
//! with every other mistake and with the line it stands on.

mod auth;
mod certificate;
mod filter;
mod handler;
mod location;
mod problem;
mod proxy;
mod traffic;
mod upstream;

pub use auth::{AuthApiKey, AuthBasic, AuthJwt, ForwardAuth};
pub use certificate::Certificate;
pub use filter::{Filter, HeaderChanges};
pub use handler::Redirect;
pub use location::{Location, Match, Named, Regexp, Value};
pub use problem::{At, Problem, Severity};
pub use proxy::{
    Content, CustomError, ErrorResponse, ForwardedHeaders, HeaderEdit, HeaderValue, Proxy, StaticResponse,
};
pub use traffic::{
    AddressList, Cors, LimitKey, LimitStore, LogRequests, MaxBody, RateLimit, RedirectToHttps, RewritePath,
};

pub use upstream::{Backend, BodyMatch, HealthCheck, Pool, Priority, Sticky, Upstream};

use serde::{Deserialize, Serialize};

/// One server: where it listens, how it behaves, and what it does with a request.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Listening addresses. Empty means [`Bind::DEFAULT`].
    pub binds: Vec<Bind>,
    /// Engine threads. Default: the number of processors.
    pub threads: Option<Setting<i64>>,
    /// Addresses and networks of proxies that are believed what they say about their clients; `unix:` for all that come over a
    /// unix socket. Default: none.
    pub trusted_proxies: TrustedProxies,
    /// DNS servers as `ADDRESS` or `ADDRESS:PORT`. Empty: the system's own configuration.
    pub resolver: Setting<Vec<String>>,
    /// Seconds that requests in flight may take when the server stops. Default 30.
    pub shutdown_timeout: Setting<f64>,
    /// Seconds of these that tunnels and event streams get, which need not end by themselves. Default 5.
    pub tunnel_grace: Setting<f64>,
    /// Seconds within which a TLS handshake must be complete, and so a header of the PROXY protocol. Default 10.
    pub handshake_timeout: Setting<f64>,
    /// Seconds within which a request head must be complete. Default 30.
    pub client_header_timeout: Setting<f64>,
    /// Longest pause, in seconds, between two pieces of a body that a client sends or takes. Default 60.
    pub client_body_timeout: Setting<f64>,
    /// Seconds for which a client that has ended its side and whose answer has not begun is believed to be waiting for it. `None`: for
    /// ever. Default 1.
    pub half_close_timeout: Setting<Option<f64>>,
    /// Bytes a second that a client sends or takes of a body at least, after the first 10 seconds; 0: any. What is waited for on behalf of a
    /// backend does not count, and tunnels, gRPC and event streams are not held to it. Default 240.
    pub min_rate: Setting<i64>,
    /// Seconds after which an idle client connection is closed. Default 75.
    pub keepalive_timeout: Setting<f64>,
    /// Client connections served at once. Beyond it those that have been idle longest are closed to make room, and only then do new
    /// ones wait. Default 10 000.
    pub max_connections: Setting<i64>,
    /// Largest request head in bytes, start line and fields together. Default 65 536.
    pub max_header_size: Setting<i64>,
    /// `error`, `warn`, `info` or `debug`. Default `info`.
    pub log_level: Setting<String>,
    /// Where and how served requests are logged. Default: not at all.
    pub access_log: Option<AccessLog>,
    /// Sets of backends that the host of a `to` can name.
    pub upstreams: Vec<Upstream>,
    /// Filters, handlers and locations in the order of the file.
    pub routes: Vec<Directive>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            binds: Vec::new(),
            threads: None,
            trusted_proxies: TrustedProxies::default(),
            resolver: Setting::of(Vec::new()),
            shutdown_timeout: Setting::of(30.0),
            tunnel_grace: Setting::of(5.0),
            handshake_timeout: Setting::of(10.0),
            client_header_timeout: Setting::of(30.0),
            client_body_timeout: Setting::of(60.0),
            half_close_timeout: Setting::of(Some(1.0)),
            min_rate: Setting::of(240),
            keepalive_timeout: Setting::of(75.0),
            max_connections: Setting::of(10_000),
            max_header_size: Setting::of(65_536),
            log_level: Setting::of("info".into()),
            access_log: None,
            upstreams: Vec::new(),
            routes: Vec::new(),
        }
    }
}

/// The value of a server directive and the line that set it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it was written; `None` for a default.
    #[serde(default)]
    pub at: Option<At>,
}

impl<T> Setting<T> {
    /// A value that nobody wrote: a default.
    pub fn of(value: T) -> Self {
        Self { value, at: None }
    }
}

/// `trusted_proxies "10.0.0.0/8", fields: ["X-Forwarded-For", "X-Forwarded-Proto"]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustedProxies {
    /// Addresses and networks, and `unix:`.
    pub value: Vec<String>,
    /// The fields in which they are believed what they say of their clients; all others of that kind are dropped. Default: all that
    /// there are.
    pub fields: Option<Vec<String>>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `bind "http://0.0.0.0:8080"`, or `bind "https://0.0.0.0:8443", certificate: "site.pem", key: "site.key"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bind {
    /// `http://ADDRESS:PORT` (IPv6 in brackets, port 0 for a free one), `https://ADDRESS:PORT`, `unix:///PATH` or
    /// `https+unix:///PATH`, without query parameters.
    pub url: String,
    /// Connections that may wait to be accepted. Default 1024.
    pub backlog: Option<i64>,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// The permissions of a unix socket, as in `0o660`. Default: what the process gives to any new file.
    pub mode: Option<i64>,
    /// The user whose a unix socket is, by name or number. Default: who starts the server.
    pub owner: Option<String>,
    /// Its group, by name or number. Default: that of who starts the server.
    pub group: Option<String>,
    /// What is spoken there: `h1`, `h2`. Default: both.
    pub protocols: Option<Vec<String>>,
    /// With https, a PEM file: the server's certificate and those that lead to its root.
    pub certificate: Option<String>,
    /// A PEM file with its key. Default: the key is in the file of the certificate.
    pub key: Option<String>,
    /// Names that it is shown for, `*.example.com` included. Default: its own.
    pub domains: Option<Vec<String>>,
    /// A DER file: what the authority says of its revocation, passed on to clients that ask (OCSP).
    pub ocsp: Option<String>,
    /// A PEM file with the authorities of clients. Clients are then asked for a certificate.
    pub client_ca: Option<String>,
    /// With `client_ca`, whether a client must have a certificate: `require` or `optional`. Default: it must.
    pub verify: Option<String>,
    /// Several certificates, instead of the one above. The first is for clients that ask for another name or none.
    pub certificates: Option<Vec<Certificate>>,
    /// Oldest version of TLS: `1.2` or `1.3`. Default 1.2.
    pub min_tls: Option<String>,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for Bind {
    fn default() -> Self {
        Self {
            url: Self::DEFAULT.into(),
            backlog: None,
            proxy_protocol: false,
            mode: None,
            owner: None,
            group: None,
            protocols: None,
            certificate: None,
            key: None,
            domains: None,
            ocsp: None,
            client_ca: None,
            verify: None,
            certificates: None,
            min_tls: None,
            at: None,
        }
    }
}

impl Bind {
    /// What a server without a `bind` listens on.
    pub const DEFAULT: &'static str = "http://0.0.0.0:8080";
}

/// `access_log "combined", to: "log/access.log"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// `combined`, `json`, or a string rewrite.
    pub format: String,
    /// A file to append to. Default: standard output.
    #[serde(default)]
    pub to: Option<String>,
    /// Where it was written.
    #[serde(default)]
    pub at: Option<At>,
}

/// One line of a scope.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Directive {
    /// `proxy to: …`
    Proxy(Box<Proxy>),
    /// `static_response code:, headers:, body:`
    StaticResponse(StaticResponse),
    /// `redirect to:, type:`
    Redirect(Redirect),
    /// `location "/prefix/*" do … end`
    Location(Box<Location>),
    /// A word such as `request_headers`.
    Filter(Filter),
}

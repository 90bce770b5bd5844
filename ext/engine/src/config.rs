//! Pieces of a configuration as a person wrote them, before any of it is checked.
//!
//! The options of a filter or a handler stand in its own file, and [`crate::configuration`] puts all of them together:
//! these structs are the contract with the configuration language. The binding fills them from the hash that
//! `lib/proxy` builds. Every default of the language stands in them and nowhere else. Numbers of seconds are plain
//! `f64` at this point, so that a wrong one can be reported together with every other mistake and with the line it
//! stands on.

mod certificate;
mod error_response;
mod header_edit;
mod location;
mod problem;
mod upstream;

pub use certificate::Certificate;
pub use error_response::{Content, CustomError, ErrorResponseConfig};
pub use header_edit::{HeaderEdit, HeaderValue};
pub use location::{LocationConfig, Match, NamedCondition, Regexp, WantedValue};
pub(crate) use problem::are_sound;
pub use problem::{At, Code, Problem, Severity};
pub use upstream::{BackendConfig, BodyMatch, HealthCheck, PoolConfig, Priority, StickyConfig, UpstreamConfig};
pub(crate) use upstream::{CONNECT_TIMEOUT, RETRY_BUDGET};

use serde::{Deserialize, Serialize};

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
pub struct TrustedProxiesConfig {
    /// Addresses and networks, and `unix:`.
    pub value: Vec<String>,
    /// The fields in which they are believed what they say of their clients; all others of that kind are dropped.
    /// Default: all that there are.
    pub fields: Option<Vec<String>>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `bind "http://0.0.0.0:8080"`, or `bind "https://0.0.0.0:8443", certificate: "site.pem", key: "site.key"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BindConfig {
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

impl Default for BindConfig {
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

impl BindConfig {
    /// What a server without a `bind` listens on.
    pub const DEFAULT: &'static str = "http://0.0.0.0:8080";
}

/// `access_log "combined", to: "log/access.log"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLogConfig {
    /// `combined`, `json`, or a string rewrite.
    pub format: String,
    /// A file to append to. Default: standard output.
    #[serde(default)]
    pub to: Option<String>,
    /// Where it was written.
    #[serde(default)]
    pub at: Option<At>,
}

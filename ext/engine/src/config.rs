//! Pieces of a configuration as a person wrote them, before any of it is checked.
//!
//! The options of a filter or a handler are in its own file, and [`crate::configuration`] puts all of them together.
//! These structs are the contract with the configuration language: the binding fills them from the hash that
//! `lib/proxy` builds. Every default of the language is in them and nowhere else. Seconds are plain `f64` here, so that
//! a wrong number can be reported together with every other mistake, with its line.

mod access_log;
mod acme;
mod block_index;
mod certificate;
mod control;
mod error_response;
mod events;
mod header_edit;
mod location;
mod problem;
mod upstream;

pub use access_log::{AccessLogConfig, KeepConfig};
pub use acme::{
    AcmeConfig, DnsProviderConfig, EabConfig, OnDemandConfig, OnDemandLimits, Rfc2136Config, StorageConfig,
};
pub use block_index::BlockIndex;
pub use certificate::Certificate;
pub use control::ControlConfig;
pub use error_response::{Content, CustomError, ErrorResponseConfig};
pub use events::EventsConfig;
pub use header_edit::{HeaderEdit, HeaderValue};
pub use location::{LocationConfig, Match, NamedCondition, Regexp, WantedValue};
pub(crate) use problem::are_sound;
pub use problem::{At, Code, Problem, Severity};
pub use upstream::{BackendConfig, BodyMatch, HealthCheck, PoolConfig, Priority, StickyConfig, UpstreamConfig};
pub(crate) use upstream::{CONNECT_TIMEOUT, RETRY_BUDGET};

use serde::{Deserialize, Serialize};

use crate::listening_socket::HandedOver;

/// The value of a server directive and the line that set it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Setting<T> {
    /// Value that was written, or the default.
    pub value: T,
    /// File and line that set it; `None` for a default.
    #[serde(default)]
    pub at: Option<At>,
}

impl<T> Setting<T> {
    /// A default: a value that is not in the file.
    pub fn of(value: T) -> Self {
        Self { value, at: None }
    }
}

/// `trusted_proxies "10.0.0.0/8", fields: ["X-Forwarded-For", "X-Forwarded-Proto"]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustedProxiesConfig {
    /// Addresses and networks of trusted proxies; `unix:` for all that connect over a unix socket.
    pub value: Vec<String>,
    /// Forwarding fields that are believed from these proxies; all others of that kind are dropped. Default: all.
    pub fields: Option<Vec<String>>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

/// `bind "http://0.0.0.0:8080"`, or `bind "https://0.0.0.0:8443", certificate: "site.pem", key: "site.key"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BindConfig {
    /// Where the server listens: `http://ADDRESS:PORT` (IPv6 in brackets, port 0 for a free one),
    /// `https://ADDRESS:PORT`, `unix:///PATH` or `https+unix:///PATH`, without query parameters.
    pub url: String,
    /// Connections that the kernel queues until they are accepted. Default 1024.
    pub backlog: Option<i64>,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Permissions of a unix socket, as in `0o660`. Default: those that the process gives to any new file.
    pub mode: Option<i64>,
    /// Owner of a unix socket, a user by name or number. Default: the user that starts the server.
    pub owner: Option<String>,
    /// Group of a unix socket, by name or number. Default: the group of the user that starts the server.
    pub group: Option<String>,
    /// Protocols that are spoken there: `h1`, `h2`. Default: both.
    pub protocols: Option<Vec<String>>,
    /// With https, a PEM file: the server's certificate and the intermediate ones up to its root.
    pub certificate: Option<String>,
    /// A PEM file with the certificate's private key. Default: the key is in the file of the certificate.
    pub key: Option<String>,
    /// Host names for which the certificate is used, `*.example.com` included. Default: the names in the certificate.
    pub domains: Option<Vec<String>>,
    /// A DER file: the OCSP response of the certificate's authority, which is passed on to clients that ask for it.
    pub ocsp: Option<String>,
    /// A PEM file with the authorities for client certificates. Clients are then asked for a certificate.
    pub client_ca: Option<String>,
    /// With `client_ca`, whether a client must have a certificate: `require` or `optional`. Default: `require`.
    pub verify: Option<String>,
    /// Several certificates, instead of `certificate`. The first is for clients that ask for an unknown name or none.
    pub certificates: Option<Vec<Certificate>>,
    /// Oldest version of TLS: `1.2` or `1.3`. Default 1.2.
    pub min_tls: Option<String>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
    /// Listening socket to use in place of one that the server opens. `backlog`, `mode`, `owner` and `group` apply to
    /// it if they are written.
    #[serde(skip)]
    pub handed_over: Option<HandedOver>,
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
            handed_over: None,
        }
    }
}

impl BindConfig {
    /// URL that a server without a `bind` listens on.
    pub const DEFAULT: &'static str = "http://0.0.0.0:8080";
}

//! The handlers' options as they were written.

use serde::{Deserialize, Serialize};

use super::At;

/// `proxy to: "http://backend.example.com/api{path}{query}", backends: ["127.0.0.1:3001"], …`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// Target URL, a string rewrite. Default: the backend's own address with `{path}{query}`.
    pub to: Option<String>,
    /// Where requests go. `None`: the host of `to`, resolved by DNS.
    pub backends: Option<Vec<BackendAddress>>,
    /// `round_robin`, `ordered` or `random`.
    pub backend_priority: String,
    /// Request fields to set or remove.
    pub headers: Vec<HeaderEdit>,
    /// Response fields to set or remove.
    pub response_headers: Vec<HeaderEdit>,
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
    /// Seconds until the response head, over all attempts.
    pub timeout: f64,
    /// Seconds for TCP and TLS, per attempt.
    pub connect_timeout: f64,
    /// Longest pause, in seconds, between two pieces of the response. Default: `timeout`.
    pub read_timeout: Option<f64>,
    /// Longest time, in seconds, that a write to the backend may make no progress.
    pub write_timeout: f64,
    /// Longest silence, in seconds, of an upgraded connection.
    pub tunnel_timeout: f64,
    /// Idle connections kept per backend and engine thread.
    pub keepalive: i64,
    /// Seconds after which an idle backend connection is closed.
    pub keepalive_timeout: f64,
    /// Further attempts after the first. Default: the number of backends.
    pub retries: Option<i64>,
    /// Bytes of an idempotent request's body that are kept for a second attempt.
    pub retry_buffer: i64,
    /// What a failed request is answered. Default: the built-in 502.
    pub error_response: Option<ErrorResponse>,
    /// Only paths equal to it or below it are proxied.
    pub path_prefix: Option<String>,
    /// Whether `{path}` is without `path_prefix`.
    pub strip_prefix: bool,
    /// Whether `X-Forwarded-For` and its kin are sent; `"rfc7239"` sends `Forwarded` instead.
    pub forwarded_headers: ForwardedHeaders,
    /// Request fields with `_` or `.` in their name that are passed on all the same.
    pub allow_underscores: Vec<String>,
    /// The longest body of a request in bytes, whatever a `max_body` around it says. Default: what that says.
    pub max_body: Option<i64>,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            to: None,
            backends: None,
            backend_priority: "round_robin".into(),
            headers: Vec::new(),
            response_headers: Vec::new(),
            verify_ssl: true,
            tls_sni: true,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            timeout: 30.0,
            connect_timeout: 5.0,
            read_timeout: None,
            write_timeout: 10.0,
            tunnel_timeout: 3600.0,
            keepalive: 64,
            keepalive_timeout: 55.0,
            retries: None,
            retry_buffer: 1024 * 1024,
            error_response: None,
            path_prefix: None,
            strip_prefix: false,
            forwarded_headers: ForwardedHeaders::Switch(true),
            allow_underscores: Vec::new(),
            max_body: None,
            at: None,
        }
    }
}

/// `forwarded_headers: true`, `false` or `:rfc7239`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum ForwardedHeaders {
    /// The `X-Forwarded-*` family, or nothing.
    Switch(bool),
    /// `"rfc7239"`: the `Forwarded` field.
    Named(String),
}

/// A backend as it was written: its address, to which later its weight and limits come.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackendAddress {
    /// `10.0.0.1:3001`, `host:3001`, `host`, `http://…`, `https://…`, `h2://…`, `unix:/run/app.sock` or `[::1]:3001`.
    pub address: String,
}

/// One field to set, to replace or to remove.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderEdit {
    /// The field's name as it was written.
    pub name: String,
    /// Its new values, one field line each. Empty removes the field.
    pub values: Vec<HeaderValue>,
}

/// A value of a field.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// Sent as it is written.
    Literal(String),
    /// A string rewrite.
    Rewrite(String),
}

/// `error_response: "bad_gateway"` or `error_response: { status: 503, … }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorResponse {
    /// One of the built-in ones.
    Named(String),
    /// One's own.
    Custom(CustomError),
}

/// A person's own error response.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomError {
    /// Status code. Default 500.
    pub status: Option<i64>,
    /// The body for `text/plain`.
    pub plaintext: Option<Content>,
    /// The body for `application/json`.
    pub json: Option<Content>,
    /// The body for `text/html`.
    pub html: Option<Content>,
    /// `plaintext`, `json` or `html`: used when the request's `Accept` matches none. Default: the first there is.
    pub default: Option<String>,
    /// Fields added to the response.
    pub headers: Vec<(String, String)>,
}

/// Text that stands in the configuration or in a file.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// The text itself.
    Inline(String),
    /// A file, read at load.
    File(String),
}

/// `static_response code: 200, headers: { "Content-Type" => "text/plain" }, body: "hello\n"`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StaticResponse {
    /// Status code.
    pub code: i64,
    /// Fields of the response.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for StaticResponse {
    fn default() -> Self {
        Self { code: 200, headers: Vec::new(), body: String::new(), at: None }
    }
}

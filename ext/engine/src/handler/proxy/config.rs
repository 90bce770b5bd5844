//! The options of `proxy`.

use serde::{Deserialize, Serialize};

use crate::config::{At, ErrorResponseConfig, HeaderEdit, PoolConfig, CONNECT_TIMEOUT, RETRY_BUDGET};

/// `proxy to: "http://backend.example.com/api{path}{query}", backends: ["127.0.0.1:3001"], …`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Target URL, a string rewrite. Default: the backend's own address with `{path}{query}`.
    pub to: Option<String>,
    /// Its own backends and how they are used. `None`: not a word of that was written, so that the host of `to` may be
    /// the name of an `upstream`.
    pub pool: Option<PoolConfig>,
    /// Whether the client's `Host` is passed on, port included, in place of that of `to`.
    pub preserve_host: bool,
    /// Request fields to set or remove.
    pub headers: Vec<HeaderEdit>,
    /// Response fields to set or remove.
    pub response_headers: Vec<HeaderEdit>,
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
    /// Further attempts after the first. Default: the number of backends.
    pub retries: Option<i64>,
    /// What beside a failed connection is a reason for another attempt of an idempotent request: `timeout`, `502`,
    /// `503`, `504`.
    pub retry_on: Vec<String>,
    /// Retries in flight, in per cent of the requests in flight, that are always allowed at least 3.
    pub retry_budget: f64,
    /// Bytes of an idempotent request's body that are kept for a second attempt.
    pub retry_buffer: i64,
    /// What a failed request is answered. Default: the built-in 502.
    pub error_response: Option<ErrorResponseConfig>,
    /// Only paths equal to it or below it are proxied.
    pub path_prefix: Option<String>,
    /// Whether `{path}` is without `path_prefix`.
    pub strip_prefix: bool,
    /// Whether `X-Forwarded-For` and its kin are sent; `"rfc7239"` sends `Forwarded` instead.
    pub forwarded_headers: ForwardedHeaders,
    /// Request fields with `_` or `.` in their name that are passed on all the same.
    pub allow_underscores: Vec<String>,
    /// Whether the trailers of requests are sent to backends of HTTP/1.1 too. Those of HTTP/2 get them in any case.
    pub request_trailers: bool,
    /// The longest body of a request in bytes, whatever a `max_body` around it says. Default: what that says.
    pub max_body: Option<i64>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            to: None,
            pool: None,
            preserve_host: false,
            headers: Vec::new(),
            response_headers: Vec::new(),
            timeout: 30.0,
            connect_timeout: CONNECT_TIMEOUT,
            read_timeout: None,
            write_timeout: 10.0,
            tunnel_timeout: 3600.0,
            retries: None,
            retry_on: Vec::new(),
            retry_budget: RETRY_BUDGET,
            retry_buffer: 1024 * 1024,
            error_response: None,
            path_prefix: None,
            strip_prefix: false,
            forwarded_headers: ForwardedHeaders::Switch(true),
            allow_underscores: Vec::new(),
            request_trailers: false,
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

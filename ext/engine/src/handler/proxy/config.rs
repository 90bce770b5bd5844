//! The options of `proxy`.

use serde::{Deserialize, Serialize};

use crate::config::{At, ErrorResponseConfig, HeaderEdit, PoolConfig, CONNECT_TIMEOUT, RETRY_BUDGET};

/// `proxy to: "http://backend.example.com/api{path}{query}", backends: ["127.0.0.1:3001"], …`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Target URL, a string rewrite. Default: the backend's own address with `{path}{query}`.
    pub to: Option<String>,
    /// The directive's own backends and their options. `None`: no such option was written, so that the host of `to` may
    /// be the name of an `upstream`.
    pub pool: Option<PoolConfig>,
    /// Whether the client's `Host` is passed on, port included, in place of the host of `to`.
    pub preserve_host: bool,
    /// Request fields to set or remove.
    pub headers: Vec<HeaderEdit>,
    /// Response fields to set or remove.
    pub response_headers: Vec<HeaderEdit>,
    /// Seconds until the response head, over all attempts.
    pub timeout: f64,
    /// Seconds for connecting (TCP and TLS), per attempt.
    pub connect_timeout: f64,
    /// Longest pause, in seconds, between two pieces of the response. Default: `timeout`.
    pub read_timeout: Option<f64>,
    /// Longest time, in seconds, that a write to the backend may make no progress.
    pub write_timeout: f64,
    /// Longest silence, in seconds, of an upgraded connection.
    pub tunnel_timeout: f64,
    /// Further attempts after the first. Default: the number of backends.
    pub retries: Option<i64>,
    /// Reasons to retry an idempotent request, beside a failed connection: `timeout`, `502`, `503`, `504`.
    pub retry_on: Vec<String>,
    /// Retry budget: retries in flight, in per cent of the requests in flight. At least 3 are always allowed.
    pub retry_budget: f64,
    /// Bytes of an idempotent request's body that are buffered for a retry.
    pub retry_buffer: i64,
    /// Response to a failed request. Default: the built-in 502.
    pub error_response: Option<ErrorResponseConfig>,
    /// Path prefix: only this path and paths below it are proxied.
    pub path_prefix: Option<String>,
    /// Whether `path_prefix` is removed from `{path}`.
    pub strip_prefix: bool,
    /// Whether `X-Forwarded-For` and related fields are sent; `"rfc7239"` sends `Forwarded` instead.
    pub forwarded_headers: ForwardedHeaders,
    /// Request fields with `_` or `.` in their name that are passed on nevertheless.
    pub allow_underscores: Vec<String>,
    /// Whether the trailers of requests are sent to backends of HTTP/1.1 too. Backends of HTTP/2 always get them.
    pub request_trailers: bool,
    /// Whether a response is taken in while its client is slow, and what of it goes to the disk.
    pub buffering: BufferingConfig,
    /// Bytes of such a response that wait in memory.
    pub buffer_size: i64,
    /// Whether a request's body is taken in before a backend is chosen, whatever its length.
    pub request_buffering: BufferingConfig,
    /// Whether a small body of a request is taken in before the request may have a place at a backend, for those that
    /// serve few requests at once. No option of the language: other words set it.
    #[serde(skip_serializing)]
    pub gather_body: bool,
    /// Folders whose files a backend may name in place of a body, by `X-Sendfile`, each with the URI below which
    /// `X-Accel-Redirect` names them. Default: the names are dropped.
    pub x_sendfile: Vec<(Option<String>, String)>,
    /// Longest body of a request in bytes, which overrides a `max_body` around it. Default: that `max_body`.
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
            buffering: BufferingConfig::Switch(true),
            buffer_size: 256 * 1024,
            request_buffering: BufferingConfig::Switch(false),
            gather_body: false,
            x_sendfile: Vec::new(),
            max_body: None,
            at: None,
        }
    }
}

/// `buffering: true`, `false` or `{ disk: 1_073_741_824 }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum BufferingConfig {
    /// Whether bodies are taken in.
    Switch(bool),
    /// They are, and what does not fit into memory goes to the disk.
    File(BodyFileConfig),
}

/// `{ disk: 1_073_741_824, path: "/var/tmp" }`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct BodyFileConfig {
    /// Most bytes of one body that go to the disk.
    pub disk: i64,
    /// Folder for the files. Default: that of `TMPDIR`, else `/var/tmp`.
    pub path: Option<String>,
}

impl Default for BodyFileConfig {
    fn default() -> Self {
        Self { disk: 1024 * 1024 * 1024, path: None }
    }
}

/// `forwarded_headers: true`, `false` or `:rfc7239`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum ForwardedHeaders {
    /// Whether the `X-Forwarded-*` fields are sent.
    Switch(bool),
    /// `"rfc7239"`: the `Forwarded` field.
    Named(String),
}

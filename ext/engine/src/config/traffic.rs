//! The filters that hold requests to limits and send them elsewhere, as they were written.

use serde::{Deserialize, Serialize};

use super::{At, ErrorResponse};

/// `rate_limit requests: 100, seconds: 60, key: { header: "X-Api-Key" }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// How many requests may pass.
    pub requests: Option<i64>,
    /// In how many seconds.
    pub seconds: Option<f64>,
    /// What makes two requests count together.
    pub key: LimitKey,
    /// Where the counts are kept.
    pub store: LimitStore,
    /// How many keys are counted at once, at most.
    pub max_keys: i64,
    /// What a request beyond the limit is answered. Default: the built-in 429.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            requests: None,
            seconds: None,
            key: LimitKey::Address,
            store: LimitStore::Memory,
            max_keys: 100_000,
            error_response: None,
            at: None,
        }
    }
}

/// `"address"`, `{ header: "X-Api-Key" }`, `{ query: "user_id" }` or `{ rewrite: "{addr}{host}" }`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitKey {
    /// The client's address; of an IPv6 address the network of 64 bits that it is in.
    Address,
    /// The value of a field.
    Header(String),
    /// The value of a query parameter.
    Query(String),
    /// A string rewrite.
    Rewrite(String),
}

/// `"memory"`, or for a later version `{ redis: "redis://…" }`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitStore {
    /// In this process.
    Memory,
    /// In a Redis that several proxies share.
    Redis(String),
}

/// `allow_list "10.0.0.0/8", "::1"` and `deny_list "192.0.2.7"`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AddressList {
    /// Addresses and networks.
    pub networks: Vec<String>,
    /// What a refused request is answered. Default: the built-in 403.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `rewrite path: "/v2{path}"`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RewritePath {
    /// The new path, a string rewrite. With a `?` or `{query}` in it, the new query too.
    pub path: Option<String>,
    /// What a request is answered for which no valid path comes of it. Default: the built-in 400.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `max_body 1_048_576`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaxBody {
    /// The longest body.
    pub bytes: Option<i64>,
    /// What a request with a longer one is answered. Default: the built-in 413.
    pub error_response: Option<ErrorResponse>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `cors origins: ["https://app.example.com"], credentials: true`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cors {
    /// Whose pages may ask: origins, `https://*.example.com`, or `*` for all.
    pub origins: Vec<String>,
    /// Methods that they may use. Empty: `GET`, `HEAD` and `POST`.
    pub methods: Vec<String>,
    /// Fields that they may send, beside those that are always allowed; `*` for all.
    pub headers: Vec<String>,
    /// Fields of the response that they may read, beside those that are always allowed; `*` for all.
    pub expose: Vec<String>,
    /// Whether they may send cookies and read what is answered to them.
    pub credentials: bool,
    /// Seconds that a browser may remember all this. Default: what the browser takes.
    pub max_age: Option<f64>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `log_requests before: "{method} {path}", after: "{status} in {response_time}"`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogRequests {
    /// The line when a request comes by, a string rewrite. Default: none.
    pub before: Option<String>,
    /// The line when it has been answered, a string rewrite. Default: none.
    pub after: Option<String>,
    /// Where it was written.
    pub at: Option<At>,
}

/// `redirect_http_to_https!`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedirectToHttps {
    /// The port that https is served on.
    pub port: i64,
    /// Where it was written.
    pub at: Option<At>,
}

impl Default for RedirectToHttps {
    fn default() -> Self {
        Self { port: 443, at: None }
    }
}

//! Filters as they were written.

use serde::{Deserialize, Serialize};

use super::{
    AddressList, At, AuthApiKey, AuthBasic, AuthJwt, Cors, ForwardAuth, LogRequests, MaxBody, RateLimit,
    RedirectToHttps, RewritePath,
};

/// What lets a request pass, changed or not, or answers it.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// `request_headers additions: { … }, removals: [ … ]`
    RequestHeaders(HeaderChanges),
    /// `response_headers additions: { … }, removals: [ … ]`
    ResponseHeaders(HeaderChanges),
    /// `auth_basic credentials: { "ann" => "$2y$…" }`
    AuthBasic(AuthBasic),
    /// `auth_api_key keys: ["…"]`
    AuthApiKey(AuthApiKey),
    /// `auth_jwt secret: "…"`
    AuthJwt(Box<AuthJwt>),
    /// `forward_auth to: "http://…"`
    ForwardAuth(ForwardAuth),
    /// `rate_limit requests: 100, seconds: 60`
    RateLimit(RateLimit),
    /// `allow_list "10.0.0.0/8"`
    AllowList(AddressList),
    /// `deny_list "192.0.2.7"`
    DenyList(AddressList),
    /// `rewrite path: "/v2{path}"`
    Rewrite(RewritePath),
    /// `max_body 1_048_576`
    MaxBody(MaxBody),
    /// `cors origins: [ … ]`
    Cors(Cors),
    /// `log_requests before: "…", after: "…"`
    LogRequests(LogRequests),
    /// `redirect_http_to_https!`
    #[serde(rename = "redirect_http_to_https!")]
    RedirectToHttps(RedirectToHttps),
}

impl Filter {
    /// Whether it may be all that a scope is for: a redirect to https, or a refusal.
    pub(crate) fn answers(&self) -> bool {
        matches!(self, Filter::RedirectToHttps(_) | Filter::DenyList(_))
    }
}

/// `request_headers additions: { "X-Env" => ["production"] }, removals: ["Cookie"]`
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HeaderChanges {
    /// Fields to add, each with its values, which are string rewrites.
    pub additions: Vec<(String, Vec<String>)>,
    /// Names of fields to remove, before anything is added.
    pub removals: Vec<String>,
    /// Where it was written.
    pub at: Option<At>,
}

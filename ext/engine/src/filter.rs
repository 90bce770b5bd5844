//! Filters stand between a location and its handler. A filter lets a request pass, changed or not, or answers it, and
//! sees the response on its way back.
//!
//! The filters of a scope and of all scopes around it run in the order in which they are written, outer ones first.
//! Filters that a request has passed see the response in the opposite order, whether a backend or the proxy made it. A
//! filter that answers a request itself does not see that response.
//!
//! Each filter has one file, named like its word. It holds the options as written (`…Config`), their checks, and what
//! the filter does. Words that share code have it in a file beside them: [`address_list`], [`header_changes`].
//! list of all.

mod address_list;
mod allow_list;
mod auth_api_key;
mod auth_basic;
mod auth_jwt;
mod authorize;
pub(crate) mod cache;
mod challenge;
mod compress;
mod cors;
mod credential;
mod deny_list;
mod etag;
mod forward_auth;
mod header_changes;
mod log_requests;
mod maintenance;
mod max_body;
mod mirror;
mod rate_limit;
mod redirect_http_to_https;
mod request_headers;
mod response_headers;
mod rewrite;
mod split;

use std::sync::Arc;

use proxy_http::message::RequestHead;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::client::ClientInfo;
use crate::compile::Word;
use crate::compiler::Compiler;
use crate::log::Log;
use crate::request::{Exchange, OwnAnswer, ResponseFilters, Verdict};
use crate::rewrite::{RequestValues, Template};
use crate::routing::Scope;
use crate::upstream::Dns;

/// Appends the value of a rewrite for a request.
pub(crate) type Render<'a> = dyn Fn(&RequestHead, &Template, &mut Vec<u8>) + 'a;

/// Methods of a filter, all of them optional but `compile`. The enum [`Filter`] calls them, so every call is static.
trait Filtering: Word + Sized {
    /// Options as they are written.
    type Config;

    /// Whether a location may consist of this filter alone: a redirect, or a refusal of every client.
    const ANSWERS: bool = false;

    /// Whether the filter asks who the client is: what it lets pass may be for that client alone.
    const KNOWS_THE_CLIENT: bool = false;

    /// Checks the options. `None` if something is wrong; every mistake is then in the compiler's list.
    fn compile(config: &Self::Config, compiler: &mut Compiler) -> Option<Self>;

    /// Starts the filter's background work.
    fn start(&self, _dns: &Arc<Dns>, _handle: &Handle, _log: &Arc<Log>) {}

    /// Applies the filter to a request that is only previewed and never sent, as far as the configuration alone decides
    /// it. `render` appends the value of a rewrite.
    fn preview(&self, _request: &mut RequestHead, _render: &Render<'_>) {}

    /// The filter's answer to a request that is only previewed. `None` if the request passes, and if something else
    /// than the configuration and the request's head decides: a password, a count, another server.
    fn foretell(&self, _request: &RequestHead, _client: &ClientInfo) -> Option<OwnAnswer> {
        None
    }

    /// Lets the request pass (`None`), or answers it.
    async fn admit(&self, _exchange: &mut Exchange<'_>) -> Option<Verdict> {
        None
    }

    /// Changes the response on its way to the client. Its head is in `exchange.work.response`.
    fn amend(&self, _exchange: &mut Exchange<'_>) {}

    /// Called after the request has been answered. `scope` shows it as the client sent it, with its response.
    fn answered(&self, _exchange: &Exchange<'_>, _scope: &RequestValues<'_>) {}
}

/// Generates the code that covers every filter from a list of rows `word: Type(Config)`. `word` is also the module;
/// where the word in the configuration differs from the module's name, it follows `as`.
macro_rules! filters {
    ($($(#[doc = $doc:literal])+ $word:ident $(as $written:literal)?: $Filter:ident($Config:ident),)+) => {
        /// A filter as it was written. It lets a request pass, changed or not, or answers it.
        #[derive(Debug, Clone, Deserialize, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(clippy::large_enum_variant, reason = "it is read once, at load")]
        pub enum FilterConfig {
            $($(#[doc = $doc])+ $(#[serde(rename = $written)])? $Filter($word::$Config),)+
        }

        /// A filter, compiled.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "each stands in an Arc of its own and is never moved")]
        pub(crate) enum Filter {
            $($(#[doc = $doc])+ $Filter($word::$Filter),)+
        }

        /// Options of all filters, as they are written.
        #[expect(unused_imports, unreachable_pub, reason = "words that share a file have the same options")]
        pub(crate) mod written {
            $(pub use super::$word::*;)+
        }

        $(impl Word for $word::$Filter {
            const WORD: &'static str = filters!(@written $word $($written)?);
        })+

        impl FilterConfig {
            /// Every filter, with the defaults of its options.
            #[cfg(test)]
            fn all() -> Vec<(&'static str, Self)> {
                vec![$(($word::$Filter::WORD, Self::$Filter($word::$Config::default())),)+]
            }

            /// Number of filters.
            pub(crate) const COUNT: usize = [$($word::$Filter::WORD),+].len();

            /// Adds the defaults of every filter's options to a struct that is being serialized, each under its word.
            pub(crate) fn serialize_defaults<S: SerializeStruct>(out: &mut S) -> Result<(), S::Error> {
                $(out.serialize_field($word::$Filter::WORD, &$word::$Config::default())?;)+
                Ok(())
            }

            /// Whether a location may consist of this filter alone.
            pub(crate) fn answers(&self) -> bool {
                match self {
                    $(Self::$Filter(_) => $word::$Filter::ANSWERS,)+
                }
            }
        }

        impl Filter {
            /// Checks the options. `None` if something is wrong; every mistake is then in the compiler's list.
            pub(crate) fn compile(config: &FilterConfig, compiler: &mut Compiler) -> Option<Self> {
                match config {
                    $(FilterConfig::$Filter(config) => $word::$Filter::compile(config, compiler).map(Self::$Filter),)+
                }
            }

            /// Whether the filter asks who the client is.
            fn knows_the_client(&self) -> bool {
                match self {
                    $(Self::$Filter(_) => $word::$Filter::KNOWS_THE_CLIENT,)+
                }
            }

            /// Starts the filter's background work.
            pub(crate) fn start(&self, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
                match self {
                    $(Self::$Filter(filter) => filter.start(dns, handle, log),)+
                }
            }

            /// Applies the filter to a request that is only previewed, as far as the configuration alone decides it.
            pub(crate) fn preview(&self, request: &mut RequestHead, render: &Render<'_>) {
                match self {
                    $(Self::$Filter(filter) => filter.preview(request, render),)+
                }
            }

            /// The filter's answer to a request that is only previewed, as far as the configuration alone decides it.
            pub(crate) fn foretell(&self, request: &RequestHead, client: &ClientInfo) -> Option<OwnAnswer> {
                match self {
                    $(Self::$Filter(filter) => filter.foretell(request, client),)+
                }
            }

            /// Lets the request pass (`None`), or answers it.
            pub(crate) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
                match self {
                    $(Self::$Filter(filter) => filter.admit(exchange).await,)+
                }
            }

            /// Changes the response on its way to the client.
            pub(crate) fn amend(&self, exchange: &mut Exchange<'_>) {
                match self {
                    $(Self::$Filter(filter) => filter.amend(exchange),)+
                }
            }

            /// Called after the request has been answered.
            pub(crate) fn answered(&self, exchange: &Exchange<'_>, scope: &RequestValues<'_>) {
                match self {
                    $(Self::$Filter(filter) => filter.answered(exchange, scope),)+
                }
            }
        }
    };
    (@written $word:ident) => { stringify!($word) };
    (@written $word:ident $written:literal) => { $written };
}

filters! {
    /// `request_headers additions: { … }, removals: [ … ]` changes the fields of the request.
    request_headers: RequestHeaders(HeaderChangesConfig),
    /// `response_headers additions: { … }, removals: [ … ]` changes the fields of the response.
    response_headers: ResponseHeaders(HeaderChangesConfig),
    /// `auth_basic credentials: { "ann" => "$2y$…" }` asks for a user and a password.
    auth_basic: AuthBasic(AuthBasicConfig),
    /// `auth_api_key keys: ["…"]` asks for a key.
    auth_api_key: AuthApiKey(AuthApiKeyConfig),
    /// `auth_jwt secret: "…"` asks for a signed token.
    auth_jwt: AuthJwt(AuthJwtConfig),
    /// `forward_auth to: "http://…"` asks another server whether the request may pass.
    forward_auth: ForwardAuth(ForwardAuthConfig),
    /// `authorize key: { header: "Authorization" } do |request| … end` asks a Ruby block whether the request may pass.
    authorize: Authorize(AuthorizeConfig),
    /// `rate_limit requests: 100, seconds: 60` refuses requests beyond a number in a period.
    rate_limit: RateLimit(RateLimitConfig),
    /// `allow_list "10.0.0.0/8"` refuses clients whose address is not listed.
    allow_list: AllowList(AddressListConfig),
    /// `deny_list "192.0.2.7"` refuses clients whose address is listed.
    deny_list: DenyList(AddressListConfig),
    /// `rewrite path: "/v2{path}"` changes the path of the request.
    rewrite: Rewrite(RewriteConfig),
    /// `max_body 1_048_576` refuses bodies longer than this many bytes.
    max_body: MaxBody(MaxBodyConfig),
    /// `etag` gives small responses an entity tag.
    etag: Etag(EtagConfig),
    /// `cors origins: [ … ]` says which other sites' pages may send requests.
    cors: Cors(CorsConfig),
    /// `compress` codes bodies of responses on their way to clients that accept that.
    compress: Compress(CompressConfig),
    /// `cache "pages"` answers from stored responses, and stores others.
    cache: Cache(CacheConfig),
    /// `log_requests before: "…", after: "…"` writes lines into the log.
    log_requests: LogRequests(LogRequestsConfig),
    /// `maintenance if_file: "tmp/maintenance.txt"` answers 503 while the file is there.
    maintenance: Maintenance(MaintenanceConfig),
    /// `split by: { cookie: "uid" }, "v2" => 10` sends a part of the requests to other upstreams.
    split: Split(SplitConfig),
    /// `mirror "shadow", percent: 5` sends copies of requests to another upstream.
    mirror: Mirror(MirrorConfig),
    /// `redirect_http_to_https!` redirects requests that did not come over https.
    redirect_http_to_https as "redirect_http_to_https!": RedirectHttpToHttps(RedirectHttpToHttpsConfig),
}

impl FilterConfig {
    /// Whether it stands for a filter. A `cache` that makes memory does not.
    pub(crate) fn is_filter(&self) -> bool {
        !matches!(self, Self::Cache(cache) if cache.zone().is_some())
    }
}

impl<H> ResponseFilters for Scope<Filter, H> {
    fn amend(&self, passed: usize, exchange: &mut Exchange<'_>) {
        for filter in self.filters.iter().take(passed).rev() {
            filter.amend(exchange);
        }
    }

    fn know_the_client(&self, passed: usize) -> bool {
        self.filters.iter().take(passed).any(|filter| filter.knows_the_client())
    }

    fn place(&self) -> &str {
        &self.place
    }

    fn answered(&self, passed: usize, exchange: &Exchange<'_>, scope: &RequestValues<'_>) {
        for filter in self.filters.iter().take(passed).rev() {
            filter.answered(exchange, scope);
        }
    }
}

#[cfg(test)]
mod tests;

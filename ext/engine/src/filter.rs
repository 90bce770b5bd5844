//! What stands between a location and its handler: a filter lets a request pass, changed or not, or answers it, and
//! sees the response on its way back.
//!
//! The filters of a scope and of all scopes around it run in the order in which they are written, outer ones first.
//! Those that a request has passed see the response in the opposite order, whoever made it. One that answers a request
//! itself is not among them.
//!
//! A filter is one file, called as its word: what is written (`…Config`), how that is checked, and what the filter
//! does. Words that share code have it in a file beside them: [`address_list`], [`header_changes`]. `filters!` is the
//! list of all.

mod address_list;
mod allow_list;
mod auth_api_key;
mod auth_basic;
mod auth_jwt;
mod challenge;
mod cors;
mod deny_list;
mod forward_auth;
mod header_changes;
mod log_requests;
mod max_body;
mod rate_limit;
mod redirect_http_to_https;
mod request_headers;
mod response_headers;
mod rewrite;
mod credential;

use std::sync::Arc;

use proxy_http::message::RequestHead;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::compile::Word;
use crate::compiler::Compiler;
use crate::log::Log;
use crate::request::{Exchange, ResponseFilters, Verdict};
use crate::rewrite::{RequestValues, Template};
use crate::upstream::Dns;

/// Appends what a rewrite comes to for a request.
pub(crate) type Render<'a> = dyn Fn(&RequestHead, &Template, &mut Vec<u8>) + 'a;

/// What a filter does. Each has only the methods that it needs. The enum [`Filter`] calls them, so every call is
/// static.
trait Filtering: Word + Sized {
    /// The options as they are written.
    type Config;

    /// Whether the filter may be all that a location is for: a redirect, or a refusal of everybody.
    const ANSWERS: bool = false;

    /// Checks the options. `None` if something is wrong; every mistake then stands in the compiler's list.
    fn compile(config: &Self::Config, compiler: &mut Compiler) -> Option<Self>;

    /// Begins what goes on in the background.
    fn start(&self, _dns: &Arc<Dns>, _handle: &Handle, _log: &Arc<Log>) {}

    /// Changes a request that nobody sends, as far as the configuration alone says how. `render` appends what a rewrite
    /// comes to.
    fn preview(&self, _request: &mut RequestHead, _render: &Render<'_>) {}

    /// Lets the request pass (`None`), or answers it.
    async fn admit(&self, _exchange: &mut Exchange<'_>) -> Option<Verdict> {
        None
    }

    /// Changes the response, whose head stands in `exchange.work.response`, on its way to the client.
    fn amend(&self, _exchange: &mut Exchange<'_>) {}

    /// Hears that the request has been answered. `scope` shows it as the client sent it, with its response.
    fn answered(&self, _exchange: &Exchange<'_>, _scope: &RequestValues<'_>) {}
}

/// Makes all that concerns every filter from a list of rows `word: Type(Config)`. `word` is the module too; what is
/// written otherwise than the module is called stands behind `as`.
macro_rules! filters {
    ($($(#[doc = $doc:literal])+ $word:ident $(as $written:literal)?: $Filter:ident($Config:ident),)+) => {
        /// A filter as it was written: what lets a request pass, changed or not, or answers it.
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

        /// The options of all filters, as they are written.
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

            /// How many filters there are.
            pub(crate) const COUNT: usize = [$($word::$Filter::WORD),+].len();

            /// Adds the defaults of every filter's options to a struct that is written out, each under its word.
            pub(crate) fn serialize_defaults<S: SerializeStruct>(out: &mut S) -> Result<(), S::Error> {
                $(out.serialize_field($word::$Filter::WORD, &$word::$Config::default())?;)+
                Ok(())
            }

            /// Whether it may be all that a location is for.
            pub(crate) fn answers(&self) -> bool {
                match self {
                    $(Self::$Filter(_) => $word::$Filter::ANSWERS,)+
                }
            }
        }

        impl Filter {
            /// Checks what is written. `None` if it is wrong; every mistake in it then stands in the compiler's list.
            pub(crate) fn compile(config: &FilterConfig, compiler: &mut Compiler) -> Option<Self> {
                match config {
                    $(FilterConfig::$Filter(config) => $word::$Filter::compile(config, compiler).map(Self::$Filter),)+
                }
            }

            /// Begins what goes on in the background.
            pub(crate) fn start(&self, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
                match self {
                    $(Self::$Filter(filter) => filter.start(dns, handle, log),)+
                }
            }

            /// Changes a request that nobody sends, as far as the configuration alone says how.
            pub(crate) fn preview(&self, request: &mut RequestHead, render: &Render<'_>) {
                match self {
                    $(Self::$Filter(filter) => filter.preview(request, render),)+
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

            /// Hears that the request has been answered.
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
    /// `forward_auth to: "http://…"` asks another server.
    forward_auth: ForwardAuth(ForwardAuthConfig),
    /// `rate_limit requests: 100, seconds: 60` refuses more requests than so many in a time.
    rate_limit: RateLimit(RateLimitConfig),
    /// `allow_list "10.0.0.0/8"` refuses clients whose address is not listed.
    allow_list: AllowList(AddressListConfig),
    /// `deny_list "192.0.2.7"` refuses clients whose address is listed.
    deny_list: DenyList(AddressListConfig),
    /// `rewrite path: "/v2{path}"` changes the path of the request.
    rewrite: Rewrite(RewriteConfig),
    /// `max_body 1_048_576` refuses long bodies.
    max_body: MaxBody(MaxBodyConfig),
    /// `cors origins: [ … ]` says which other sites' pages may ask.
    cors: Cors(CorsConfig),
    /// `log_requests before: "…", after: "…"` writes lines into the log.
    log_requests: LogRequests(LogRequestsConfig),
    /// `redirect_http_to_https!` redirects what did not come over https.
    redirect_http_to_https as "redirect_http_to_https!": RedirectHttpToHttps(RedirectHttpToHttpsConfig),
}

impl ResponseFilters for Box<[Arc<Filter>]> {
    fn amend(&self, passed: usize, exchange: &mut Exchange<'_>) {
        for filter in self.iter().take(passed).rev() {
            filter.amend(exchange);
        }
    }

    fn answered(&self, passed: usize, exchange: &Exchange<'_>, scope: &RequestValues<'_>) {
        for filter in self.iter().take(passed).rev() {
            filter.answered(exchange, scope);
        }
    }
}

#[cfg(test)]
mod tests;

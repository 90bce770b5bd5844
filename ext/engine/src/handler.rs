//! Handlers answer requests.
//!
//! Each handler has one file, named like its word. It holds the options as written (`…Config`), their checks, and how
//! the handler answers. `handlers!` is the list of all.

mod metrics;
pub(crate) mod proxy;
mod redirect;
mod run;
pub(crate) mod static_files;
mod static_response;

use std::sync::Arc;

use crate::compile::Word;
use crate::compiler::Compiler;
use crate::request::{BodyLimit, Exchange, OwnAnswer, Verdict};
use crate::rewrite::RequestValues;
use crate::routing::Accepts;

/// Methods of a handler. The enum [`Handler`] calls them, so every call is static.
pub(crate) trait Handling: Word + Sized {
    /// The options as they are written.
    type Config;

    /// Whether requests go on to a backend. A handler that answers by itself has to read bodies of unknown length.
    const FORWARDS: bool = false;

    /// Whether the handler may leave a request to the next one, although it accepts its path.
    const DECLINES: bool = false;

    /// Checks the options. `None` if something is wrong; every mistake is then in the compiler's list.
    fn compile(config: &Self::Config, compiler: &mut Compiler) -> Option<Self>;

    /// Path prefix: a request must have this path or one below it. `None`: any path.
    fn prefix(_config: &Self::Config) -> Option<&str> {
        None
    }

    /// Whether the handler answers requests for `path`, whose escapes are decoded. If not, the next handler is asked.
    fn accepts(&self, _path: &[u8]) -> bool {
        true
    }

    /// Limit for request bodies, which overrides the limits of filters.
    fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
        None
    }

    /// The handler's answer to a request that is only previewed, with its values. `None` if a backend answers, an
    /// application, or the next handler.
    fn foretell(&self, _values: &RequestValues<'_>) -> Option<OwnAnswer> {
        None
    }

    /// Answers the request.
    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict;
}

/// Passes the list of all handlers to the macro `$make`, in rows `word: Type(Config)`.
macro_rules! handlers {
    ($make:ident) => {
        $make! {
            /// `proxy to: "http://…"` forwards the request to a backend.
            proxy: Proxy(Box<ProxyConfig>),
            /// `run MyApp` answers with a Rack application in this process.
            run: Run(RunConfig),
            /// `static_response code: 200, body: "…"` answers with a response from the configuration.
            static_response: StaticResponse(StaticResponseConfig),
            /// `static_files root: "public"` answers with files of a folder.
            static_files: StaticFiles(StaticFilesConfig),
            /// `redirect to: "…"` sends the client to another URL.
            redirect: Redirect(RedirectConfig),
            /// `metrics` answers with the figures of the proxy.
            metrics: Metrics(MetricsConfig),
        }
    };
}
pub(crate) use handlers;

macro_rules! compiled {
    ($($(#[doc = $doc:literal])+ $word:ident: $Handler:ident($Config:ty),)+) => {
        /// A handler, compiled.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "each stands in an Arc of its own and is never moved")]
        pub(crate) enum Handler {
            $($(#[doc = $doc])+ $Handler($word::$Handler),)+
        }

        /// All handlers, and their options as they are written.
        pub(crate) mod written {
            $(pub use super::$word::*;)+
        }

        $(impl Word for $word::$Handler {
            const WORD: &'static str = stringify!($word);
        })+

        impl Handler {
            /// Whether requests go on to a backend.
            pub(crate) fn forwards(&self) -> bool {
                match self {
                    $(Self::$Handler(_) => $word::$Handler::FORWARDS,)+
                }
            }

            /// Limit for request bodies, which overrides the limits of filters.
            pub(crate) fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
                match self {
                    $(Self::$Handler(handler) => handler.body_limit(),)+
                }
            }

            /// The handler's answer to a request that is only previewed, if the configuration alone decides it.
            pub(crate) fn foretell(&self, values: &RequestValues<'_>) -> Option<OwnAnswer> {
                match self {
                    $(Self::$Handler(handler) => handler.foretell(values),)+
                }
            }

            /// Answers the request.
            pub(crate) async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
                match self {
                    $(Self::$Handler(handler) => handler.serve(exchange).await,)+
                }
            }
        }

        impl Handler {
            /// The `proxy` that the handler is, if it has backends.
            pub(crate) fn proxy(&self) -> Option<&proxy::Proxy> {
                match self {
                    Self::Proxy(proxy) => Some(proxy),
                    Self::Run(run) => Some(run.proxy()),
                    Self::StaticResponse(_) | Self::StaticFiles(_) | Self::Redirect(_) | Self::Metrics(_) => None,
                }
            }
        }

        impl Accepts for Handler {
            fn accepts(&self, path: &[u8]) -> bool {
                match self {
                    $(Self::$Handler(handler) => handler.accepts(path),)+
                }
            }
        }
    };
}

handlers!(compiled);

//! What answers a request.
//!
//! A handler is one file, called as its word: what is written (`…Config`), how that is checked, and how it answers.
//! `handlers!` is the list of all.

pub(crate) mod proxy;
mod redirect;
mod static_response;

use std::sync::Arc;

use crate::compile::Word;
use crate::compiler::Compiler;
use crate::request::{BodyLimit, Exchange, Verdict};
use crate::routing::Accepts;

/// What a handler does. The enum [`Handler`] calls the methods, so every call is static.
pub(crate) trait Handling: Word + Sized {
    /// The options as they are written.
    type Config;

    /// Whether requests go on to a backend. One that answers by itself has to read bodies whose length nobody told.
    const FORWARDS: bool = false;

    /// Checks the options. `None` if something is wrong; every mistake then stands in the compiler's list.
    fn compile(config: &Self::Config, compiler: &mut Compiler) -> Option<Self>;

    /// The path that a request must have, or be below. `None`: any.
    fn prefix(_config: &Self::Config) -> Option<&str> {
        None
    }

    /// Whether it answers requests for `path`, whose escapes are decoded. If not, the next handler is asked.
    fn accepts(&self, _path: &[u8]) -> bool {
        true
    }

    /// What it holds the bodies of requests to, whatever the filters say.
    fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
        None
    }

    /// Answers.
    async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict;
}

/// Gives the list of all handlers to the macro `$make`, in rows `word: Type(Config)`.
macro_rules! handlers {
    ($make:ident) => {
        $make! {
            /// `proxy to: "http://…"` asks a backend.
            proxy: Proxy(Box<ProxyConfig>),
            /// `static_response code: 200, body: "…"` answers what stands in the configuration.
            static_response: StaticResponse(StaticResponseConfig),
            /// `redirect to: "…"` sends the client elsewhere.
            redirect: Redirect(RedirectConfig),
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

        /// The options of all handlers, as they are written, and the handlers.
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

            /// What it holds the bodies of requests to, whatever the filters say.
            pub(crate) fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
                match self {
                    $(Self::$Handler(handler) => handler.body_limit(),)+
                }
            }

            /// Answers.
            pub(crate) async fn serve(&self, exchange: &mut Exchange<'_>) -> Verdict {
                match self {
                    $(Self::$Handler(handler) => handler.serve(exchange).await,)+
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

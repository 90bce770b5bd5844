//! What answers a request.

pub(crate) mod proxy;
pub(crate) mod redirect;
pub(crate) mod static_response;

use std::sync::Arc;

use crate::handler::proxy::Proxy;
use crate::handler::redirect::Redirect;
use crate::handler::static_response::StaticResponse;
use crate::request::BodyLimit;
use crate::routing::{accepts, Accepts};

/// A handler, compiled.
#[derive(Debug)]
pub(crate) enum Handler {
    /// Asks a backend.
    Proxy(Box<Proxy>),
    /// Answers what stands in the configuration.
    StaticResponse(StaticResponse),
    /// Sends the client elsewhere.
    Redirect(Redirect),
}

impl Handler {
    /// What it holds the bodies of requests to, whatever the filters say.
    pub(crate) fn body_limit(&self) -> Option<&Arc<BodyLimit>> {
        match self {
            Handler::Proxy(proxy) => proxy.max_body.as_ref(),
            Handler::StaticResponse(_) | Handler::Redirect(_) => None,
        }
    }
}

impl Accepts for Handler {
    fn accepts(&self, path: &[u8]) -> bool {
        match self {
            Handler::Proxy(proxy) => accepts(proxy.path_prefix.as_deref(), path),
            Handler::StaticResponse(_) | Handler::Redirect(_) => true,
        }
    }
}

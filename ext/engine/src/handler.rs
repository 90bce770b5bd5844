//! What answers a request.

pub(crate) mod proxy;
pub(crate) mod static_response;

use crate::handler::proxy::Proxy;
use crate::handler::static_response::StaticResponse;

/// A handler, compiled.
#[derive(Debug)]
pub(crate) enum Handler {
    /// Asks a backend.
    Proxy(Box<Proxy>),
    /// Answers what stands in the configuration.
    StaticResponse(StaticResponse),
}

impl Handler {
    /// Whether it answers requests for `path`, whose escapes are decoded. If not, the next handler is asked.
    pub(crate) fn accepts(&self, path: &[u8]) -> bool {
        match self {
            Handler::Proxy(proxy) => crate::routing::accepts(proxy.path_prefix.as_deref(), path),
            Handler::StaticResponse(_) => true,
        }
    }
}

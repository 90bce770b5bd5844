//! A scope of the configuration: its locations, and the handlers that stand directly in it.

use super::pattern::{is_at_or_below, Pattern};
use crate::handler::Handler;

/// The file's top level, or the inside of a location.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) locations: Vec<Location>,
    pub(crate) handlers: Vec<Handler>,
}

/// A location: the first whose pattern matches takes the request.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) scope: Scope,
}

impl Scope {
    /// The handler for a path. Locations are tried in the order of the file; the first that matches takes the request, then
    /// its own locations are tried the same way. Of the scope that was reached the first handler that accepts the path
    /// answers; if none does, those of the scope around it are asked, whose handlers apply to what is inside.
    pub(crate) fn locate(&self, path: &[u8]) -> Option<&Handler> {
        let inner =
            self.locations.iter().find(|location| location.patterns.iter().any(|pattern| pattern.matches(path)));
        inner
            .and_then(|location| location.scope.locate(path))
            .or_else(|| self.handlers.iter().find(|handler| handler.accepts(path)))
    }
}

/// Whether a handler with this `path_prefix` accepts `path`.
pub(crate) fn accepts(prefix: Option<&[u8]>, path: &[u8]) -> bool {
    prefix.is_none_or(|prefix| is_at_or_below(path, prefix))
}

impl Scope {
    /// Calls `visit` with every `proxy`, in the order of the file but for those inside locations, which come first.
    pub(crate) fn each_proxy(&self, visit: &mut dyn FnMut(&crate::handler::proxy::Proxy)) {
        for location in &self.locations {
            location.scope.each_proxy(visit);
        }
        for handler in &self.handlers {
            if let Handler::Proxy(proxy) = handler {
                visit(proxy);
            }
        }
    }
}

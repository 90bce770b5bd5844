//! A scope of the configuration: its locations, and the handlers that stand directly in it.

use std::sync::Arc;

use super::pattern::{is_at_or_below, Pattern};
use crate::filter::Filter;
use crate::handler::Handler;

/// The file's top level, or the inside of a location.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    pub(crate) locations: Vec<Location>,
    /// Every filter that a request passes here, in the order in which they run: those of the scopes around this one first.
    pub(crate) filters: Box<[Arc<Filter>]>,
    /// The handlers that are asked here, in that order: this scope's, then those of the scopes around it.
    pub(crate) handlers: Box<[Arc<Handler>]>,
    /// How many of the handlers are this scope's.
    pub(crate) own_handlers: usize,
}

/// A location: the first whose pattern matches takes the request.
#[derive(Debug)]
pub(crate) struct Location {
    pub(crate) patterns: Vec<Pattern>,
    pub(crate) scope: Scope,
}

impl Scope {
    /// The innermost scope for a path. Locations are tried in the order of the file; the first that matches takes the request,
    /// then its own locations are tried the same way.
    pub(crate) fn locate(&self, path: &[u8]) -> &Scope {
        let mut scope = self;
        while let Some(location) =
            scope.locations.iter().find(|location| location.patterns.iter().any(|pattern| pattern.matches(path)))
        {
            scope = &location.scope;
        }
        scope
    }

    /// The handler that answers here: the first that accepts the path.
    pub(crate) fn handler(&self, path: &[u8]) -> Option<&Handler> {
        self.handlers.iter().map(|handler| &**handler).find(|handler| handler.accepts(path))
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
        for handler in &self.handlers[..self.own_handlers] {
            if let Handler::Proxy(proxy) = &**handler {
                visit(proxy);
            }
        }
    }
}

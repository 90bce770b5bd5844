//! A scope of the configuration: its locations, and its own handlers.

use std::sync::Arc;

use proxy_http::message::{RequestHead, Span};

use super::index::{self, Index, Lists};
use super::matcher::{MatchedRequest, Matcher};
use super::pattern::{is_at_or_below, RequestPart};
use crate::client::ClientInfo;
use crate::rewrite::Captured;

/// The file's top level, or the inside of a location, with filters `F` and handlers `H`. All that routing needs of a
/// handler is [`Accepts`].
#[derive(Debug)]
pub(crate) struct Scope<F, H> {
    pub(crate) locations: Vec<Location<F, H>>,
    index: Option<Box<Index>>,
    /// Every filter that a request in this scope passes, in running order: those of enclosing scopes first.
    pub(crate) filters: Box<[Arc<F>]>,
    /// The handlers in the order in which they are asked: this scope's, then those of enclosing scopes.
    pub(crate) handlers: Box<[Arc<H>]>,
    /// Number of handlers that are this scope's own.
    pub(crate) own_handlers: usize,
    /// Number of the scope's name among the names of all locations.
    pub(crate) route: u32,
    /// Tells the scope apart from all others, also over a restart.
    pub(crate) place: Box<str>,
}

/// A location. The first that matches takes the request.
#[derive(Debug)]
pub(crate) struct Location<F, H> {
    pub(crate) matcher: Matcher,
    pub(crate) scope: Scope<F, H>,
}

/// A handler, as routing sees it.
pub(crate) trait Accepts {
    /// Whether the handler answers requests for `path`, whose escapes are decoded. If not, the next handler is asked.
    fn accepts(&self, path: &[u8]) -> bool;
}

/// Error for a path that leads to different places, depending on whether `%2F` separates segments. It is answered 400:
/// the backend might decode it in another way than the one that was checked here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AmbiguousPath;

impl<F, H> Default for Scope<F, H> {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new(), 0)
    }
}

impl<F, H> Scope<F, H> {
    /// A scope without its locations, which [`Scope::set_locations`] adds.
    pub(crate) fn new(filters: Vec<Arc<F>>, handlers: Vec<Arc<H>>, own_handlers: usize) -> Self {
        let (filters, handlers) = (filters.into(), handlers.into());
        Self { locations: Vec::new(), index: None, filters, handlers, own_handlers, route: 0, place: "".into() }
    }

    pub(super) fn index(&self) -> Option<&Index> {
        self.index.as_deref()
    }

    /// Sets the scope's locations, in the order of the file.
    pub(crate) fn set_locations(&mut self, locations: Vec<Location<F, H>>) {
        if !locations.is_empty() {
            self.index = Some(Box::new(Index::build(locations.iter().map(|location| &location.matcher))));
        }
        self.locations = locations;
    }

    /// The innermost scope for a request. Locations are tried in the order of the file. The first that matches takes
    /// the request, then its own locations are tried in this way. `captured` gets the captures of these locations,
    /// outer ones first.
    #[inline(always)]
    pub(crate) fn locate(
        &self,
        request: &mut RequestHead,
        client_info: &ClientInfo,
        captured: &mut Captured,
    ) -> Result<&Self, AmbiguousPath> {
        captured.clear();
        if self.locations.is_empty() {
            return Ok(self);
        }
        self.locate_inside(request, client_info, captured)
    }

    fn locate_inside(
        &self,
        request: &mut RequestHead,
        client_info: &ClientInfo,
        captured: &mut Captured,
    ) -> Result<&Self, AmbiguousPath> {
        let host = host_span(request);
        let head = &*request;
        let part = |span: Span| RequestPart { bytes: head.fields.slice(span), span };
        let asked = MatchedRequest { head, client_info, path: part(head.plain_path), host: part(host) };
        let scope = self.descend(asked, captured);
        if !head.plain_but_slashes.is_empty() {
            let mut others = Captured::default();
            let other = self.descend(MatchedRequest { path: part(head.plain_but_slashes), ..asked }, &mut others);
            if !std::ptr::eq(scope, other) || !same_values(head, captured, &others) {
                return Err(AmbiguousPath);
            }
        }
        Ok(scope)
    }

    fn descend(&self, asked: MatchedRequest<'_>, captured: &mut Captured) -> &Self {
        let mut scope = self;
        while let Some(location) = scope.location(asked, captured) {
            scope = &location.scope;
        }
        scope
    }

    /// The first location that takes the request.
    pub(crate) fn location(&self, asked: MatchedRequest<'_>, captured: &mut Captured) -> Option<&Location<F, H>> {
        let mut lists = Lists::new();
        self.index.as_ref()?.find(asked.host.bytes, asked.path.bytes, &mut lists);
        while let Some(entry) = index::next(&mut lists) {
            let location = self.locations.get(entry.location as usize)?;
            if location.matcher.takes(asked, entry, captured) {
                return Some(location);
            }
        }
        None
    }

    /// Calls `visit` with every handler: first those inside locations, then the scope's own, each in the order of the
    /// file.
    pub(crate) fn each_handler(&self, visit: &mut dyn FnMut(&H)) {
        for location in &self.locations {
            location.scope.each_handler(visit);
        }
        for handler in &self.handlers[..self.own_handlers] {
            visit(handler);
        }
    }

    /// Calls `visit` with every filter. A filter that also runs inside a location is visited more than once.
    pub(crate) fn each_filter(&self, visit: &mut dyn FnMut(&F)) {
        for location in &self.locations {
            location.scope.each_filter(visit);
        }
        for filter in &self.filters {
            visit(filter);
        }
    }
}

impl<F, H: Accepts> Scope<F, H> {
    /// The handler that answers in this scope, with its place: the first that accepts the path, but for the `asked`
    /// ones before it.
    #[inline(always)]
    pub(crate) fn handler(&self, asked: usize, request: &RequestHead) -> Result<Option<(usize, &H)>, AmbiguousPath> {
        let handlers = self.handlers.get(asked..).unwrap_or_default();
        let first = |path: &[u8]| handlers.iter().position(|handler| handler.accepts(path));
        let place = first(request.plain_path());
        if request.plain_path_but_slashes().is_some_and(|path| first(path) != place) {
            return Err(AmbiguousPath);
        }
        Ok(place.and_then(|place| Some((asked + place, &**handlers.get(place)?))))
    }
}

/// The requested host in the form for matching: lower case, without port and without a trailing dot.
pub(crate) fn host_span(request: &mut RequestHead) -> Span {
    let host = request.host();
    let host = host.strip_suffix(b".").unwrap_or(host);
    let start = request.authority.start;
    let span = Span { start, end: start + host.len() as u32 };
    if host.iter().any(u8::is_ascii_uppercase) {
        return request.fields.push_lowercase(span);
    }
    span
}

/// Whether both ways of decoding a path captured the same values.
pub(crate) fn same_values(head: &RequestHead, captured: &Captured, others: &Captured) -> bool {
    let same = |a: &[u8], b: &[u8]| a == b || proxy_http::message::merge_encoded_slashes(b) == a;
    captured.len() == others.len()
        && captured
            .iter()
            .zip(others.iter())
            .all(|((a, x), (b, y))| a == b && same(head.fields.slice(x), head.fields.slice(y)))
}

/// The form of a `path_prefix` that paths are compared with.
pub(crate) fn plain_prefix(text: &str) -> Box<[u8]> {
    let trimmed = text.trim_end_matches('/');
    if trimmed.is_empty() {
        b"/"[..].into()
    } else {
        trimmed.as_bytes().into()
    }
}

/// Whether a handler with this `path_prefix` accepts `path`.
pub(crate) fn accepts(prefix: Option<&[u8]>, path: &[u8]) -> bool {
    prefix.is_none_or(|prefix| is_at_or_below(path, prefix))
}

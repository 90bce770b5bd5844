//! Route lookup without a server, for `examples/routing.rs`.

use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;

use crate::client::ClientInfo;
use crate::compile::Purpose;
use crate::configuration::Config;
use crate::rewrite::Captured;
use crate::snapshot::{compile, Snapshot};

/// A compiled configuration for route lookups without a server.
#[derive(Debug)]
pub struct RouteLookup {
    snapshot: Snapshot,
}

impl RouteLookup {
    /// Compiles a configuration, even one with mistakes.
    pub fn compile(config: &Config) -> Self {
        Self { snapshot: compile(config, Purpose::Check).snapshot }
    }

    /// Parses the head of a request; `None` if it is malformed.
    pub fn read(text: &str) -> Option<RequestHead> {
        let mut head = RequestHead::default();
        parse_request(text.as_bytes(), &mut head).ok().flatten().map(|_| head)
    }

    /// Whether a location takes the request and a handler answers it.
    pub fn find(&self, request: &mut RequestHead) -> bool {
        let mut captured = Captured::default();
        let scope = self.snapshot.routes.locate(request, &ClientInfo::default(), &mut captured);
        scope.is_ok_and(|scope| scope.handler(0, request).is_ok_and(|handler| handler.is_some()))
    }
}

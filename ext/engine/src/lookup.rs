//! The routes of a configuration by themselves, for `examples/routing.rs`.

use proxy_http::http1::parse_request;
use proxy_http::message::RequestHead;

use crate::client::ClientInfo;
use crate::compile::Purpose;
use crate::configuration::Config;
use crate::rewrite::Captured;
use crate::snapshot::{compile, Snapshot};

/// A compiled configuration in which requests can be looked up without a server.
#[derive(Debug)]
pub struct RouteLookup {
    snapshot: Snapshot,
}

impl RouteLookup {
    /// Compiles it, mistakes or not.
    pub fn compile(config: &Config) -> Self {
        Self { snapshot: compile(config, Purpose::Check).snapshot }
    }

    /// Reads the head of a request; `None` if it is none.
    pub fn read(text: &str) -> Option<RequestHead> {
        let mut head = RequestHead::default();
        parse_request(text.as_bytes(), &mut head).ok().flatten().map(|_| head)
    }

    /// Whether a location takes the request and a handler answers it.
    pub fn find(&self, request: &mut RequestHead) -> bool {
        let mut captured = Captured::default();
        let scope = self.snapshot.routes.locate(request, &ClientInfo::default(), &mut captured);
        scope.is_ok_and(|scope| scope.handler(request).is_ok_and(|handler| handler.is_some()))
    }
}

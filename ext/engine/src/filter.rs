//! What stands between a location and its handler: a filter lets a request pass, changed or not, or answers it, and sees the
//! response on its way back.
//!
//! The filters of a scope and of all scopes around it run in the order in which they are written, outer ones first. Those
//! that a request has passed see the response in the opposite order, whoever made it. One that answers a request itself is
//! not among them.

mod header_changes;

use crate::config;
use crate::forward::{Exchange, Verdict};
use crate::snapshot::Compiler;
use header_changes::HeaderChanges;

/// A filter, compiled.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Changes the fields of the request.
    RequestHeaders(HeaderChanges),
    /// Changes the fields of the response.
    ResponseHeaders(HeaderChanges),
}

impl Filter {
    /// Checks the directive. `None` if it is wrong; every mistake in it then stands in the compiler's list.
    pub(crate) fn compile(spec: &config::Filter, compiler: &mut Compiler) -> Option<Self> {
        match spec {
            config::Filter::RequestHeaders(spec) => {
                HeaderChanges::of_request(spec, compiler).map(Filter::RequestHeaders)
            }
            config::Filter::ResponseHeaders(spec) => {
                HeaderChanges::of_response(spec, compiler).map(Filter::ResponseHeaders)
            }
        }
    }

    /// Lets the request pass (`None`), or answers it.
    pub(crate) async fn admit(&self, exchange: &mut Exchange<'_>) -> Option<Verdict> {
        match self {
            Filter::RequestHeaders(changes) => {
                changes.change_request(exchange);
                None
            }
            Filter::ResponseHeaders(_) => None,
        }
    }

    /// Changes the response, whose head stands in `exchange.work.response`, on its way to the client.
    pub(crate) fn amend(&self, exchange: &mut Exchange<'_>) {
        match self {
            Filter::ResponseHeaders(changes) => changes.change_response(exchange),
            Filter::RequestHeaders(_) => {}
        }
    }
}

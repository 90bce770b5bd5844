//! What stands between a location and its handler: a filter lets a request pass, changed or not, or answers it, and sees the
//! response on its way back.
//!
//! The filters of a scope and of all scopes around it run in the order in which they are written, outer ones first. Those
//! that a request has passed see the response in the opposite order, whoever made it. One that answers a request itself is
//! not among them.

mod auth_api_key;
mod auth_basic;
mod auth_jwt;
mod challenge;
mod forward_auth;
mod header_changes;
mod report;
mod shown;

pub(crate) use auth_basic::Verifications;

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::config;
use crate::forward::{Exchange, Verdict};
use crate::snapshot::Compiler;
use crate::upstream::Dns;
use auth_api_key::AuthApiKey;
use auth_basic::AuthBasic;
use auth_jwt::AuthJwt;
use forward_auth::ForwardAuth;
use header_changes::HeaderChanges;

/// A filter, compiled.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Changes the fields of the request.
    RequestHeaders(HeaderChanges),
    /// Changes the fields of the response.
    ResponseHeaders(HeaderChanges),
    /// Asks for a user and a password.
    AuthBasic(AuthBasic),
    /// Asks for a key.
    AuthApiKey(AuthApiKey),
    /// Asks for a signed token.
    AuthJwt(AuthJwt),
    /// Asks another server.
    ForwardAuth(Box<ForwardAuth>),
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
            config::Filter::AuthBasic(spec) => AuthBasic::compile(spec, compiler).map(Filter::AuthBasic),
            config::Filter::AuthApiKey(spec) => AuthApiKey::compile(spec, compiler).map(Filter::AuthApiKey),
            config::Filter::AuthJwt(spec) => AuthJwt::compile(spec, compiler).map(Filter::AuthJwt),
            config::Filter::ForwardAuth(spec) => {
                ForwardAuth::compile(spec, compiler).map(|filter| Filter::ForwardAuth(Box::new(filter)))
            }
        }
    }

    /// Begins what goes on in the background.
    pub(crate) fn start(&self, dns: &Arc<Dns>, handle: &Handle) {
        if let Filter::ForwardAuth(filter) = self {
            filter.start(dns, handle);
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
            Filter::AuthBasic(filter) => filter.admit(exchange).await,
            Filter::AuthApiKey(filter) => filter.admit(exchange).await,
            Filter::AuthJwt(filter) => filter.admit(exchange).await,
            // Boxed: what it keeps while it waits is large.
            Filter::ForwardAuth(filter) => Box::pin(filter.admit(exchange)).await,
        }
    }

    /// Changes the response, whose head stands in `exchange.work.response`, on its way to the client.
    pub(crate) fn amend(&self, exchange: &mut Exchange<'_>) {
        match self {
            Filter::ResponseHeaders(changes) => changes.change_response(exchange),
            Filter::RequestHeaders(_)
            | Filter::AuthBasic(_)
            | Filter::AuthApiKey(_)
            | Filter::AuthJwt(_)
            | Filter::ForwardAuth(_) => {}
        }
    }
}

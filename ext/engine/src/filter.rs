//! What stands between a location and its handler: a filter lets a request pass, changed or not, or answers it, and sees the
//! response on its way back.
//!
//! The filters of a scope and of all scopes around it run in the order in which they are written, outer ones first. Those
//! that a request has passed see the response in the opposite order, whoever made it. One that answers a request itself is
//! not among them.

mod address_list;
mod auth_api_key;
mod auth_basic;
mod auth_jwt;
mod challenge;
mod cors;
mod forward_auth;
mod header_changes;
mod https_only;
mod log_requests;
mod max_body;
mod rate_limit;
mod report;
mod rewrite_path;
mod shown;

use std::sync::Arc;

use proxy_http::message::RequestHead;
use tokio::runtime::Handle;

use crate::compiler::Compiler;
use crate::config;
use crate::log::Log;
use crate::request::{BodyLimit, Exchange, ResponseFilters, Verdict};
use crate::rewrite::{Scope, Template};
use crate::upstream::Dns;
use address_list::AddressList;
use auth_api_key::AuthApiKey;
use auth_basic::AuthBasic;
use auth_jwt::AuthJwt;
use cors::Cors;
use forward_auth::ForwardAuth;
use header_changes::HeaderChanges;
use https_only::HttpsOnly;
use log_requests::LogRequests;
use rate_limit::RateLimit;
use rewrite_path::RewritePath;

/// Appends what a rewrite comes to for a request.
pub(crate) type Render<'a> = dyn Fn(&RequestHead, &Template, &mut Vec<u8>) + 'a;

/// A filter, compiled.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Changes the fields of the request.
    RequestHeaders(HeaderChanges),
    /// Changes the fields of the response.
    ResponseHeaders(HeaderChanges),
    /// Asks for a user and a password.
    AuthBasic(Box<AuthBasic>),
    /// Asks for a key.
    AuthApiKey(AuthApiKey),
    /// Asks for a signed token.
    AuthJwt(AuthJwt),
    /// Asks another server.
    ForwardAuth(Box<ForwardAuth>),
    /// Refuses more requests than so many in a time.
    RateLimit(Box<RateLimit>),
    /// Refuses clients by their address.
    AddressList(AddressList),
    /// Changes the path of the request.
    Rewrite(Box<RewritePath>),
    /// Refuses long bodies.
    MaxBody(Arc<BodyLimit>),
    /// Says which other sites' pages may ask.
    Cors(Box<Cors>),
    /// Writes lines into the log.
    LogRequests(LogRequests),
    /// Redirects what did not come over https.
    HttpsOnly(HttpsOnly),
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
            config::Filter::AuthBasic(spec) => {
                AuthBasic::compile(spec, compiler).map(|filter| Filter::AuthBasic(Box::new(filter)))
            }
            config::Filter::AuthApiKey(spec) => AuthApiKey::compile(spec, compiler).map(Filter::AuthApiKey),
            config::Filter::AuthJwt(spec) => AuthJwt::compile(spec, compiler).map(Filter::AuthJwt),
            config::Filter::ForwardAuth(spec) => {
                ForwardAuth::compile(spec, compiler).map(|filter| Filter::ForwardAuth(Box::new(filter)))
            }
            config::Filter::RateLimit(spec) => {
                RateLimit::compile(spec, compiler).map(|limit| Filter::RateLimit(Box::new(limit)))
            }
            config::Filter::AllowList(spec) => AddressList::of_allowed(spec, compiler).map(Filter::AddressList),
            config::Filter::DenyList(spec) => AddressList::of_denied(spec, compiler).map(Filter::AddressList),
            config::Filter::Rewrite(spec) => {
                RewritePath::compile(spec, compiler).map(|rewrite| Filter::Rewrite(Box::new(rewrite)))
            }
            config::Filter::MaxBody(spec) => max_body::compile(spec, compiler).map(Filter::MaxBody),
            config::Filter::Cors(spec) => Cors::compile(spec, compiler).map(|cors| Filter::Cors(Box::new(cors))),
            config::Filter::LogRequests(spec) => LogRequests::compile(spec, compiler).map(Filter::LogRequests),
            config::Filter::RedirectToHttps(spec) => HttpsOnly::compile(spec, compiler).map(Filter::HttpsOnly),
        }
    }

    /// Begins what goes on in the background.
    pub(crate) fn start(&self, dns: &Arc<Dns>, handle: &Handle, log: &Arc<Log>) {
        if let Filter::ForwardAuth(filter) = self {
            filter.start(dns, handle, log);
        }
    }

    /// Changes a request that nobody sends, as far as the configuration alone says how. `render` appends what a rewrite comes to.
    pub(crate) fn preview(&self, request: &mut RequestHead, render: &Render<'_>) {
        if let Filter::RequestHeaders(changes) = self {
            changes.preview(request, render);
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
            Filter::RateLimit(limit) => limit.admit(exchange).await,
            Filter::AddressList(list) => list.admit(exchange).await,
            Filter::Rewrite(rewrite) => rewrite.admit(exchange).await,
            // The innermost one holds: the request is held to it once it has passed all filters.
            Filter::MaxBody(limit) => {
                exchange.body_limit = Some(Arc::clone(limit));
                None
            }
            Filter::Cors(cors) => cors.admit(exchange).await,
            Filter::LogRequests(lines) => {
                lines.write_before(exchange);
                None
            }
            Filter::HttpsOnly(https) => https.admit(exchange).await,
        }
    }

    /// Changes the response, whose head stands in `exchange.work.response`, on its way to the client.
    pub(crate) fn amend(&self, exchange: &mut Exchange<'_>) {
        match self {
            Filter::ResponseHeaders(changes) => changes.change_response(exchange),
            Filter::Cors(cors) => cors.amend(exchange),
            Filter::RequestHeaders(_)
            | Filter::AuthBasic(_)
            | Filter::AuthApiKey(_)
            | Filter::AuthJwt(_)
            | Filter::ForwardAuth(_)
            | Filter::RateLimit(_)
            | Filter::AddressList(_)
            | Filter::Rewrite(_)
            | Filter::MaxBody(_)
            | Filter::LogRequests(_)
            | Filter::HttpsOnly(_) => {}
        }
    }

    /// Hears that the request has been answered. `scope` shows it as the client sent it, with its response.
    pub(crate) fn answered(&self, exchange: &Exchange<'_>, scope: &Scope<'_>) {
        if let Filter::LogRequests(lines) = self {
            lines.write_after(exchange, scope);
        }
    }
}

impl ResponseFilters for Box<[Arc<Filter>]> {
    fn amend(&self, passed: usize, exchange: &mut Exchange<'_>) {
        for filter in self.iter().take(passed).rev() {
            filter.amend(exchange);
        }
    }

    fn answered(&self, passed: usize, exchange: &Exchange<'_>, scope: &Scope<'_>) {
        for filter in self.iter().take(passed).rev() {
            filter.answered(exchange, scope);
        }
    }
}

#[cfg(test)]
mod tests;

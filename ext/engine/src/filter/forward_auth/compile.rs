//! Options of `forward_auth`, and their compilation.

use std::sync::Arc;
use std::time::Duration;

use proxy_http::message::FieldName;
use serde::{Deserialize, Serialize};

use super::ForwardAuth;
use crate::compile::{Report, Word};
use crate::compiler::Compiler;
use crate::config::{At, ErrorResponseConfig, CONNECT_TIMEOUT, RETRY_BUDGET};
use crate::error::Cause;
use crate::relay::Limits;
use crate::respond::ErrorResponse;
use crate::rewrite::TargetTemplate;
use crate::upstream::{Backends, TargetHost, Upstream, Upstreams};

/// `forward_auth to: "http://auth.internal/verify", copy_headers: ["X-User"]`
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForwardAuthConfig {
    /// URL of the server that is asked, a string rewrite.
    pub to: Option<String>,
    /// Fields of the server's response that become fields of the request.
    pub copy_headers: Vec<String>,
    /// Seconds until the server's response is complete.
    pub timeout: f64,
    /// Response to the client when the server cannot be asked. Default: the built-in 502.
    pub error_response: Option<ErrorResponseConfig>,
    /// File and line of the directive, if it comes from a file.
    pub at: Option<At>,
}

impl Default for ForwardAuthConfig {
    fn default() -> Self {
        Self { to: None, copy_headers: Vec::new(), timeout: 5.0, error_response: None, at: None }
    }
}

/// Checks the directive.
pub(super) fn compile(config: &ForwardAuthConfig, compiler: &mut Compiler) -> Option<ForwardAuth> {
    let captures = compiler.captures.names();
    let mut report = Report::new(ForwardAuth::WORD, config.at.as_ref(), &mut compiler.problems);
    let error_response =
        ErrorResponse::compile(config.error_response.as_ref(), Cause::BadGateway.status(), &mut report);
    let timeout = report.within("timeout").seconds(config.timeout);
    let copied = copied(config, &mut report.within("copy_headers"));
    let target = target(config, &captures, &mut report.within("to"));
    let upstream = target.as_ref().and_then(|target| upstream(target, &mut compiler.upstreams, &mut report));
    if !report.is_sound() {
        return None;
    }
    Some(ForwardAuth {
        target: target?,
        upstream: upstream?,
        copied,
        limits: Limits {
            timeout,
            read: timeout,
            write: timeout,
            client_read: compiler.limits.client_body,
            client_write: compiler.limits.client_body,
            half_close: compiler.limits.half_close,
            rate: compiler.limits.rate,
            max_head: compiler.limits.max_head,
        },
        connect_timeout: Duration::from_secs_f64(CONNECT_TIMEOUT),
        retry_budget: RETRY_BUDGET,
        error_response,
    })
}

fn copied(config: &ForwardAuthConfig, report: &mut Report<'_>) -> Box<[FieldName]> {
    config.copy_headers.iter().filter_map(|name| report.request_field(name)).collect()
}

/// The URL of the server. A request must not be able to choose its own judge, so the host has no placeholders.
fn target(config: &ForwardAuthConfig, captures: &[&str], report: &mut Report<'_>) -> Option<TargetTemplate> {
    let Some(to) = &config.to else {
        report.error("it is empty: write the URL of a server, as in to: \"http://auth.internal/verify\"");
        return None;
    };
    match TargetTemplate::parse(to) {
        Err(message) => {
            report.error(message);
            None
        }
        Ok(target) if target.authority_literal().is_none() => {
            report.error(format!(
                "{to:?} lets a request choose who judges it: write the host without a placeholder, as in \
                 \"http://auth.internal/verify\""
            ));
            None
        }
        Ok(target) => {
            report.warnings(target.warnings(captures));
            Some(target)
        }
    }
}

/// The server's addresses, or the upstream that `to` names, found as for a `proxy` with the same `to`.
fn upstream(target: &TargetTemplate, upstreams: &mut Upstreams, report: &mut Report<'_>) -> Option<Arc<Upstream>> {
    let host =
        TargetHost { scheme_tls: Some(target.scheme_tls()), authority: target.authority_literal(), dynamic: false };
    match Backends::compile(None, Some(host), upstreams, report)? {
        Backends::Fixed(upstream) => Some(upstream),
        Backends::ByHost(_) => None,
    }
}
